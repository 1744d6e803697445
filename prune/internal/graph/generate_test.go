package graph_test

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
	"pgregory.net/rapid"
)

// A repository is all its manifests.
type repository struct{ slow.Nodes }

// drawRepository draws a small repository. A manifest names its children and its subject by their
// digests, so these come before it; tags can belong to anything, itself included.
func drawRepository(t *rapid.T) repository {
	r := repository{make(slow.Nodes, 1+dice.Draw(t, "manifests")%12)}
	for m := range r.Nodes {
		r.Nodes[m] = slow.Node{
			Subject:  slow.NoSubject,
			InUse:    chance(t, 1, "in use"),
			Missing:  chance(t, 2, "missing"),
			Selected: chance(t, 10, "selected"),
			Explicit: chance(t, 4, "explicit"),
		}
		if m > 0 && chance(t, 8, "has a subject") {
			r.Nodes[m].Subject = dice.Draw(t, "subject") % m
		}
		for m > 0 && chance(t, 16, "lists one more") {
			r.Nodes[m].Lists = append(r.Nodes[m].Lists, dice.Draw(t, "lists")%m)
		}
		for chance(t, 13, "has one more tag") {
			r.Nodes[m].Tags = append(r.Nodes[m].Tags, drawTag(t, len(r.Nodes)))
		}
	}
	for m := range r.Nodes {
		for i, tag := range r.Nodes[m].Tags {
			if tag.Kind == slow.Taken { // rules remove the companion tags of what is gone only
				r.Nodes[m].Tags[i].Of = slices.DeleteFunc(tag.Of, func(owner int) bool { return !r.Nodes[owner].Missing })
			}
		}
	}
	return r
}

func drawTag(t *rapid.T, manifests int) slow.Tag {
	kinds := []slow.TagKind{slow.Ordinary, slow.Ordinary, slow.Ordinary, slow.Companion, slow.Companion, slow.Companion, slow.Taken, slow.Fixed}
	kind := kinds[dice.Draw(t, "kind")%len(kinds)]
	var of []int
	if kind == slow.Companion || kind == slow.Taken {
		of = append(of, dice.Draw(t, "belongs to")%manifests)
		if chance(t, 8, "belongs to another, too") {
			of = append(of, dice.Draw(t, "belongs to")%manifests)
		}
	}
	return slow.Tag{Kind: kind, Of: of}
}

// dice gives each number below 32 as often as any other. The numbers of rapid.IntRange are small
// most of the time, so that most graphs would be empty.
var dice = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 5 {
		n *= 2
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

// chance is true so many times of 32.
func chance(t *rapid.T, times int, label string) bool { return dice.Draw(t, label) >= 32-times }

// A numbering says which number a graph gives each manifest of a repository.
type numbering []graph.ID

func inOrder(r repository) numbering {
	n := make(numbering, len(r.Nodes))
	for m := range n {
		n[m] = graph.ID(m)
	}
	return n
}

func drawNumbering(t *rapid.T, r repository) numbering {
	return rapid.Permutation(inOrder(r)).Draw(t, "numbers")
}

// manifests returns the manifests of the repository by their numbers.
func (n numbering) manifests() []int {
	back := make([]int, len(n))
	for m, id := range n {
		back[id] = m
	}
	return back
}

// graph returns the repository as a graph. The seed decides in which order it has its edges.
func (r repository) graph(n numbering, seed uint64) *graph.Graph {
	var lists, subjects, companions []graph.Pair
	flags := make([]graph.Flag, len(r.Nodes))
	for m := range r.Nodes {
		flags[n[m]] = r.flags(m)
		for _, child := range r.Nodes[m].Lists {
			lists = append(lists, graph.Pair{From: n[m], To: n[child]})
		}
		if r.Nodes[m].Subject != slow.NoSubject {
			subjects = append(subjects, graph.Pair{From: n[m], To: n[r.Nodes[m].Subject]})
		}
		for _, t := range r.Nodes[m].Tags {
			for _, owner := range t.Of {
				companions = append(companions, graph.Pair{From: n[m], To: n[owner]})
			}
		}
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for _, pairs := range [][]graph.Pair{lists, subjects, companions} {
		random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	}
	back := n.manifests()
	return &graph.Graph{
		Flags:      flags,
		Lists:      graph.NewEdges(len(r.Nodes), lists),
		Subjects:   graph.NewEdges(len(r.Nodes), subjects),
		Companions: graph.NewEdges(len(r.Nodes), companions),
		Compare:    func(a, b graph.ID) int { return cmp.Compare(back[a], back[b]) },
	}
}

func (r repository) flags(m int) graph.Flag {
	var f graph.Flag
	for _, flag := range []struct {
		is bool
		graph.Flag
	}{
		{r.Nodes[m].Selected, graph.Selected},
		{r.HasOrdinaryTag(m), graph.Ordinary},
		{slices.ContainsFunc(r.Nodes[m].Tags, r.isPinned), graph.Pinned},
		{r.Nodes[m].InUse, graph.InUse},
		{r.Nodes[m].Missing, graph.Missing},
		{r.Nodes[m].Explicit, graph.Explicit},
	} {
		if flag.is {
			f |= flag.Flag
		}
	}
	return f
}

// isPinned reports whether a tag stays whatever goes. A companion tag does if what it belongs to is
// missing and no rule removes it.
func (r repository) isPinned(t slow.Tag) bool {
	return t.Kind == slow.Fixed ||
		t.Kind == slow.Companion && !slices.ContainsFunc(t.Of, func(owner int) bool { return !r.Nodes[owner].Missing })
}
