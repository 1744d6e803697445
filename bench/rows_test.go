package main_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
	"github.com/seed-8cb7cc86/regret/bench/internal/report"
)

// [measure.Run] checks with the server that every manifest is deleted.
func TestEveryRowDoesTheWork(t *testing.T) {
	for _, row := range clients.Rows() {
		for _, protocol := range registry.Protocols() {
			for _, bearer := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, bearer %t", row.Name, protocol, bearer), func(t *testing.T) {
					cell := measure.Cell{Work: measure.Delete, Tags: 12, Protocol: protocol, Callers: 3, Bearer: bearer}
					_, err := measure.Run(t.Context(), address, row, cell, false)
					succeed(t, err)
				})
			}
		}
		t.Run(row.Name+", "+string(registry.Distribution3), func(t *testing.T) {
			cell := measure.Cell{Server: registry.Distribution3, Work: measure.Delete, Tags: 12, Protocol: registry.HTTP, Callers: 3}
			_, err := measure.Run(t.Context(), distribution, row, cell, false)
			succeed(t, err)
		})
		for _, work := range []measure.Work{measure.ListPages, measure.ListWhole} {
			t.Run(fmt.Sprintf("%s, %s", row.Name, work), func(t *testing.T) {
				cell := measure.Cell{Work: work, Tags: 2500, Protocol: registry.HTTP, Callers: 1}
				_, err := measure.Run(t.Context(), address, row, cell, false)
				succeed(t, err)
			})
		}
	}
}

// sampleData returns data for a report in which row number n, counted from 1, takes about n times
// 100 ms and the last row fails.
func sampleData() report.Data {
	d := report.Data{Rows: clients.Rows(), Rounds: 3, About: report.About{Command: "go run . report", Date: time.Unix(0, 0)}}
	for _, cell := range measure.Cells(100) {
		c := report.Cell{Cell: cell, Runs: make([][]measure.Result, len(d.Rows))}
		for i := range d.Rows {
			for round := range d.Rounds {
				took := time.Duration(100*(i+1)+round) * time.Millisecond
				r := measure.Result{Wall: took, CPU: took, Allocs: 1000, Bytes: 1000, Counts: registry.Counts{Connections: 1, Requests: 200}}
				if i == len(d.Rows)-1 {
					r.Failure = "it failed"
				}
				c.Runs[i] = append(c.Runs[i], r)
			}
		}
		d.Cells = append(d.Cells, c)
	}
	return d
}

func TestReportShowsMediansRelativeToNetHTTP(t *testing.T) {
	var b bytes.Buffer
	report.Markdown(&b, sampleData())
	for _, want := range []string{
		"| net/http | 101 ms (0.99–1.01) |",
		"| **regret** | 1.99 (1.98–2.00) |",
		"| wall time without added latency, relative to net/http | 1.25 | 0 of 21 cells | 1.99 |",
		"| ociregistry, tuned | – |",
		"<summary>Resolve and delete at distribution 3</summary>",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the report", want)
		}
	}
	if opened, closed := strings.Count(b.String(), "<details>"), strings.Count(b.String(), "</details>"); opened != closed {
		t.Errorf("%d collapsed sections start and %d end", opened, closed)
	}
}

func TestPlotIsWellFormedXML(t *testing.T) {
	var b bytes.Buffer
	report.SVG(&b, sampleData())
	for dec := xml.NewDecoder(&b); ; {
		if _, err := dec.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
