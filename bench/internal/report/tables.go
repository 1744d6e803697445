package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// head writes the first two lines of a table.
func head(w io.Writer, columns ...string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), "---|"+strings.Repeat("---:|", len(columns)-1))
}

func line(w io.Writer, cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// writeDefaults is the table for those who read only one.
func writeDefaults(w io.Writer, d Data) {
	columns, cells := []string{"Client"}, []Cell(nil)
	for _, protocol := range []registry.Protocol{registry.HTTPS, registry.H2} {
		c, ok := d.deleting(protocol, many, 0, false)
		if !ok {
			return
		}
		short := strings.TrimPrefix(string(protocol), "TLS, ")
		cells, columns = append(cells, c), append(columns, short+": time", "CPU", "Allocations", "Connections")
	}
	head(w, columns...)
	for i, row := range d.Rows {
		if row.Tuned {
			continue
		}
		fields := []string{name(row)}
		for _, c := range cells {
			fields = append(fields, timed(c, i, wall), timed(c, i, cpu),
				counted(c, i, allocs, float64(c.Tags), "%.0f"), counted(c, i, conns, 1, "%.0f"))
		}
		line(w, fields...)
	}
}

// writeMain is the table of a protocol for many callers.
func writeMain(w io.Writer, d Data, protocol registry.Protocol) {
	near, ok := d.deleting(protocol, many, 0, false)
	far, also := d.deleting(protocol, many, 20*time.Millisecond, false)
	if !ok || !also {
		return
	}
	fmt.Fprintf(w, "\n### %s, anonymous, %d tags\n\n", protocol, near.Tags)
	head(w, "Client", "Time", "Time, 20 ms added", "CPU", "Allocations", "KB a tag", "Connections", "Requests a tag")
	n := float64(near.Tags)
	for i, row := range d.Rows {
		line(w, name(row), timed(near, i, wall), timed(far, i, wall), timed(near, i, cpu),
			counted(near, i, allocs, n, "%.0f"), counted(near, i, bytes, 1000*n, "%.1f"),
			counted(near, i, conns, 1, "%.0f"), counted(near, i, reqs, n, "%.2f"))
	}
}

// writeDetails folds the tables of all protocols into one line.
func writeDetails(w io.Writer, d Data, latency time.Duration, bearer bool) {
	auth := "anonymous"
	if bearer {
		auth = "Bearer tokens"
	}
	opened := false
	for _, protocol := range registry.Protocols() {
		var cells []Cell
		for _, n := range measure.Callers() {
			if c, ok := d.deleting(protocol, n, latency, bearer); ok {
				cells = append(cells, c)
			}
		}
		if len(cells) == 0 {
			continue
		}
		if !opened {
			opened = true
			fmt.Fprintf(w, "\n<details><summary>Resolve and delete, %s, %s</summary>\n", auth, added(latency))
		}
		fmt.Fprintf(w, "\n### %s, %s, %s (%s tags)\n\n", protocol, auth, added(latency), sizes(cells))
		writeCells(w, d, cells)
	}
	if opened {
		fmt.Fprint(w, "\n</details>\n")
	}
}

// writeDistribution is the same for the real registry.
func writeDistribution(w io.Writer, d Data) {
	var cells []Cell
	for _, c := range d.Cells {
		if c.Server == registry.Distribution3 {
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		return
	}
	fmt.Fprintf(w, "\n<details><summary>Resolve and delete at %s</summary>\n\n", registry.Distribution3)
	fmt.Fprintf(w, "### %s, %s, anonymous (%s tags)\n\nStorage in memory. For each deletion it looks at every tag.\n\n",
		registry.Distribution3, cells[0].Protocol, sizes(cells))
	writeCells(w, d, cells)
	fmt.Fprint(w, "\n</details>\n")
}

func sizes(cells []Cell) string {
	var tags []string
	for _, c := range cells {
		tags = append(tags, fmt.Sprint(c.Tags))
	}
	return strings.Join(slices.Compact(tags), "; ")
}

// writeCells is one table of cells that differ in the number of callers.
func writeCells(w io.Writer, d Data, cells []Cell) {
	columns, numbers := []string{"Client"}, []string(nil)
	for _, c := range cells {
		columns, numbers = append(columns, "Time, "+callers(c.Callers)), append(numbers, fmt.Sprint(c.Callers))
	}
	for _, c := range cells {
		columns = append(columns, "CPU, "+callers(c.Callers))
	}
	head(w, append(columns, "Connections, "+strings.Join(numbers, " / "), "Requests a tag", "Allocations", "KB a tag")...)
	first := cells[0]
	n := float64(first.Tags)
	for i, row := range d.Rows {
		fields, opened := []string{name(row)}, []string(nil)
		for _, figure := range []Figure{wall, cpu} {
			for _, c := range cells {
				fields = append(fields, timed(c, i, figure))
			}
		}
		for _, c := range cells {
			opened = append(opened, counted(c, i, conns, 1, "%.0f"))
		}
		line(w, append(fields, strings.Join(opened, " / "), counted(first, i, reqs, n, "%.2f"),
			counted(first, i, allocs, n, "%.0f"), counted(first, i, bytes, 1000*n, "%.1f"))...)
	}
}

func writeList(w io.Writer, d Data, c Cell) {
	fmt.Fprintf(w, "\n### %d tags, %s\n\n", c.Tags, c.Work)
	head(w, "Client", "Time", "CPU", "Connections", "Requests", "Allocations a tag", "Heap grows by, MiB")
	for i, row := range d.Rows {
		if c.Runs[i][0].Failure != "" {
			line(w, name(row), "beyond the default limit on the size of an answer", "", "", "", "", "")
			continue
		}
		line(w, name(row), timed(c, i, wall), timed(c, i, cpu), counted(c, i, conns, 1, "%.0f"),
			counted(c, i, reqs, 1, "%.0f"), counted(c, i, allocs, float64(c.Tags), "%.2f"), grown(c, i))
	}
}
