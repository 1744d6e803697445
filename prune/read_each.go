package prune

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// each calls fn for every item, for several at once, and waits for all of these calls. The
// first failure cancels the others. Of several failures, that of the first item counts.
func each[T any](ctx context.Context, r *reading, phase Phase, items []T, fn func(context.Context, T) error) error {
	if len(items) == 0 {
		return nil
	}
	r.begin(phase, len(items))
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		workers    sync.WaitGroup
		next, done atomic.Int64
		failed     failure
	)
	for range min(r.Concurrency, len(items)) {
		workers.Go(func() {
			for running.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(items) {
					return
				}
				if err := fn(running, items[i]); err != nil {
					failed.add(i, err)
					cancel()
					return
				}
				done.Add(1)
				r.report(func(p *Progress) { p.Done++ })
			}
		})
	}
	workers.Wait()
	if failed.err == nil && int(done.Load()) < len(items) { // the caller's context has ended
		return &IncompleteError{Repository: r.repository, Detail: phase.detail(), Err: ctx.Err()}
	}
	return failed.err
}

// A failure is the error of the first of the items that failed.
type failure struct {
	mu   sync.Mutex
	item int
	err  error
}

// add records an error, unless it only says that the item was cancelled because of another.
func (f *failure) add(item int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || item < f.item && !errors.Is(err, context.Canceled) {
		f.item, f.err = item, err
	}
}

// detail returns what is incomplete if a phase ends too early.
func (p Phase) detail() IncompleteDetail {
	switch p {
	case PhaseList:
		return IncompleteList
	case PhaseConfigs:
		return IncompleteConfig
	case PhaseReferrers:
		return IncompleteReferrers
	}
	return IncompleteManifest
}

// begin begins a phase of so many items; 0 is not known.
func (r *reading) begin(phase Phase, total int) {
	r.report(func(p *Progress) { p.Phase, p.Done, p.Total = phase, 0, total })
}

// countRequest counts a request that is about to be sent.
func (r *reading) countRequest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Requests++
}

// report changes the progress and tells the caller.
func (r *reading) report(change func(*Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.progress)
	if r.Progress != nil {
		r.Progress(r.progress)
	}
}
