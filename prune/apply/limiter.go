package apply

import (
	"context"
	"sync"
	"time"
)

// A limiter spaces out writes.
type limiter struct {
	perSecond float64 // 0 is no limit

	mu   sync.Mutex
	next time.Time
}

// wait waits until the next write may be sent.
func (l *limiter) wait(ctx context.Context) error {
	if l.perSecond <= 0 {
		return ctx.Err()
	}
	l.mu.Lock()
	now := time.Now()
	at := l.next
	if at.Before(now) {
		at = now
	}
	l.next = at.Add(time.Duration(float64(time.Second) / l.perSecond))
	l.mu.Unlock()
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
