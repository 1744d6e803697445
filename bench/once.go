package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// runOnce measures one row in one cell, in this process, and optionally writes profiles.
func runOnce(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("once", flag.ExitOnError)
	var cell measure.Cell
	name := flags.String("row", clients.Ours, "client to measure, as named in the report")
	work := flags.String("work", string(measure.Delete), "work to do")
	protocol := flags.String("protocol", string(registry.HTTP), "protocol to use")
	flags.IntVar(&cell.Tags, "tags", 1000, "number of tags")
	flags.IntVar(&cell.Callers, "callers", 1, "number of concurrent callers")
	flags.DurationVar(&cell.Latency, "latency", 0, "latency added to every response")
	flags.BoolVar(&cell.Bearer, "bearer", false, "require a Bearer token")
	distribution := flags.Bool("distribution", false, "use distribution 3 instead of the minimal registry")
	rounds := flags.Int("rounds", 1, "number of runs")
	heap := flags.Bool("heap", false, "measure the peak of the live heap; makes times meaningless")
	cpuProfile := flags.String("cpuprofile", "", "write a CPU profile to this `file`")
	memProfile := flags.String("memprofile", "", "write a profile of all allocations to this `file`")
	flags.Parse(args) // exits on an error
	if *distribution {
		cell.Server = registry.Distribution3
	}
	cell.Work, cell.Protocol = measure.Work(*work), registry.Protocol(*protocol)
	row, ok := clients.Named(*name)
	if !ok {
		return fmt.Errorf("unknown row %q", *name)
	}
	if *memProfile != "" {
		runtime.MemProfileRate = 1
	}
	servers, err := startServers(*distribution)
	if err != nil {
		return err
	}
	defer servers.stop()
	address := servers.address(cell)
	for key, value := range servers.environment() {
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	if err := measure.WarmUp(ctx, address, cell); err != nil {
		return err
	}
	return withProfiles(*cpuProfile, *memProfile, func() error {
		for range *rounds {
			r, err := measure.Run(ctx, address, row, cell, *heap)
			if err != nil {
				return err
			}
			n := uint64(cell.Tags)
			fmt.Printf("wall %v, CPU %v, %d allocations and %d bytes per tag, heap +%d KiB, %+v\n",
				r.Wall.Round(time.Millisecond), r.CPU.Round(time.Millisecond), r.Allocs/n, r.Bytes/n, r.Heap>>10, r.Counts)
		}
		return nil
	})
}

// withProfiles runs fn and writes a CPU and a memory profile to the files that are named.
func withProfiles(cpu, mem string, fn func() error) error {
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if err := fn(); err != nil || mem == "" {
		return err
	}
	f, err := os.Create(mem)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup("allocs").WriteTo(f, 0)
}
