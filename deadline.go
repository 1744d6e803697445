package regret

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errSlowHeader ends an attempt whose answer did not begin in time.
var errSlowHeader = errors.New("no answer within the time-out")

// deadlines end requests whose answer does not begin in time. A context and a
// timer for each request, as a time-out of net/http's own costs, would be the
// dearest part of a deletion: requests that begin at about the same time share
// them.
type deadlines struct {
	after time.Duration
	mu    sync.Mutex
	open  *deadline // to who begins now; nil if there is none
}

// A crowd is what begins within this part of the time-out: by so much some wait
// longer than they would alone.
const crowdShare = 32

// A deadline is the context of requests that are ended by the same caller. It
// ends when the last of them to begin has waited for long enough.
type deadline struct {
	context.Context // has no values: those are the callers'
	of              *deadlines
	end             context.CancelCauseFunc
	leave           func() bool     // the callers' context
	callers         <-chan struct{} // ends with it; nil if that never ends
	first, last     time.Time       // that began
	requests        int             // under way
	lifted          bool            // the one request has its answer
	timer           *time.Timer
}

// begin is the deadline of a request with this context that begins now; nil if
// the context ends before.
func (d *deadlines) begin(ctx context.Context, now time.Time, shared bool) *deadline {
	if end, ok := ctx.Deadline(); ok && end.Sub(now) <= d.after {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !shared {
		return d.start(ctx, now, d.after)
	}
	if l := d.open; l != nil {
		if l.callers == ctx.Done() && now.Sub(l.first) <= d.after/crowdShare {
			l.requests++
			l.last = now
			return l
		}
		l.close()
	}
	d.open = d.start(ctx, now, d.after/crowdShare)
	return d.open
}

// start is a deadline that looks at the time after a while.
func (d *deadlines) start(ctx context.Context, now time.Time, look time.Duration) *deadline {
	l := &deadline{of: d, callers: ctx.Done(), first: now, last: now, requests: 1}
	l.Context, l.end = context.WithCancelCause(context.Background())
	l.leave = context.AfterFunc(ctx, func() { l.abandon(context.Cause(ctx)) })
	l.timer = time.AfterFunc(look, l.expire)
	return l
}

// close lets nobody in any more, and ends what nobody needs.
func (l *deadline) close() {
	if l.of.open == l {
		l.of.open = nil
	}
	if l.requests == 0 {
		l.timer.Stop()
		l.leave()
		l.end(nil)
	}
}

// abandon ends all requests, whose caller did.
func (l *deadline) abandon(cause error) {
	l.end(cause)
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.close()
}

// expire ends what has waited for long enough.
func (l *deadline) expire() {
	if l.due() {
		l.end(errSlowHeader)
	}
}

// due says whether the last to begin has waited for long enough, and else looks
// again when it has.
func (l *deadline) due() bool {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.close()
	if l.lifted || l.requests == 0 { // at this very moment, perhaps
		return false
	}
	left := time.Until(l.last.Add(l.of.after))
	if left > 0 {
		l.timer.Reset(left)
	}
	return left <= 0
}

// late says that an answer comes too late.
func (l *deadline) late() bool {
	return l != nil && context.Cause(l.Context) == errSlowHeader
}

// lift lets the rest of an answer take its time. Only a deadline that is not
// shared can do that; the others are those of answers without much of a body.
func (l *deadline) lift() {
	if l == nil {
		return
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.lifted = true
	l.timer.Stop()
}

// done notes that a request is over. The deadline waits a while for another of
// the same caller, unless that is nobody in particular: then the next may come
// from anywhere, and out of a test with a time of its own.
func (l *deadline) done() {
	if l == nil {
		return
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.requests--; l.requests == 0 && (l.of.open != l || l.callers == nil) {
		l.close()
	}
}

// A timed context is the caller's until the deadline.
type timed struct {
	context.Context // the caller's
	deadline        *deadline
}

func (t *timed) Done() <-chan struct{} { return t.deadline.Done() }

func (t *timed) Err() error {
	if err := t.Context.Err(); err != nil {
		return err
	}
	return t.deadline.Err()
}

// Value asks the deadline first: what it knows is nobody's but package
// context's, which would start a goroutine for each request to watch a context
// that is not its own.
func (t *timed) Value(key any) any {
	if v := t.deadline.Value(key); v != nil {
		return v
	}
	return t.Context.Value(key)
}
