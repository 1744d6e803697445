package apply

import (
	"context"
	"math"
	"sync"
	"time"
)

// A limiter spaces out writes evenly.
type limiter struct {
	perSecond float64 // no limit unless it is above 0

	mu   sync.Mutex
	next time.Time
}

// wait waits until the next write may be sent.
func (l *limiter) wait(ctx context.Context) error {
	if !(l.perSecond > 0) {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(l.reserve())
	defer timer.Stop()
	select {
	case <-timer.C:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reserve returns how long the next write must wait.
func (l *limiter) reserve() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	at := l.next
	if at.Before(now) {
		at = now
	}
	const most = time.Duration(math.MaxInt64 / 1000) // so that a sum does not overflow
	pause := most
	if seconds := 1 / l.perSecond; seconds < most.Seconds() {
		pause = time.Duration(seconds * float64(time.Second))
	}
	l.next = at.Add(pause)
	return at.Sub(now)
}
