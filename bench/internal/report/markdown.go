package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// Markdown writes everything that was measured.
func Markdown(w io.Writer, d Data) {
	fmt.Fprintf(w, `# regret beside other clients and bare net/http

Written by `+"`%s`"+` in bench/ on %s: medians of %d interleaved runs. Do not edit; run it again.

%s, %s. The server is a process of its own on the same machine, and each run of a client is one too.

![Wall time as a multiple of bare net/http's, 64 callers](results.svg)

Time is a multiple of the median of bare net/http (the median, then the least and the most of the runs). A ≈ stands before what
differs from bare net/http by no more than noise: by less than %.0f %%, by which the same row differs from itself on an idle machine, or
with runs among those of the other. %s README.md says what each row does.

`, d.About.Command, d.About.Date.Format(time.DateOnly), d.Rounds, d.About.Go, d.About.System, 100*Noise, restless(d))
	fmt.Fprint(w, "| Module | Version |\n|---|---|\n")
	for _, module := range slices.Sorted(maps.Keys(d.About.Versions)) {
		fmt.Fprintf(w, "| %s | %s |\n", module, d.About.Versions[module])
	}
	fmt.Fprint(w, "\n## What regret set out to reach\n\n")
	writeTargets(w, d)
	fmt.Fprint(w, "\n## Resolve and delete\n")
	for _, latency := range measure.Latencies() {
		for _, bearer := range []bool{false, true} {
			for _, protocol := range registry.Protocols() {
				writeDelete(w, d, latency, bearer, protocol)
			}
		}
	}
	fmt.Fprint(w, "\n## Lists\n")
	for _, c := range d.Cells {
		if c.Work != measure.Delete {
			writeList(w, d, c)
		}
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

// writeDelete is the table of one protocol, for every number of callers.
func writeDelete(w io.Writer, d Data, latency time.Duration, bearer bool, protocol registry.Protocol) {
	var cells []Cell
	for _, c := range d.Cells {
		if c.Work == measure.Delete && c.Latency == latency && c.Bearer == bearer && c.Protocol == protocol {
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		return
	}
	auth := "anonymous"
	if bearer {
		auth = "Bearer tokens"
	}
	var tags []string
	for _, c := range cells {
		tags = append(tags, fmt.Sprint(c.Tags))
	}
	fmt.Fprintf(w, "\n### %s, %s, %s (%s tags)\n\n", protocol, auth, added(latency), strings.Join(slices.Compact(tags), "; "))
	head, line := "| Client |", "|---|"
	var numbers []string
	for _, c := range cells {
		numbers = append(numbers, fmt.Sprint(c.Callers))
	}
	for _, what := range []string{"Time, %s", "CPU, %s"} {
		for _, c := range cells {
			head += fmt.Sprintf(" "+what+" |", callers(c.Callers))
			line += "---|"
		}
	}
	head += " Connections, " + strings.Join(numbers, " / ") + " |"
	fmt.Fprintln(w, head+" Requests a tag | Allocations a tag | KB a tag |\n"+line+"---|---|---|---|")
	for i, row := range d.Rows {
		fmt.Fprintf(w, "| %s |", name(row))
		for _, figure := range []Figure{wall, cpu} {
			for _, c := range cells {
				fmt.Fprintf(w, " %s |", timed(c, i, figure))
			}
		}
		var opened []string
		for _, c := range cells {
			opened = append(opened, counted(c, i, conns, 1, "%.0f"))
		}
		fmt.Fprintf(w, " %s |", strings.Join(opened, " / "))
		first := cells[0]
		n := float64(first.Tags)
		fmt.Fprintf(w, " %s | %s | %s |\n", counted(first, i, reqs, n, "%.2f"), counted(first, i, allocs, n, "%.0f"), counted(first, i, bytes, 1000*n, "%.1f"))
	}
}

func writeList(w io.Writer, d Data, c Cell) {
	fmt.Fprintf(w, "\n### %d tags, %s\n\n| Client | Time | CPU | Connections | Requests | Allocations a tag | Heap grows by, MiB |\n|---|---|---|---|---|---|---|\n", c.Tags, c.Work)
	for i, row := range d.Rows {
		if c.Runs[i][0].Failure != "" {
			fmt.Fprintf(w, "| %s | beyond the default limit on the size of an answer |  |  |  |  |  |\n", name(row))
			continue
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", name(row), timed(c, i, wall), timed(c, i, cpu),
			counted(c, i, conns, 1, "%.0f"), counted(c, i, reqs, 1, "%.0f"), counted(c, i, allocs, float64(c.Tags), "%.2f"), grown(c, i))
	}
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
	return fmt.Sprintf("%v added to every answer", latency)
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
