package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// many is the number of callers of the plot and of the tables that come first.
const many = 64

// Markdown writes everything that was measured: first what most readers look
// for, at the end all of it.
func Markdown(w io.Writer, d Data) {
	fmt.Fprintf(w, `# regret beside other clients and bare net/http

Written by `+"`%s`"+` in bench/ on %s: medians of %d interleaved runs. Do not edit; run it again. [README.md](README.md) says what is done
and what each row is.

%s, %s. The server is a process of its own on the same machine, and each run of a client is one too. %s

![Wall time as a multiple of bare net/http's, %d callers](results.svg)

Time and CPU are multiples of the median of bare net/http, whose own are in ms: the median, then (the least – the most) of the runs.
A ≈ stands before what differs from bare net/http by no more than noise: by less than %.0f %%, by which the same row differs from itself
on an idle machine, or with runs among those of the other. Allocations are those for one tag.
`, d.About.Command, d.About.Date.Format(time.DateOnly), d.Rounds, d.About.Go, d.About.System, restless(d), many, 100*Noise)
	fmt.Fprintf(w, "\n## Resolve and delete: %d callers over TLS, default options\n\n", many)
	writeDefaults(w, d)
	fmt.Fprint(w, "\n## What regret set out to reach\n\n")
	writeTargets(w, d)
	fmt.Fprintf(w, "\n## Resolve and delete: %d callers over TLS, defaults and tuned\n", many)
	for _, protocol := range []registry.Protocol{registry.HTTPS, registry.H2} {
		writeMain(w, d, protocol)
	}
	fmt.Fprint(w, "\n## Lists\n")
	for _, c := range d.Cells {
		if c.Work != measure.Delete {
			writeList(w, d, c)
		}
	}
	fmt.Fprint(w, "\n## Everything\n")
	for _, latency := range measure.Latencies() {
		for _, bearer := range []bool{false, true} {
			writeDetails(w, d, latency, bearer)
		}
	}
	writeDistribution(w, d)
	fmt.Fprint(w, "\n## Versions\n\n| Module | Version |\n|---|---|\n")
	for _, module := range slices.Sorted(maps.Keys(d.About.Versions)) {
		fmt.Fprintf(w, "| %s | %s |\n", module, d.About.Versions[module])
	}
}

// restless says how quiet the machine was.
func restless(d Data) string {
	least, most := 1.0, 1.0
	for _, c := range d.Cells {
		if s, ok := c.ratio(0, wall); ok {
			least, most = min(least, s.Least), max(most, s.Most)
		}
	}
	return fmt.Sprintf("In this run, single runs of bare net/http lay between %.2f and %.2f of their median.", least, most)
}

func name(row clients.Row) string {
	if row.Name == clients.Ours {
		return "**" + row.Name + "**"
	}
	return row.Name
}

func added(latency time.Duration) string {
	if latency == 0 {
		return "no latency added"
	}
	return fmt.Sprintf("%d ms added to every answer", latency.Milliseconds())
}

func callers(n int) string {
	if n == 1 {
		return "1 caller"
	}
	return fmt.Sprintf("%d callers", n)
}

// timed is a time as a multiple of the floor's, or the floor's own.
func timed(c Cell, row int, figure Figure) string {
	s, ok := c.ratio(row, figure)
	if !ok {
		return "–"
	}
	if row == 0 {
		floor, _ := c.of(0, figure)
		return fmt.Sprintf("%.0f ms (%.2f–%.2f)", 1000*floor.Median, s.Least, s.Most)
	}
	about := ""
	if floor, _ := c.ratio(0, figure); !s.unlike(floor) {
		about = "≈ "
	}
	return fmt.Sprintf("%s%.2f (%.2f–%.2f)", about, s.Median, s.Least, s.Most)
}

// grown is by how much the heap grew, which only one of the runs has watched.
func grown(c Cell, row int) string {
	s, _ := c.of(row, heap)
	return fmt.Sprintf("%.1f", s.Most/(1<<20))
}

// counted is a figure that does not depend on the machine.
func counted(c Cell, row int, figure Figure, per float64, form string) string {
	s, ok := c.of(row, figure)
	if !ok {
		return "–"
	}
	return fmt.Sprintf(form, s.Median/per)
}
