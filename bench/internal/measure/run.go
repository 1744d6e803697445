package measure

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// A Result is what one run cost the client's process, and what the server saw
// of it.
type Result struct {
	Wall   time.Duration
	CPU    time.Duration // user and system time of the process
	Allocs uint64        // objects allocated
	Bytes  uint64        // and their size
	Heap   uint64        // most by which live memory grew, if it was watched
	registry.Counts
	Failure string // why there is no result
}

// Run opens a client, lets it do the work from its first connection on, and
// checks with the server that the work was done.
func Run(ctx context.Context, at registry.Address, row clients.Row, cell Cell, watchHeap bool) (Result, error) {
	if err := at.Reset(ctx, cell.settings()); err != nil {
		return Result{}, err
	}
	client, err := row.Open(Setup(at, cell))
	if err != nil {
		return Result{}, err
	}
	var tags []string // made before the clock and the counts begin
	if cell.Work == Delete {
		tags = Tags(cell.Tags)
	}
	r, err := Cost(watchHeap, func() error { return work(ctx, client, cell, tags) })
	if closed := client.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return r, err
	}
	if r.Counts, err = at.Counts(ctx); err != nil {
		return r, err
	}
	if cell.Work == Delete && r.Deleted != int64(cell.Tags) {
		return r, fmt.Errorf("%d of %d manifests were deleted", r.Deleted, cell.Tags)
	}
	return r, nil
}

// Setup is what a client is told for a cell.
func Setup(at registry.Address, cell Cell) clients.Setup {
	return clients.Setup{Host: at.Hosts[cell.Protocol], Protocol: cell.Protocol, Callers: cell.Callers, Bearer: cell.Bearer}
}

// WarmUp lets the process load what every row needs: net/http, TLS and the
// certificates it trusts. No connection outlives it.
func WarmUp(ctx context.Context, at registry.Address, cell Cell) error {
	const tags = 100
	warm := Cell{Work: Delete, Tags: tags, Protocol: cell.Protocol, Callers: min(cell.Callers, 4), Bearer: cell.Bearer}
	_, err := Run(ctx, at, clients.Rows()[0], warm, false)
	return err
}

func work(ctx context.Context, client clients.Client, cell Cell, tags []string) error {
	if cell.Work != Delete {
		n, err := client.List(ctx, registry.Repository)
		if err == nil && n != cell.Tags {
			err = fmt.Errorf("%d of %d tags were listed", n, cell.Tags)
		}
		return err
	}
	return Bulk(cell.Callers, tags, func(tag string) error {
		return client.ResolveDelete(ctx, registry.Repository, tag)
	})
}

// Tags names the first tags of the server.
func Tags(n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = registry.Tag(i)
	}
	return tags
}

// Bulk does something with each of the tags, so many callers at a time, and
// returns what failed first.
func Bulk(callers int, tags []string, do func(tag string) error) error {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		once   sync.Once
		failed error
	)
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(tags); i = int(next.Add(1)) - 1 {
				if err := do(tags[i]); err != nil {
					once.Do(func() { failed = err })
					next.Store(int64(len(tags))) // the others need not go on
					return
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// Cost says what fn cost this process. If the heap is watched, its time says
// nothing.
func Cost(watchHeap bool, fn func() error) (Result, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := func() uint64 { return 0 }
	if watchHeap {
		peak = watch()
	}
	cpu, err := cpuTime()
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	failed := fn()
	wall := time.Since(start)
	spent, err := cpuTime()
	if err != nil {
		return Result{}, err
	}
	most := peak()
	runtime.ReadMemStats(&after)
	return Result{
		Wall:   wall,
		CPU:    spent - cpu,
		Allocs: after.Mallocs - before.Mallocs,
		Bytes:  after.TotalAlloc - before.TotalAlloc,
		Heap:   max(most, before.HeapAlloc) - before.HeapAlloc,
	}, failed
}

// watch collects garbage over and over until the function it returns is called,
// which tells the most that was ever left. The time of such a run says nothing.
func watch() (peak func() uint64) {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var now runtime.MemStats
		for highest := uint64(0); ; {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
			select {
			case <-stop:
				most <- highest
				return
			default:
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-most
	}
}

func cpuTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
