package transport

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// A pacer holds back all requests to a server that asked for time.
type pacer struct {
	mu   sync.Mutex
	held map[origin.Origin]hold
}

// A hold is what one server asked for.
type hold struct {
	until time.Time
	asked time.Duration
}

// left is how long the hold still lasts. More than was asked for means that the
// clock is another one by now: it was set back, or belongs to a testing/synctest
// bubble.
func (h hold) left() time.Duration {
	if left := time.Until(h.until); left <= h.asked {
		return left
	}
	return 0
}

// hold lets no request to o pass for as long as it asked for.
func (p *pacer) hold(o origin.Origin, asked time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[origin.Origin]hold)
	}
	maps.DeleteFunc(p.held, func(_ origin.Origin, h hold) bool { return h.left() <= 0 })
	if asked > p.held[o].left() {
		p.held[o] = hold{time.Now().Add(asked), asked}
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
	h, ok := p.held[o]
	if !ok {
		return 0
	}
	left := h.left()
	if left <= 0 {
		delete(p.held, o)
	}
	return left
}
