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

// Noise is what the median of a row differs by from that of the same row
// measured again. Nothing smaller is claimed.
const Noise = 0.06

// Data is everything that was measured.
type Data struct {
	Rows   []clients.Row
	Cells  []Cell
	Rounds int
	About  About
}

// About says where and how it was measured.
type About struct {
	Command  string
	Date     time.Time
	Go       string
	System   string
	Versions map[string]string // by module
}

// A Cell has the runs of every row in one cell, in the order of the rows.
type Cell struct {
	measure.Cell
	Runs [][]measure.Result
}

// A Figure is one number of a run.
type Figure func(measure.Result) float64

// The figures that are compared.
func wall(r measure.Result) float64   { return r.Wall.Seconds() }
func cpu(r measure.Result) float64    { return r.CPU.Seconds() }
func allocs(r measure.Result) float64 { return float64(r.Allocs) }
func bytes(r measure.Result) float64  { return float64(r.Bytes) }
func conns(r measure.Result) float64  { return float64(r.Connections) }
func reqs(r measure.Result) float64   { return float64(r.Requests) }
func heap(r measure.Result) float64   { return float64(r.Heap) }

// A Spread is the median of several runs with the least and the most.
type Spread struct{ Median, Least, Most float64 }

// unlike says that two spreads differ by more than noise: their medians by more
// than a row differs from itself, and no run of one lies among the other's.
func (s Spread) unlike(o Spread) bool {
	return math.Abs(s.Median/o.Median-1) > Noise && (s.Least > o.Most || s.Most < o.Least)
}

func (s Spread) over(x float64) Spread { return Spread{s.Median / x, s.Least / x, s.Most / x} }

// spread is false for a row that did not do the work.
func spread(runs []measure.Result, figure Figure) (Spread, bool) {
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

// of is a row's figure in a cell.
func (c Cell) of(row int, figure Figure) (Spread, bool) { return spread(c.Runs[row], figure) }

// ratio is a row's figure as a multiple of the floor's median.
func (c Cell) ratio(row int, figure Figure) (Spread, bool) {
	floor, ok := c.of(0, figure)
	s, here := c.of(row, figure)
	if !ok || !here || floor.Median == 0 {
		return Spread{}, false
	}
	return s.over(floor.Median), true
}

// deleting finds a cell of that work at the minimal registry.
func (d Data) deleting(p registry.Protocol, callers int, latency time.Duration, bearer bool) (Cell, bool) {
	i := slices.IndexFunc(d.Cells, func(c Cell) bool {
		return c.Work == measure.Delete && c.Server == registry.Minimal &&
			c.Protocol == p && c.Callers == callers && c.Latency == latency && c.Bearer == bearer
	})
	if i < 0 {
		return Cell{}, false
	}
	return d.Cells[i], true
}

// row is the index of a row by its name.
func (d Data) row(name string) int {
	return slices.IndexFunc(d.Rows, func(r clients.Row) bool { return r.Name == name })
}
