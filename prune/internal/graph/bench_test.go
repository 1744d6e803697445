package graph_test

import (
	"cmp"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// indexes returns a graph of indexes with four children each, of which every other one is shared
// with the next index. Two of three indexes are selected.
func indexes(n int) *graph.Graph {
	const children = 4
	flags := make([]graph.Flag, n*(1+children))
	lists := make([]graph.Pair, 0, n*children)
	for i := range n {
		flags[i] = graph.Ordinary
		if i%3 != 0 {
			flags[i] |= graph.Selected
		}
		for c := range children {
			child := n + i*children + c
			if c == 0 && i%2 == 1 {
				child -= children // the first child of the index before
			}
			lists = append(lists, graph.Pair{From: graph.ID(i), To: graph.ID(child)})
		}
	}
	return &graph.Graph{
		Flags:      flags,
		Lists:      graph.NewEdges(len(flags), lists),
		Subjects:   graph.NewEdges(len(flags), nil),
		Companions: graph.NewEdges(len(flags), nil),
		Compare:    cmp.Compare[graph.ID],
	}
}

func BenchmarkSolve(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		indexes(100_000).Solve()
	}
}

func BenchmarkSolveAndOrder(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		g := indexes(100_000)
		g.Order(g.Solve().Goes)
	}
}

func BenchmarkGraphAlone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		indexes(100_000)
	}
}
