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

// writeHead writes the header and the delimiter row of a table.
func writeHead(w io.Writer, columns ...string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), "---|"+strings.Repeat("---:|", len(columns)-1))
}

func writeLine(w io.Writer, cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// writeDefaults writes the most important table: default options over TLS.
func writeDefaults(w io.Writer, d Data) {
	columns, cells := []string{"Client"}, []Cell(nil)
	for _, protocol := range []registry.Protocol{registry.HTTPS, registry.H2} {
		c, ok := d.deleteCell(protocol, manyCallers, 0, false)
		if !ok {
			return
		}
		short := strings.TrimPrefix(string(protocol), "TLS, ")
		cells, columns = append(cells, c), append(columns, short+": time", "CPU", "Allocations", "Connections")
	}
	writeHead(w, columns...)
	for i, row := range d.Rows {
		if row.Tuned {
			continue
		}
		fields := []string{rowName(row)}
		for _, c := range cells {
			fields = append(fields, timeText(c, i, wall), timeText(c, i, cpu),
				countText(c, i, allocs, float64(c.Tags), "%.0f"), countText(c, i, conns, 1, "%.0f"))
		}
		writeLine(w, fields...)
	}
}

// writeProtocol writes the table of one protocol for many callers.
func writeProtocol(w io.Writer, d Data, protocol registry.Protocol) {
	near, ok := d.deleteCell(protocol, manyCallers, 0, false)
	far, farOK := d.deleteCell(protocol, manyCallers, 20*time.Millisecond, false)
	if !ok || !farOK {
		return
	}
	fmt.Fprintf(w, "\n### %s, anonymous, %d tags\n\n", protocol, near.Tags)
	writeHead(w, "Client", "Time", "Time, 20 ms added", "CPU", "Allocations", "KB per tag", "Connections", "Requests per tag")
	n := float64(near.Tags)
	for i, row := range d.Rows {
		writeLine(w, rowName(row), timeText(near, i, wall), timeText(far, i, wall), timeText(near, i, cpu),
			countText(near, i, allocs, n, "%.0f"), countText(near, i, bytes, 1000*n, "%.1f"),
			countText(near, i, conns, 1, "%.0f"), countText(near, i, reqs, n, "%.2f"))
	}
}

// writeDetails writes the tables of all protocols into one collapsed section.
func writeDetails(w io.Writer, d Data, latency time.Duration, bearer bool) {
	auth := "anonymous"
	if bearer {
		auth = "Bearer tokens"
	}
	opened := false
	for _, protocol := range registry.Protocols() {
		var cells []Cell
		for _, n := range measure.Callers() {
			if c, ok := d.deleteCell(protocol, n, latency, bearer); ok {
				cells = append(cells, c)
			}
		}
		if len(cells) == 0 {
			continue
		}
		if !opened {
			opened = true
			fmt.Fprintf(w, "\n<details><summary>Resolve and delete, %s, %s</summary>\n", auth, latencyText(latency))
		}
		fmt.Fprintf(w, "\n### %s, %s, %s (%s tags)\n\n", protocol, auth, latencyText(latency), tagCounts(cells))
		writeCells(w, d, cells)
	}
	if opened {
		fmt.Fprint(w, "\n</details>\n")
	}
}

// writeDistribution writes the collapsed section of distribution 3.
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
	fmt.Fprintf(w, "### %s, %s, anonymous (%s tags)\n\nIts storage is in memory. It looks at every tag for each deletion.\n\n",
		registry.Distribution3, cells[0].Protocol, tagCounts(cells))
	writeCells(w, d, cells)
	fmt.Fprint(w, "\n</details>\n")
}

// tagCounts lists the numbers of tags of the cells, without repetitions.
func tagCounts(cells []Cell) string {
	var tags []string
	for _, c := range cells {
		tags = append(tags, fmt.Sprint(c.Tags))
	}
	return strings.Join(slices.Compact(tags), "; ")
}

// writeCells writes one table for cells that differ only in their number of callers.
func writeCells(w io.Writer, d Data, cells []Cell) {
	columns, numbers := []string{"Client"}, []string(nil)
	for _, c := range cells {
		columns, numbers = append(columns, "Time, "+callersText(c.Callers)), append(numbers, fmt.Sprint(c.Callers))
	}
	for _, c := range cells {
		columns = append(columns, "CPU, "+callersText(c.Callers))
	}
	writeHead(w, append(columns, "Connections, "+strings.Join(numbers, " / "), "Requests per tag", "Allocations", "KB per tag")...)
	first := cells[0]
	n := float64(first.Tags)
	for i, row := range d.Rows {
		fields, opened := []string{rowName(row)}, []string(nil)
		for _, figure := range []Figure{wall, cpu} {
			for _, c := range cells {
				fields = append(fields, timeText(c, i, figure))
			}
		}
		for _, c := range cells {
			opened = append(opened, countText(c, i, conns, 1, "%.0f"))
		}
		writeLine(w, append(fields, strings.Join(opened, " / "), countText(first, i, reqs, n, "%.2f"),
			countText(first, i, allocs, n, "%.0f"), countText(first, i, bytes, 1000*n, "%.1f"))...)
	}
}

func writeList(w io.Writer, d Data, c Cell) {
	fmt.Fprintf(w, "\n### %d tags, %s\n\n", c.Tags, c.Work)
	writeHead(w, "Client", "Time", "CPU", "Connections", "Requests", "Allocations per tag", "Heap grows by, MiB")
	for i, row := range d.Rows {
		if c.Runs[i][0].Failure != "" {
			writeLine(w, rowName(row), "fails: the response exceeds the default size limit", "", "", "", "", "")
			continue
		}
		writeLine(w, rowName(row), timeText(c, i, wall), timeText(c, i, cpu), countText(c, i, conns, 1, "%.0f"),
			countText(c, i, reqs, 1, "%.0f"), countText(c, i, allocs, float64(c.Tags), "%.2f"), heapText(c, i))
	}
}
