// Package report turns measurements into tables and a plot.
package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// Noise is the relative difference between the medians of two measurements of the same row. The
// report claims no smaller difference.
const Noise = 0.06

// Data holds all measurements.
type Data struct {
	Rows   []clients.Row
	Cells  []Cell
	Rounds int
	About  About
}

// About describes where and how the data was measured.
type About struct {
	Command  string
	Date     time.Time
	Go       string
	System   string
	Versions map[string]string // by module path
}

// A Cell holds the runs of every row in one cell, in the order of [Data].Rows.
type Cell struct {
	measure.Cell
	Runs [][]measure.Result
}

// A Figure is one number of a run.
type Figure func(measure.Result) float64

// The figures that the report compares.
func wall(r measure.Result) float64   { return r.Wall.Seconds() }
func cpu(r measure.Result) float64    { return r.CPU.Seconds() }
func allocs(r measure.Result) float64 { return float64(r.Allocs) }
func bytes(r measure.Result) float64  { return float64(r.Bytes) }
func conns(r measure.Result) float64  { return float64(r.Connections) }
func reqs(r measure.Result) float64   { return float64(r.Requests) }
func heap(r measure.Result) float64   { return float64(r.Heap) }

// A Spread holds the median, the least and the greatest value of several runs.
type Spread struct{ Median, Least, Most float64 }

// differsFrom reports whether two spreads differ by more than noise: their medians differ by more
// than [Noise], and their ranges do not overlap.
func (s Spread) differsFrom(o Spread) bool {
	return math.Abs(s.Median/o.Median-1) > Noise && (s.Least > o.Most || s.Most < o.Least)
}

func (s Spread) dividedBy(x float64) Spread { return Spread{s.Median / x, s.Least / x, s.Most / x} }

// summarize returns the spread of a figure over several runs, or false if any of them failed.
func summarize(runs []measure.Result, figure Figure) (Spread, bool) {
	var values []float64
	for _, r := range runs {
		if r.Failure != "" {
			return Spread{}, false
		}
		values = append(values, figure(r))
	}
	if len(values) == 0 {
		return Spread{}, false
	}
	slices.SortFunc(values, cmp.Compare[float64])
	middle := (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	return Spread{middle, values[0], values[len(values)-1]}, true
}

// spread returns the spread of a figure of a row.
func (c Cell) spread(row int, figure Figure) (Spread, bool) { return summarize(c.Runs[row], figure) }

// ratio returns the spread of a figure of a row, relative to the median of bare net/http.
func (c Cell) ratio(row int, figure Figure) (Spread, bool) {
	floor, ok := c.spread(0, figure)
	s, rowOK := c.spread(row, figure)
	if !ok || !rowOK || floor.Median == 0 {
		return Spread{}, false
	}
	return s.dividedBy(floor.Median), true
}

// deleteCell returns the cell that resolves and deletes at the minimal registry under these conditions.
func (d Data) deleteCell(p registry.Protocol, callers int, latency time.Duration, bearer bool) (Cell, bool) {
	i := slices.IndexFunc(d.Cells, func(c Cell) bool {
		return c.Work == measure.Delete && c.Server == registry.Minimal &&
			c.Protocol == p && c.Callers == callers && c.Latency == latency && c.Bearer == bearer
	})
	if i < 0 {
		return Cell{}, false
	}
	return d.Cells[i], true
}

// rowIndex returns the index of the row with this name.
func (d Data) rowIndex(name string) int {
	return slices.IndexFunc(d.Rows, func(r clients.Row) bool { return r.Name == name })
}
