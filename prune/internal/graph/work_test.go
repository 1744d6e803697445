package graph_test

import (
	"cmp"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// TestWaysThroughAGraphAreNotCounted solves a graph in which more ways than anybody can count
// lead from the tagged indexes to the one manifest that is in use: each index lists all of the
// level below. That takes no longer than another graph with as many edges.
func TestWaysThroughAGraphAreNotCounted(t *testing.T) {
	t.Parallel()
	const width, levels = 30, 8
	flags := []graph.Flag{graph.InUse}
	below := []graph.ID{0}
	var lists []graph.Pair
	for range levels {
		var level []graph.ID
		for range width {
			index := graph.ID(len(flags))
			level = append(level, index)
			flags = append(flags, graph.Ordinary|graph.Selected)
			for _, listed := range below {
				lists = append(lists, graph.Pair{From: index, To: listed})
			}
		}
		below = level
	}
	g := &graph.Graph{
		Flags: flags, Compare: cmp.Compare[graph.ID],
		Lists: graph.NewEdges(len(flags), lists), Subjects: graph.NewEdges(len(flags), nil), Companions: graph.NewEdges(len(flags), nil),
	}
	result := g.Solve()
	for id := range graph.ID(len(flags)) {
		rule, by := result.Reason(id)
		want := max(0, (id-1)/width*width+1-width) // the first of the level below
		if id <= width {
			want = 0
		}
		if result.Goes(id) || rule != graph.Used || by != want {
			t.Fatalf("manifest %d goes: %t; it stays by rule %d because of %d, want %d because of %d", id, result.Goes(id), rule, by, graph.Used, want)
		}
	}
}
