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

// runOnce measures one row in one cell, in this process, and writes profiles of
// it where asked to.
func runOnce(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("once", flag.ExitOnError)
	var cell measure.Cell
	name := flags.String("row", clients.Ours, "which client")
	work := flags.String("work", string(measure.Delete), "what to do")
	protocol := flags.String("protocol", string(registry.HTTP), "how the registry is spoken to")
	flags.IntVar(&cell.Tags, "tags", 1000, "how many tags")
	flags.IntVar(&cell.Callers, "callers", 1, "how many callers")
	flags.DurationVar(&cell.Latency, "latency", 0, "added to every answer")
	flags.BoolVar(&cell.Bearer, "bearer", false, "whether a token is wanted")
	distribution := flags.Bool("distribution", false, "at distribution 3 rather than the minimal registry")
	rounds := flags.Int("rounds", 1, "how often")
	heap := flags.Bool("heap", false, "watch the live heap instead of the time")
	cpuProfile := flags.String("cpuprofile", "", "file for a profile of CPU time")
	memProfile := flags.String("memprofile", "", "file for a profile of all allocations")
	flags.Parse(args) // exits on an error
	if *distribution {
		cell.Server = registry.Distribution3
	}
	cell.Work, cell.Protocol = measure.Work(*work), registry.Protocol(*protocol)
	row, ok := clients.Named(*name)
	if !ok {
		return fmt.Errorf("there is no row %q", *name)
	}
	if *memProfile != "" {
		runtime.MemProfileRate = 1
	}
	servers, err := startServers(*distribution)
	if err != nil {
		return err
	}
	defer servers.stop()
	at := servers.at(cell)
	for key, value := range servers.environment() {
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	if err := measure.WarmUp(ctx, at, cell); err != nil {
		return err
	}
	return profiled(*cpuProfile, *memProfile, func() error {
		for range *rounds {
			r, err := measure.Run(ctx, at, row, cell, *heap)
			if err != nil {
				return err
			}
			n := uint64(cell.Tags)
			fmt.Printf("wall %v, CPU %v, %d allocations and %d bytes a tag, heap +%d KiB, %+v\n",
				r.Wall.Round(time.Millisecond), r.CPU.Round(time.Millisecond), r.Allocs/n, r.Bytes/n, r.Heap>>10, r.Counts)
		}
		return nil
	})
}

func profiled(cpu, mem string, fn func() error) error {
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
