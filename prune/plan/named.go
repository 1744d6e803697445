package plan

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A Named is what is decided about a tag or a digest that a rule names, see
// [policy.Remove.References].
type Named struct {
	Reference string
	Digest    regret.Digest // of the manifest it leads to; empty if there is none
	Broken    bool          // a list has the tag, but nothing is there
	Tags      []string      // all tags of the manifest, sorted
	// Shared are those of Tags that no rule names, and that keep the manifest. A companion
	// tag of something that is named as well does not.
	Shared []string
	Goes   bool    // the manifest is deleted
	Needed *Reason // why it stays although rules name it and each of its tags
}

// Named yields what is decided about each reference that rules name, sorted.
func (d *Decision) Named() iter.Seq[Named] {
	return func(yield func(Named) bool) {
		tags := d.namedTags()
		named := d.namedManifests(tags)
		for _, reference := range slices.Sorted(maps.Keys(d.refs)) {
			if !yield(d.about(reference, tags, named)) {
				return
			}
		}
	}
}

// about returns what is decided about one reference.
func (d *Decision) about(reference string, tags map[string]int, named map[graph.ID]bool) Named {
	s := d.snapshot
	n := Named{Reference: reference}
	id, known := s.find(reference)
	if i, isTag := tags[reference]; isTag {
		n.Broken = s.tags[i].state == tagBroken
		id, known = s.tags[i].id, s.tags[i].id != none
	}
	if !known || s.nodes[id].flags&isMissing != 0 {
		return n
	}
	n.Digest, n.Tags, n.Goes = s.digests.at(id), d.names(d.tagsOf.Of(id)), d.result.Goes(id)
	for _, tag := range d.tagsOf.Of(id) {
		if name := s.tags[tag].name; !d.refs[name] && !d.goesWith(name, named) {
			n.Shared = append(n.Shared, name)
		}
	}
	if len(n.Shared) == 0 && !n.Goes && d.result.Concerned(id) {
		reason := d.needed(id)
		n.Needed = &reason
	}
	return n
}

// find returns the number of the manifest of a digest; a tag is none.
func (s *Snapshot) find(reference string) (graph.ID, bool) {
	if !isDigestReference(reference) {
		return none, false
	}
	return s.digests.find(regret.Digest(reference))
}

// isDigestReference tells a digest from a tag, which has no colon. Policies name only valid
// ones.
func isDigestReference(reference string) bool { return strings.Contains(reference, ":") }

// goesWith reports whether a tag is a companion tag that belongs to named manifests only.
func (d *Decision) goesWith(tag string, named map[graph.ID]bool) bool {
	owners := d.snapshot.owners(classify(tag))
	return len(owners) > 0 && !slices.ContainsFunc(owners, func(id graph.ID) bool { return !named[id] })
}

// namedTags returns the numbers of the tags that rules name.
func (d *Decision) namedTags() map[string]int {
	tags := make(map[string]int)
	for i, t := range d.snapshot.tags {
		if d.refs[t.name] {
			tags[t.name] = i
		}
	}
	return tags
}

// namedManifests returns the manifests that rules name, by their digest or a tag.
func (d *Decision) namedManifests(tags map[string]int) map[graph.ID]bool {
	named := make(map[graph.ID]bool)
	for _, i := range tags {
		named[d.snapshot.tags[i].id] = true
	}
	for name := range d.refs {
		if id, known := d.snapshot.find(name); known {
			named[id] = true
		}
	}
	return named
}

// namesOf returns the references that rules of a policy name; nil if there are none.
func namesOf(p *policy.Policy) map[string]bool {
	var names map[string]bool
	for _, rule := range p.Remove() {
		for _, reference := range rule.References() {
			if names == nil {
				names = make(map[string]bool)
			}
			names[reference] = true
		}
	}
	return names
}

// isNamed reports whether a rule names the digest of a manifest.
func (d *Decision) isNamed(id graph.ID) bool {
	return len(d.refs) > 0 && d.refs[string(d.snapshot.digests.at(id))]
}

// isExplicit reports whether rules name a manifest so that what it belongs to does not hold
// it: each of its tags, or its digest if it has none.
func (d *Decision) isExplicit(id graph.ID) bool {
	if len(d.refs) == 0 {
		return false
	}
	tags := d.tagsOf.Of(id)
	if len(tags) == 0 {
		return d.isNamed(id)
	}
	return !slices.ContainsFunc(tags, func(tag graph.ID) bool { return !d.refs[d.snapshot.tags[tag].name] })
}
