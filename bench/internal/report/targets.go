package report

import (
	"fmt"
	"io"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A target is a bound that this library is to keep in many cells.
type target struct {
	name  string
	where func(measure.Cell) bool
	value func(d Data, c Cell) (float64, bool)
	most  float64
	form  string
}

func deleting(c measure.Cell) bool { return c.Work == measure.Delete }
func listing(c measure.Cell) bool  { return c.Work != measure.Delete }

// times is our figure as a multiple of the floor's.
func times(figure Figure) func(Data, Cell) (float64, bool) {
	return func(d Data, c Cell) (float64, bool) {
		s, ok := c.ratio(d.row(clients.Ours), figure)
		return s.Median, ok
	}
}

// most is our figure at its worst, over something.
func most(figure Figure, over func(Cell) float64) func(Data, Cell) (float64, bool) {
	return func(d Data, c Cell) (float64, bool) {
		s, ok := c.of(d.row(clients.Ours), figure)
		return s.Most / over(c), ok
	}
}

func perTag(c Cell) float64 { return float64(c.Tags) }

// allowed is how many connections are enough.
func allowed(c Cell) float64 {
	if c.Protocol == registry.H2 {
		return 1
	}
	return float64(c.Callers)
}

// behind is our time as a multiple of the fastest other client's with default
// options; 1 if the difference is noise.
func behind(d Data, c Cell) (float64, bool) {
	our, ok := c.of(d.row(clients.Ours), wall)
	var best Spread
	for i, row := range d.Rows {
		if row.Tuned || row.Name == clients.Floor || row.Name == clients.Ours {
			continue
		}
		if s, here := c.of(i, wall); here && (best.Median == 0 || s.Median < best.Median) {
			best = s
		}
	}
	if ok && best.Median > 0 && !our.unlike(best) {
		return 1, true
	}
	return our.Median / best.Median, ok && best.Median > 0
}

func targets() []target {
	several := func(c measure.Cell) bool { return deleting(c) && c.Callers > 1 }
	return []target{
		{"wall time, of the floor's", deleting, times(wall), 1.10, "%.2f"},
		{"wall time with several callers, of the fastest other default's", several, behind, 1, "%.2f"},
		{"CPU time, of the floor's", deleting, times(cpu), 1.20, "%.2f"},
		{"allocations, of the floor's", deleting, times(allocs), 1.5, "%.2f"},
		{"bytes allocated, of the floor's", deleting, times(bytes), 1.5, "%.2f"},
		{"connections, of the callers (HTTP/2: of one)", deleting, most(conns, allowed), 1, "%.2f"},
		{"list: connections", listing, most(conns, func(Cell) float64 { return 1 }), 1, "%.0f"},
		{"list: allocations per tag", listing, most(allocs, perTag), 1.1, "%.2f"},
		{"list: CPU time, of the floor's", listing, times(cpu), 1.20, "%.2f"},
		{"list: growth of the heap, in MiB", listing, most(heap, func(Cell) float64 { return 1 << 20 }), 4, "%.1f"},
	}
}

// writeTargets says what this library set out to reach and where it does.
func writeTargets(w io.Writer, d Data) {
	fmt.Fprintf(w, "| Default options of regret | At most | Kept in | At its worst | There |\n|---|---|---|---|---|\n")
	for _, t := range targets() {
		kept, all, worst := 0, 0, -1.0
		var there measure.Cell
		for _, c := range d.Cells {
			if !t.where(c.Cell) {
				continue
			}
			value, ok := t.value(d, c)
			if !ok {
				continue
			}
			if all++; value <= t.most {
				kept++
			}
			if value > worst {
				worst, there = value, c.Cell
			}
		}
		if all == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s | "+t.form+" | %d of %d cells | "+t.form+" | %s |\n", t.name, t.most, kept, all, worst, there)
	}
}
