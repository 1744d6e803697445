package report

import (
	"fmt"
	"io"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A target is an upper bound on a figure of regret, checked in every cell that it applies to.
type target struct {
	name    string
	applies func(measure.Cell) bool
	value   func(d Data, c Cell) (float64, bool)
	max     float64
	format  string
}

func isDelete(c measure.Cell) bool { return c.Work == measure.Delete }
func isList(c measure.Cell) bool   { return c.Work != measure.Delete }

// relativeToFloor returns regret's median relative to that of bare net/http.
func relativeToFloor(figure Figure) func(Data, Cell) (float64, bool) {
	return func(d Data, c Cell) (float64, bool) {
		s, ok := c.ratio(d.rowIndex(clients.Ours), figure)
		return s.Median, ok
	}
}

// worst returns regret's greatest value, divided by divisor.
func worst(figure Figure, divisor func(Cell) float64) func(Data, Cell) (float64, bool) {
	return func(d Data, c Cell) (float64, bool) {
		s, ok := c.spread(d.rowIndex(clients.Ours), figure)
		return s.Most / divisor(c), ok
	}
}

func tagsOf(c Cell) float64 { return float64(c.Tags) }

// connectionsNeeded returns how many connections suffice: one per caller, or one over HTTP/2.
func connectionsNeeded(c Cell) float64 {
	if c.Protocol == registry.H2 {
		return 1
	}
	return float64(c.Callers)
}

// relativeToFastest returns regret's time relative to the fastest other client with default options,
// or 1 if the difference is noise.
func relativeToFastest(d Data, c Cell) (float64, bool) {
	ours, ok := c.spread(d.rowIndex(clients.Ours), wall)
	var best Spread
	for i, row := range d.Rows {
		if row.Tuned || row.Name == clients.Floor || row.Name == clients.Ours {
			continue
		}
		if s, ok := c.spread(i, wall); ok && (best.Median == 0 || s.Median < best.Median) {
			best = s
		}
	}
	if ok && best.Median > 0 && !ours.differsFrom(best) {
		return 1, true
	}
	return ours.Median / best.Median, ok && best.Median > 0
}

func targets() []target {
	fast := func(c measure.Cell) bool { return isDelete(c) && c.Latency == 0 }
	slow := func(c measure.Cell) bool { return isDelete(c) && c.Latency > 0 }
	several := func(c measure.Cell) bool { return isDelete(c) && c.Callers > 1 }
	many := func(c measure.Cell) bool { return isDelete(c) && c.Callers >= 64 }
	return []target{
		{"wall time without added latency, relative to net/http", fast, relativeToFloor(wall), 1.25, "%.2f"},
		{"wall time with 20 ms added, relative to net/http", slow, relativeToFloor(wall), 1.03, "%.2f"},
		{"wall time with several callers, relative to the fastest other client with default options", several, relativeToFastest, 1, "%.2f"},
		{"allocations, relative to net/http", isDelete, relativeToFloor(allocs), 1.4, "%.2f"},
		{"connections per caller, 64 callers (HTTP/2: connections)", many, worst(conns, connectionsNeeded), 2, "%.2f"},
		{"list: connections", isList, worst(conns, func(Cell) float64 { return 1 }), 1, "%.0f"},
		{"list: allocations per tag", isList, worst(allocs, tagsOf), 1.25, "%.2f"},
		{"list: CPU time, relative to net/http", isList, relativeToFloor(cpu), 1.25, "%.2f"},
		{"list: growth of the heap, in MiB", isList, worst(heap, func(Cell) float64 { return 1 << 20 }), 4, "%.1f"},
	}
}

// writeTargets writes the performance targets and in how many cells regret meets them.
func writeTargets(w io.Writer, d Data) {
	fmt.Fprintf(w, "| regret with default options | Target (at most) | Met in | Worst | Worst cell |\n|---|---|---|---|---|\n")
	for _, t := range targets() {
		met, all, worstValue := 0, 0, -1.0
		var worstCell measure.Cell
		for _, c := range d.Cells {
			if !t.applies(c.Cell) {
				continue
			}
			value, ok := t.value(d, c)
			if !ok {
				continue
			}
			if all++; value <= t.max {
				met++
			}
			if value > worstValue {
				worstValue, worstCell = value, c.Cell
			}
		}
		if all == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s | "+t.format+" | %d of %d cells | "+t.format+" | %s |\n", t.name, t.max, met, all, worstValue, worstCell)
	}
}
