package plan

import (
	"iter"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// HoldsTag returns why a step must not take a tag off by now: it is in use, or what it belongs
// to stays.
func (g *Guard) HoldsTag(step *Step, name string) (Reason, bool) {
	g.decide()
	switch i, known := g.tags[name]; {
	case g.inUse.tags[name]:
		return Reason{Text: "the tag is in use"}, true
	case known && classify(name).class != ordinary && !g.evidence.comesOffAlone(graph.ID(i)):
		return Reason{Text: "what the tag belongs to stays, or is there again"}, true
	}
	return Reason{}, false
}

// Others returns the tags of a manifest of which one must be left for a step to take a tag
// off: ordinary ones for an ordinary tag, and of those that the step does not take off. Some
// registries delete a manifest with its last tag.
func (g *Guard) Others(step *Step, name string) []string {
	isOrdinary := classify(name).class == ordinary
	return slices.DeleteFunc(g.TagsOf(step.Digest), func(other string) bool {
		_, comesOff := slices.BinarySearch(step.Untag, other)
		return comesOff || isOrdinary && classify(other).class != ordinary
	})
}

// Tag returns what a tag points to as far as the guard knows; ok is false if it is gone.
func (g *Guard) Tag(name string) (dgst regret.Digest, ok bool) {
	i, known := g.tags[name]
	if !known || g.evidence.snapshot.tags[i].state != tagRead {
		return "", false
	}
	return g.evidence.snapshot.digests.at(g.evidence.snapshot.tags[i].id), true
}

// Tags yields the tags that are there as far as the guard knows, and what they point to.
func (g *Guard) Tags() iter.Seq2[string, regret.Digest] {
	return func(yield func(string, regret.Digest) bool) {
		for _, t := range g.evidence.snapshot.tags {
			if t.state == tagRead && !yield(t.name, g.evidence.snapshot.digests.at(t.id)) {
				return
			}
		}
	}
}

// TagsOf returns the tags that point to a manifest as far as the guard knows, sorted.
func (g *Guard) TagsOf(dgst regret.Digest) []string {
	g.decide()
	e := g.evidence
	id, known := e.snapshot.digests.find(dgst)
	if !known {
		return nil
	}
	var names []string
	for _, i := range e.tagsOf.Of(id) {
		if t := e.snapshot.tags[i]; t.state == tagRead && t.id == id { // or else it was dropped since
			names = append(names, t.name)
		}
	}
	return names
}
