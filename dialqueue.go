package regret

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// A dial that has been under way for this long may hang: nobody waits for it
	// any longer. A limit that saves connections must not cost an answer.
	dialPatience = 2 * time.Second

	// handover is how long net/http may take to give out what has been dialled,
	// and how often who waits looks at the time.
	handover = time.Second
)

var errNotNeeded = errors.New("the request was served over another connection")

// A dialQueue decides when a connection is opened: to no host more than there
// are requests under way, and over HTTP/2 one for all. net/http dials for every
// request that finds no idle connection, goes on dialling when that request was
// served over another one, and learns only from a handshake that the connection
// can be shared: a burst of callers would open half as many connections again
// over HTTP/1.1, and one for each caller over HTTP/2.
type dialQueue struct {
	mu    sync.Mutex
	hosts map[origin]*host
	last  *host // that was asked for, and will mostly be asked for again
	idle  sweeper
}

// A host is what the queue knows of an origin, as long as there are requests
// or connections.
type host struct {
	origin   origin
	http1    bool          // what the last handshake agreed on; no TLS, no HTTP/2
	fresh    bool          // a handshake for HTTP/2 was made, and no request has ended since
	requests int           // under way
	most     int           // of them at once since the last sweep
	open     int           // connections, including those being dialled:
	pending  []*pending    // dials under way
	changed  chan struct{} // closed when something of this changes; nil if nobody waits
}

// A pending is a dial under way.
type pending struct{ began time.Time }

// A want is what the queue knows of an exchange: of its request under way.
type want struct {
	trip    int32 // counts requests begun and ended
	dials   int32 // that were asked for by this one
	host    *host // of this one
	watched bool  // it tells whether it has a connection,
	served  bool  // and it does
}

// begin notes that a request is under way. A nil queue is that of a transport
// that is not ours.
func (q *dialQueue) begin(x *exchange, o origin, now time.Time) *host {
	if q == nil {
		return nil
	}
	h, slept := q.note(x, o, now)
	if slept {
		q.idle.closeIdle()
	}
	return h
}

func (q *dialQueue) note(x *exchange, o origin, now time.Time) (h *host, slept bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h = q.host(o)
	if h == nil {
		h = &host{origin: o, http1: o.scheme == "http"}
		if q.hosts == nil {
			q.hosts = make(map[origin]*host)
		}
		q.hosts[o] = h
	}
	h.requests++
	h.most = max(h.most, h.requests)
	x.want.trip++
	x.want.host, x.want.served, x.want.dials = h, false, 0
	return h, q.idle.slept(now)
}

// host is what is known of an origin, or nil.
func (q *dialQueue) host(o origin) *host {
	if q.last == nil || q.last.origin != o {
		q.last = q.hosts[o]
	}
	return q.last
}

// serves notes whether the request under way has a connection: while it does,
// what still waits to dial for it is not needed.
func (q *dialQueue) serves(x *exchange, served bool) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if x.want.served = served; x.want.host != nil {
		x.want.host.wake()
	}
}

// end notes that the request has given its connection back.
func (q *dialQueue) end(x *exchange, h *host) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	h.requests--
	h.fresh = false
	x.want.trip++
	x.want.host = nil
	q.settle(h)
}

// warm says that a connection is there for one request more, so that nobody
// needs to watch how it comes to one.
func (q *dialQueue) warm(o origin) bool {
	if q == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.host(o)
	return h != nil && !h.fresh && len(h.pending) == 0 && h.open > 0 && (h.open > h.requests || !h.http1)
}

// turn waits until a connection more is due, and notes that it is being
// dialled. What no request was noted for, a proxy, has no host here.
func (q *dialQueue) turn(ctx context.Context, to origin) (*host, *pending, error) {
	x := exchangeOf(ctx)
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.hosts[to]
	if h == nil || x == nil {
		return nil, nil, nil
	}
	w, trip, since := &x.want, x.want.trip, time.Now()
	if w.host != h || w.served {
		return nil, nil, errNotNeeded
	}
	w.dials++
	for look := 1; !h.due(w, look, time.Since(since)); look++ {
		if err := q.wait(ctx, h); err != nil {
			return nil, nil, err
		}
		if w.trip != trip || w.served {
			return nil, nil, errNotNeeded
		}
	}
	p := &pending{time.Now()}
	h.pending = append(h.pending, p)
	h.open++
	return h, p, nil
}

// due says whether a connection may be opened for a request that looks for the
// first, second, … time and has waited for so long.
func (h *host) due(w *want, look int, waited time.Duration) bool {
	hung := 0
	for _, p := range h.pending {
		if time.Since(p.began) >= dialPatience {
			hung++
		}
	}
	awaited := len(h.pending) > hung
	switch {
	case h.http1 && h.open-hung < h.requests:
		return true
	case waited >= dialTimeout && len(h.pending) > 0:
		return true // everything hangs, and each dial has its turn to hang
	case (w.watched || !h.http1) && waited >= handover && !awaited:
		return true // it is known to have none, or may be waiting for a stream of one that is taken
	case h.http1 || awaited:
		return false
	case h.open == hung:
		return true
	}
	// There is a connection for HTTP/2. net/http gives a new one to everybody who
	// waits, a moment after the handshake: who has waited for it, or comes in that
	// moment, needs no other. Whom it does not serve asks for another dial.
	return look == 1 && (w.dials > 1 || !h.fresh)
}

// wait returns when something has changed, or it is time to look again.
func (q *dialQueue) wait(ctx context.Context, h *host) error {
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	changed, timer := h.changed, time.NewTimer(handover)
	defer timer.Stop()
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// dialled notes that a dial is over.
func (q *dialQueue) dialled(h *host, p *pending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h.pending = slices.DeleteFunc(h.pending, func(other *pending) bool { return other == p })
	h.wake()
}

// agreed notes what a handshake has agreed on.
func (q *dialQueue) agreed(h *host, http1 bool) {
	if h == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	h.http1, h.fresh = http1, !http1
}

// failed notes that a connection never came to be.
func (q *dialQueue) failed(h *host) {
	if h == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	h.open--
	q.settle(h)
}

// gone notes that a connection is closed.
func (q *dialQueue) gone(h *host) {
	q.mu.Lock()
	q.idle.closed()
	q.mu.Unlock()
	q.failed(h)
}

// settle lets who waits look again, and forgets a host that nobody speaks to.
func (q *dialQueue) settle(h *host) {
	h.wake()
	if h.requests == 0 && h.open == 0 && q.hosts[h.origin] == h {
		delete(q.hosts, h.origin)
		q.last = nil
	}
}

func (h *host) wake() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}
