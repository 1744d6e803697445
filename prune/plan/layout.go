package plan

import (
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// A layout is a snapshot arranged for deciding: which tags point to a manifest, which
// manifests rules are about, and what leads where.
type layout struct {
	graph      *graph.Graph
	tagsOf     *graph.Edges // from a manifest to the numbers of its tags, sorted by name
	classes    []tagClass   // by tag
	candidates []graph.ID   // manifests with an ordinary tag: images and tagged referrers
	candidate  []int32      // by manifest: its number among the candidates, or -1
}

func (s *Snapshot) layout() *layout {
	n := len(s.nodes)
	l := &layout{classes: make([]tagClass, len(s.tags)), candidate: make([]int32, n)}
	var tags, lists, subjects, companions []graph.Pair
	for i, t := range s.tags {
		name := classify(t.name)
		l.classes[i] = name.class
		if t.id == none {
			continue
		}
		tags = append(tags, graph.Pair{From: t.id, To: graph.ID(i)})
		for _, owner := range s.owners(name) {
			companions = append(companions, graph.Pair{From: t.id, To: owner})
		}
	}
	for id := range graph.ID(n) {
		for _, child := range s.lists(id) {
			lists = append(lists, graph.Pair{From: id, To: child})
		}
		if subject := s.nodes[id].subject; subject != none && s.nodes[subject].flags&isMissing == 0 {
			subjects = append(subjects, graph.Pair{From: id, To: subject})
		}
	}
	l.tagsOf = graph.NewEdges(n, tags)
	l.graph = &graph.Graph{
		Flags: make([]graph.Flag, n), Compare: s.digests.compare,
		Lists: graph.NewEdges(n, lists), Subjects: graph.NewEdges(n, subjects), Companions: graph.NewEdges(n, companions),
	}
	for id := range graph.ID(n) {
		l.candidate[id] = -1
		tags := l.tagsOf.Of(id)
		slices.SortFunc(tags, func(a, b graph.ID) int { return strings.Compare(s.tags[a].name, s.tags[b].name) })
		if slices.ContainsFunc(tags, func(t graph.ID) bool { return l.classes[t] == ordinary }) {
			l.candidate[id] = int32(len(l.candidates))
			l.candidates = append(l.candidates, id)
		}
	}
	return l
}

// ordinaryTags returns the ordinary tags of a candidate, sorted by name.
func (l *layout) ordinaryTags(candidate int) []graph.ID {
	tags := l.tagsOf.Of(l.candidates[candidate])
	if !slices.ContainsFunc(tags, func(t graph.ID) bool { return l.classes[t] != ordinary }) {
		return tags
	}
	return slices.DeleteFunc(slices.Clone(tags), func(t graph.ID) bool { return l.classes[t] != ordinary })
}

// lists returns what an index lists, as often as it lists it.
func (s *Snapshot) lists(id graph.ID) []graph.ID {
	span := s.nodes[id].lists
	return s.listed[span.from : span.from+span.n]
}

// owners returns the known manifests that a companion tag belongs to.
func (s *Snapshot) owners(name className) []graph.ID {
	if name.class != companion {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.digests.beginsWith(name.algorithm, name.hex)), func(id graph.ID) bool {
		return s.nodes[id].flags&isMissing != 0
	})
}

// isReferrer reports whether a manifest has a subject.
func (s *Snapshot) isReferrer(id graph.ID) bool { return s.nodes[id].subject != none }

// root follows subjects to the manifest that refers to nothing, of which rules ask date
// and rank. It is none if a subject is gone.
func (s *Snapshot) root(id graph.ID) graph.ID {
	for range maxDepth {
		subject := s.nodes[id].subject
		if subject == none {
			return id
		}
		if s.nodes[subject].flags&isMissing != 0 {
			return none
		}
		id = subject
	}
	return none
}
