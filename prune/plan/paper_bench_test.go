package plan_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// largePlan is the plan of a repository of n indexes of four children each.
func largePlan(tb testing.TB, n int) *plan.Plan {
	tb.Helper()
	p, err := policy.Parse([]byte(tenRules))
	if err != nil {
		tb.Fatal(err)
	}
	d, err := plan.Decide(p, largeSnapshot(tb, p, n), benchTime)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := d.Plan()
	if err != nil {
		tb.Fatal(err)
	}
	return made
}

// BenchmarkPaper writes, reads and shows plans of indexes of four children each.
func BenchmarkPaper(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		p := largePlan(b, n)
		paper := onPaper(b, p)
		for name, run := range map[string]func() error{
			"write": func() error { _, err := p.WriteTo(io.Discard); return err },
			"read":  func() error { _, err := plan.Read(bytes.NewReader(paper)); return err },
			"tree":  func() error { return p.Tree(io.Discard, plan.TreeOptions{}) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(paper)))
				b.ReportAllocs()
				for b.Loop() {
					if err := run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/image")
			})
		}
	}
}

// Writing allocates less than it writes, so it does not collect what it writes. The race
// detector empties pools at random, so that it allocates more than without.
func TestWriteToStreams(t *testing.T) {
	p := largePlan(t, 2000)
	size := len(onPaper(t, p))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := p.WriteTo(io.Discard); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(size)*3/4 {
		t.Errorf("writing %d bytes allocated %d", size, got)
	}
}
