package regret

import (
	"cmp"
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
//
// Over connections of our own the next of the same caller finds the last one's
// for as long as a crowd gathers. A transport that was given may be a test's with
// a time of its own, whose timers and channels nobody else may touch: there,
// nothing outlives a request, and nobody shares who cannot be told from others.
type deadlines struct {
	after time.Duration
	keep  bool // for the next
	mu    sync.Mutex
	open  *deadline // for requests that begin now; nil if there is none
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
	unhook          func() bool     // from the callers' context
	callers         <-chan struct{} // ends with it; nil if that never ends
	first, last     time.Time       // that began
	requests        int             // under way,
	waiting         int             // and of these without an answer
	timer           *time.Timer
}

// begin is the deadline of a request with this context that begins now; nil if
// the context ends before that.
func (d *deadlines) begin(ctx context.Context, now time.Time, shared bool) *deadline {
	if end, ok := ctx.Deadline(); ok && end.Sub(now) <= d.after {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !shared || !d.keep && ctx.Done() == nil {
		return d.start(ctx, now, d.after)
	}
	if l := d.open; l != nil {
		if l.callers == ctx.Done() && now.Sub(l.first) <= d.after/crowdShare {
			l.join(now)
			return l
		}
		l.shut()
	}
	look := d.after
	if d.keep {
		look /= crowdShare
	}
	d.open = d.start(ctx, now, look)
	return d.open
}

// start is a deadline that looks at the time after a while.
func (d *deadlines) start(ctx context.Context, now time.Time, look time.Duration) *deadline {
	l := &deadline{of: d, callers: ctx.Done(), first: now, last: now, requests: 1, waiting: 1}
	l.Context, l.end = context.WithCancelCause(context.Background())
	l.unhook = context.AfterFunc(ctx, func() { l.abandon(context.Cause(ctx)) })
	l.timer = time.AfterFunc(look, l.expire)
	return l
}

// shut keeps nothing for the next.
func (d *deadlines) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		d.open.shut()
	}
}

func (l *deadline) join(now time.Time) {
	l.requests++
	l.waiting++
	if now.After(l.last) {
		l.last = now
	}
}

// shut lets nobody join any more, and ends what nobody needs.
func (l *deadline) shut() {
	if l.of.open == l {
		l.of.open = nil
	}
	if l.requests == 0 {
		l.timer.Stop()
		l.unhook()
		l.end(nil)
	}
}

// abandon ends all requests, whose caller did.
func (l *deadline) abandon(cause error) {
	l.end(cause)
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.shut()
}

// expire ends what has waited for long enough.
func (l *deadline) expire() {
	if l.due() {
		l.end(errSlowHeader)
	}
}

// due says whether the last to begin has waited for long enough, and else looks
// again when it has. Whoever reads an answer meanwhile is given the time that is
// allowed for one without content.
func (l *deadline) due() bool {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.shut()
	if l.waiting == 0 {
		return false
	}
	at := l.last.Add(l.of.after)
	if l.waiting < l.requests {
		at = at.Add(errorBodyTime)
	}
	left := time.Until(at)
	if left > 0 {
		l.timer.Reset(left)
	}
	return left <= 0
}

// late says that an answer comes too late.
func (l *deadline) late() bool {
	return l != nil && context.Cause(l.Context) == errSlowHeader
}

// answered notes that a request waits no more: the rest of its answer may take
// its time.
func (l *deadline) answered() {
	if l == nil {
		return
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.waiting--
}

// done notes that a request is over.
func (l *deadline) done() {
	if l == nil {
		return
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.requests--; l.requests == 0 && (!l.of.keep || l.of.open != l) {
		l.shut()
	}
}

// A timed context is the caller's until the deadline.
type timed struct {
	context.Context // the caller's
	deadline        *deadline
}

func (t *timed) Done() <-chan struct{} { return t.deadline.Done() }

func (t *timed) Err() error {
	err := t.deadline.Err()
	if err == nil || t.deadline.late() {
		return err
	}
	return cmp.Or(t.Context.Err(), err) // the caller's own words
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
