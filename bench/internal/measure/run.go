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

// A Result holds what one run cost the client's process and what the server counted.
type Result struct {
	Wall   time.Duration
	CPU    time.Duration // user and system time of the process
	Allocs uint64        // objects allocated
	Bytes  uint64        // total size of those objects
	Heap   uint64        // peak growth of the live heap; 0 unless it was watched
	registry.Counts
	Failure string // why the run failed; empty on success
}

// Run opens a new client, measures the work, including the first connections, and checks with the
// server that the work was done.
func Run(ctx context.Context, server registry.Address, row clients.Row, cell Cell, watchHeap bool) (Result, error) {
	if err := server.Reset(ctx, cell.settings()); err != nil {
		return Result{}, err
	}
	client, err := row.Open(Setup(server, cell))
	if err != nil {
		return Result{}, err
	}
	var tags []string // made before the measurement starts
	if cell.Work == Delete {
		tags = Tags(cell.Tags)
	}
	r, err := Cost(watchHeap, func() error { return work(ctx, client, cell, tags) })
	if closeErr := client.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return r, err
	}
	if r.Counts, err = server.Counts(ctx); err != nil {
		return r, err
	}
	if cell.Work == Delete && r.Deleted != int64(cell.Tags) {
		return r, fmt.Errorf("%d of %d manifests were deleted", r.Deleted, cell.Tags)
	}
	return r, nil
}

// Setup returns the configuration of a client for a cell.
func Setup(server registry.Address, cell Cell) clients.Setup {
	return clients.Setup{Host: server.Hosts[cell.Protocol], Protocol: cell.Protocol, Callers: cell.Callers, Bearer: cell.Bearer}
}

// WarmUp makes the process load the code that every row uses, net/http and TLS, and the trusted
// certificates. It leaves no connection open.
func WarmUp(ctx context.Context, server registry.Address, cell Cell) error {
	const tags = 100
	warm := Cell{Work: Delete, Tags: tags, Protocol: cell.Protocol, Callers: min(cell.Callers, 4), Bearer: cell.Bearer}
	_, err := Run(ctx, server, clients.Rows()[0], warm, false)
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

// Tags returns the names of the server's first n tags.
func Tags(n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = registry.Tag(i)
	}
	return tags
}

// Bulk calls do for each of the tags, from several concurrent callers, and returns the first error.
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
					next.Store(int64(len(tags))) // stop the other callers
					return
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// Cost measures what fn costs this process. If watchHeap is true, Wall and CPU are meaningless; see
// [peakHeap].
func Cost(watchHeap bool, fn func() error) (Result, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := func() uint64 { return 0 }
	if watchHeap {
		peak = peakHeap()
	}
	cpu, err := cpuTime()
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	fnErr := fn()
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
	}, fnErr
}

// peakHeap runs the garbage collector continuously until the returned function is called. That
// function returns the size of the largest live heap seen. The constant collections make the times
// of such a run meaningless.
func peakHeap() (stop func() uint64) {
	done, result := make(chan struct{}), make(chan uint64)
	go func() {
		var now runtime.MemStats
		for highest := uint64(0); ; {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
			select {
			case <-done:
				result <- highest
				return
			default:
			}
		}
	}()
	return func() uint64 {
		close(done)
		return <-result
	}
}

func cpuTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
