package plan

import (
	"fmt"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// Limits of what an image may consist of. What is larger was made to be large.
const (
	maxDepth = 8      // of indexes in an index, itself at depth 0
	maxNodes = 10_000 // manifests in an index, to any depth, and of what refers to one manifest
)

// A LimitError says that an index lists, or a manifest is referred to by, more than planning
// reads.
type LimitError struct {
	Digest regret.Digest
	Tag    string // one that points to it; may be empty
	Limit  string // what is exceeded
}

func (e *LimitError) Error() string {
	name := string(e.Digest)
	if e.Tag != "" {
		name = e.Tag + " (" + name + ")"
	}
	return fmt.Sprintf("%s: it exceeds the limit of %s; nothing is planned", name, e.Limit)
}

// checkLimits bounds what indexes consist of and what refers to a manifest, so that a
// registry that makes up more and more of it cannot keep planning busy for ever.
func (d *Decision) checkLimits() error {
	referrers := make(map[graph.ID]int) // of each manifest, and of these
	for id := range graph.ID(len(d.snapshot.nodes)) {
		limit := ""
		if d.snapshot.nodes[id].lists.n > 0 && (len(d.tagsOf.Of(id)) > 0 || len(d.graph.ListedBy(id)) == 0) {
			limit = d.exceeded(id)
		}
		if d.snapshot.isReferrer(id) {
			subject, depth := d.rootSubject(id)
			if referrers[subject]++; referrers[subject] > maxNodes {
				limit = fmt.Sprintf("%d referrers", maxNodes)
			}
			if depth > maxDepth {
				limit = fmt.Sprintf("%d referrers of referrers", maxDepth)
			}
		}
		if limit != "" {
			return &LimitError{d.snapshot.digests.at(id), d.tagOf(id), limit}
		}
	}
	return nil
}

func (d *Decision) tagOf(id graph.ID) string {
	if tags := d.tagsOf.Of(id); len(tags) > 0 {
		return d.snapshot.tags[tags[0]].name
	}
	return ""
}

// rootSubject follows subjects as far as the limit allows.
func (d *Decision) rootSubject(id graph.ID) (subject graph.ID, depth int) {
	for depth <= maxDepth && d.snapshot.nodes[id].subject != none {
		id = d.snapshot.nodes[id].subject
		depth++
	}
	return id, depth
}

// exceeded returns the limit that an index exceeds, if any.
func (d *Decision) exceeded(root graph.ID) string {
	total := uint32(0)
	level, seen := []graph.ID{root}, map[graph.ID]bool(nil)
	for depth := 0; len(level) > 0; depth++ {
		if depth > maxDepth {
			return fmt.Sprintf("%d levels of indexes", maxDepth)
		}
		var next []graph.ID
		for _, id := range level {
			if total += d.snapshot.nodes[id].lists.n; total > maxNodes {
				return fmt.Sprintf("%d manifests", maxNodes)
			}
			for _, child := range d.snapshot.lists(id) {
				if seen[child] || !d.snapshot.isIndex(child) {
					continue
				}
				if seen == nil {
					seen = make(map[graph.ID]bool)
				}
				seen[child] = true
				next = append(next, child)
			}
		}
		level = next
	}
	return ""
}

// isIndex reports whether a manifest lists others, or may by what is said of its media type.
func (s *Snapshot) isIndex(id graph.ID) bool {
	n := &s.nodes[id]
	if n.flags&isRead != 0 {
		return n.lists.n > 0 || isIndexType(s.texts.at(n.mediaType))
	}
	return n.lists.n > 0 || n.flags&mayList != 0 || n.mediaType == 0
}
