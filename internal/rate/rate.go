// Package rate spaces out events evenly.
//
// It knows nothing about what the events are. Invariant: a wait ends with its context.
package rate

import (
	"context"
	"math"
	"sync"
	"time"
)

// A Limiter lets a number of events happen in a second, at equal distances. The zero value is no
// limit. It is safe for concurrent use.
type Limiter struct {
	PerSecond float64 // no limit unless it is above 0

	mu   sync.Mutex
	next time.Time
}

// Wait waits until the next event may happen. It returns the cause of the context if that ends
// before.
func (l *Limiter) Wait(ctx context.Context) error {
	if !(l.PerSecond > 0) {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(l.reserve())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// reserve returns how long the next event must wait.
func (l *Limiter) reserve() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	at := l.next
	if at.Before(now) {
		at = now
	}
	const most = time.Duration(math.MaxInt64 / 1000) // so that a sum does not overflow
	pause := most
	if seconds := 1 / l.PerSecond; seconds < most.Seconds() {
		pause = time.Duration(seconds * float64(time.Second))
	}
	l.next = at.Add(pause)
	return at.Sub(now)
}
