package plan

import (
	"fmt"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// Limits of what an image may consist of. What is larger was made to be large.
const (
	maxDepth = 8            // of indexes in an index, itself at depth 0
	maxNodes = 10_000       // manifests in an index, to any depth, and of what refers to one manifest
	maxSteps = 4 * maxDepth // from a tag to any manifest, by indexes, subjects and referrers
)

// A LimitError says that an index lists, or a manifest is referred to by, more than planning
// reads.
type LimitError struct {
	Digest regret.Digest // empty if the repository as a whole exceeds the limit
	Tag    string        // one that points to it; may be empty
	Limit  string        // what is exceeded
}

func (e *LimitError) Error() string {
	name := string(e.Digest)
	switch {
	case e.Tag != "":
		name = e.Tag + " (" + name + ")"
	case name == "":
		name = "the repository"
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
	return d.checkReach()
}

// checkReach bounds how far what is known reaches from what the lists of the registry name,
// and how much it is. A referrer that is an index lists others, which have referrers of their
// own: a registry could go on like this for ever, within each of the other limits.
func (d *Decision) checkReach() error {
	nodes := d.snapshot.nodes
	reached := make([]bool, len(nodes))
	var level []graph.ID
	for id := range graph.ID(len(nodes)) {
		if len(d.tagsOf.Of(id)) > 0 || nodes[id].flags&isListed != 0 || d.inUse.holds(id) || d.isNamed(id) {
			reached[id] = true
			level = append(level, id)
		}
	}
	if most := 2 * maxNodes * (len(level) + 1); len(nodes) > most {
		return &LimitError{Limit: fmt.Sprintf("%d manifests", most)}
	}
	for step := 0; len(level) > 0; step++ {
		if step > maxSteps {
			first := slices.MinFunc(level, d.snapshot.digests.compare)
			return &LimitError{Digest: d.snapshot.digests.at(first), Limit: fmt.Sprintf("%d steps from a tag", maxSteps)}
		}
		var next []graph.ID
		for _, id := range level {
			for _, edges := range [...][]graph.ID{d.graph.Lists.Of(id), d.graph.Subjects.Of(id), d.graph.Referrers(id)} {
				for _, to := range edges {
					if !reached[to] {
						reached[to] = true
						next = append(next, to)
					}
				}
			}
		}
		level = next
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
