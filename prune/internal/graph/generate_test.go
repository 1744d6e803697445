package graph_test

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"pgregory.net/rapid"
)

// drawRepository draws a small repository. A manifest names its children and its subject by their
// digests, so these come before it; tags can belong to anything, itself included.
func drawRepository(t *rapid.T) repository {
	r := make(repository, 1+dice.Draw(t, "manifests")%12)
	for m := range r {
		r[m] = manifest{
			subject:  none,
			inUse:    chance(t, 1, "in use"),
			missing:  chance(t, 2, "missing"),
			selected: chance(t, 10, "selected"),
		}
		if m > 0 && chance(t, 8, "has a subject") {
			r[m].subject = dice.Draw(t, "subject") % m
		}
		for m > 0 && chance(t, 16, "lists one more") {
			r[m].lists = append(r[m].lists, dice.Draw(t, "lists")%m)
		}
		for chance(t, 13, "has one more tag") {
			r[m].tags = append(r[m].tags, drawTag(t, len(r)))
		}
	}
	for m := range r {
		for i, tag := range r[m].tags {
			if tag.kind == taken { // rules remove the companion tags of what is gone only
				r[m].tags[i].of = slices.DeleteFunc(tag.of, func(owner int) bool { return !r[owner].missing })
			}
		}
	}
	return r
}

func drawTag(t *rapid.T, manifests int) tag {
	kinds := []tagKind{ordinary, ordinary, ordinary, companion, companion, companion, taken, fixed}
	kind := kinds[dice.Draw(t, "kind")%len(kinds)]
	var of []int
	if kind == companion || kind == taken {
		of = append(of, dice.Draw(t, "belongs to")%manifests)
		if chance(t, 8, "belongs to another, too") {
			of = append(of, dice.Draw(t, "belongs to")%manifests)
		}
	}
	return tag{kind, of}
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
	n := make(numbering, len(r))
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
	flags := make([]graph.Flag, len(r))
	for m := range r {
		flags[n[m]] = r.flags(m)
		for _, child := range r[m].lists {
			lists = append(lists, graph.Pair{From: n[m], To: n[child]})
		}
		if r[m].subject != none {
			subjects = append(subjects, graph.Pair{From: n[m], To: n[r[m].subject]})
		}
		for _, t := range r[m].tags {
			for _, owner := range t.of {
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
		Lists:      graph.NewEdges(len(r), lists),
		Subjects:   graph.NewEdges(len(r), subjects),
		Companions: graph.NewEdges(len(r), companions),
		Compare:    func(a, b graph.ID) int { return cmp.Compare(back[a], back[b]) },
	}
}

func (r repository) flags(m int) graph.Flag {
	var f graph.Flag
	for _, flag := range []struct {
		is bool
		graph.Flag
	}{
		{r[m].selected, graph.Selected},
		{r.hasOrdinaryTag(m), graph.Ordinary},
		{slices.ContainsFunc(r[m].tags, r.isPinned), graph.Pinned},
		{r[m].inUse, graph.InUse},
		{r[m].missing, graph.Missing},
	} {
		if flag.is {
			f |= flag.Flag
		}
	}
	return f
}

// isPinned reports whether a tag stays whatever goes. A companion tag does if what it belongs to is
// missing and no rule removes it.
func (r repository) isPinned(t tag) bool {
	return t.kind == fixed ||
		t.kind == companion && !slices.ContainsFunc(t.of, func(owner int) bool { return !r[owner].missing })
}
