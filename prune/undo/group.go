package undo

import (
	"context"
	"sync"
)

// A group runs functions concurrently until one of them fails or the context ends.
type group struct {
	ctx     context.Context // of one call of Write or Restore
	cancel  context.CancelCauseFunc
	slots   chan struct{}
	running sync.WaitGroup
}

// newGroup returns a group that runs at most limit functions at once.
func newGroup(ctx context.Context, limit int) *group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{ctx: ctx, cancel: cancel, slots: make(chan struct{}, limit)}
}

// beside returns a group that ends with g, but has a limit of its own.
func (g *group) beside(limit int) *group {
	return &group{ctx: g.ctx, cancel: g.cancel, slots: make(chan struct{}, limit)}
}

// run starts a function as soon as fewer than the limit run. It starts none after a failure,
// or after the context has ended.
func (g *group) run(fn func(context.Context) error) {
	select {
	case g.slots <- struct{}{}:
	case <-g.ctx.Done():
		return
	}
	g.running.Go(func() {
		defer func() { <-g.slots }()
		if g.ctx.Err() != nil {
			return
		}
		if err := fn(g.ctx); err != nil {
			g.cancel(err)
		}
	})
}

// wait waits for all functions, and returns the first error of any.
func (g *group) wait() error {
	g.running.Wait()
	return context.Cause(g.ctx)
}

// end releases the context.
func (g *group) end() { g.cancel(nil) }
