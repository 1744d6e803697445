package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/report"
)

// runReport measures everything and writes RESULTS.md and results.svg.
func runReport(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("report", flag.ExitOnError)
	rounds := flags.Int("rounds", 0, "runs of each row in each cell (default 7, or 3 with -quick)")
	tags := flags.Int("tags", 1000, "number of tags to resolve and delete")
	quick := flags.Bool("quick", false, "fewer rounds, and added latency only for 64 anonymous callers")
	dir := flags.String("dir", ".", "directory for the results")
	flags.Parse(args) // exits on an error
	cells := measure.Cells(*tags)
	if *quick {
		cells = slices.DeleteFunc(cells, func(c measure.Cell) bool { return c.Latency > 0 && (c.Callers < 64 || c.Bearer) })
	}
	switch {
	case *rounds > 0:
	case *quick:
		*rounds = 3
	default:
		*rounds = 7
	}
	data := report.Data{Rows: clients.Rows(), Rounds: *rounds, About: about(args)}
	for _, cell := range cells {
		data.Cells = append(data.Cells, report.Cell{Cell: cell, Runs: make([][]measure.Result, len(data.Rows))})
	}
	servers, err := startServers(true)
	if err != nil {
		return err
	}
	defer servers.stop()
	for round := range *rounds {
		if err := measureAll(ctx, &data, round, servers); err != nil {
			return err
		}
	}
	return write(*dir, data)
}

// measureAll runs every row once in every cell. The rows of a cell run one after the other, so that
// they find the machine in the same state, and each round starts with a different row.
func measureAll(ctx context.Context, data *report.Data, round int, servers servers) error {
	start := time.Now()
	for i := range data.Cells {
		cell := &data.Cells[i]
		fmt.Fprintf(os.Stderr, "round %d of %d, cell %d of %d after %v: %s\n",
			round+1, data.Rounds, i+1, len(data.Cells), time.Since(start).Round(time.Second), cell.Cell)
		for k := range data.Rows {
			row := (k + round) % len(data.Rows)
			runs := &cell.Runs[row]
			if len(*runs) > 0 && (*runs)[0].Failure != "" {
				continue
			}
			r, err := measureRow(ctx, job{Server: servers.address(cell.Cell), Row: row, Cell: cell.Cell}, round == 0, servers.environment())
			if err != nil {
				return err
			}
			if r.Failure != "" {
				fmt.Fprintf(os.Stderr, "%s: %s\n", data.Rows[row].Name, r.Failure)
				*runs = nil
			}
			*runs = append(*runs, r)
		}
	}
	return nil
}

// measureRow does one job. In the first round it measures the heap of lists in a second run, because
// watching the heap distorts the times.
func measureRow(ctx context.Context, j job, first bool, env map[string]string) (measure.Result, error) {
	r, err := measureInProcess(ctx, j, env)
	if err != nil || r.Failure != "" || !first || j.Cell.Work == measure.Delete {
		return r, err
	}
	j.Heap = true
	heapRun, err := measureInProcess(ctx, j, env)
	r.Heap = heapRun.Heap
	return r, err
}

func write(dir string, data report.Data) error {
	for name, render := range map[string]func(*bytes.Buffer){
		"RESULTS.md":  func(b *bytes.Buffer) { report.Markdown(b, data) },
		"results.svg": func(b *bytes.Buffer) { report.SVG(b, data) },
	} {
		var b bytes.Buffer
		render(&b)
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// about describes the machine and the versions that are measured.
func about(args []string) report.About {
	a := report.About{
		Command:  strings.TrimSpace("go run . report " + strings.Join(args, " ")),
		Date:     time.Now(),
		Go:       runtime.Version(),
		System:   fmt.Sprintf("%s/%s, %d × %s%s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processorName(), loadAverage()),
		Versions: make(map[string]string),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return a
	}
	for _, row := range clients.Rows() {
		for _, dep := range info.Deps {
			if dep.Path != row.Module {
				continue
			}
			a.Versions[row.Module] = dep.Version
			if row.Name == clients.Ours {
				a.Versions[row.Module] = "this repository"
			}
		}
	}
	return a
}

// loadAverage describes how busy the machine was at the start, where Linux reports it.
func loadAverage() string {
	averages, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	lastMinute, _, _ := strings.Cut(string(averages), " ")
	return ", load average " + lastMinute + " at the start"
}

// processorName returns the name that Linux reports for the processor.
func processorName() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor"
}
