package transport

import (
	"context"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// A pacer holds back all requests to a server that asked for time.
type pacer struct {
	mu    sync.Mutex
	until map[origin.Origin]time.Time
}

// hold lets no request to o pass before the given time.
func (p *pacer) hold(o origin.Origin, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = make(map[origin.Origin]time.Time)
	}
	if until.After(p.until[o]) {
		p.until[o] = until
	}
}

// wait blocks until a request to o may be sent or its context ends. It does not
// begin a wait that would outlast the context's deadline.
func (p *pacer) wait(ctx context.Context, o origin.Origin) error {
	for { // the server may ask for more time while this waits
		left := p.left(o)
		if left <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < left {
			return &Fault{Problem: Held, RetryAfter: left, err: errHeld}
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &noResponse{err: ctx.Err()}
		}
	}
}

// left is how long requests to o are still held.
func (p *pacer) left(o origin.Origin) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.until[o]
	if !ok {
		return 0
	}
	left := time.Until(until)
	if left <= 0 {
		delete(p.until, o)
	}
	return left
}
