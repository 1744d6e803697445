package regret

import "time"

const (
	// sweepEvery is how often a client looks for connections that nobody needs:
	// one lives for that long after it was needed at least, and for twice as
	// long at most.
	sweepEvery = 45 * time.Second

	// maxIdle is how many connections may be idle until then. There are as many
	// as callers, unless a registry redirects to ever other hosts.
	maxIdle = 256
)

// A sweeper closes idle connections when there are more connections to a host
// than were needed at once since it last looked. net/http's own time-out for
// them sets a timer after each request and stops it before the next. The dial
// queue's lock guards it.
type sweeper struct {
	closeIdle   func()
	connections int         // to all hosts, and to proxies
	timer       *time.Timer // for the next look; nil without connections
	began       time.Time   // when the last request did
}

// opened notes that there is one connection more.
func (q *dialQueue) opened() {
	if q.count() > maxIdle {
		q.idle.closeIdle()
	}
}

// count counts a connection and says how many are idle.
func (q *dialQueue) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.idle
	s.connections++
	if s.timer == nil {
		s.timer = time.AfterFunc(sweepEvery, q.sweep)
	}
	idle := s.connections
	for _, h := range q.hosts {
		idle -= h.requests
	}
	return idle
}

// sweep closes what nobody needs, and looks again as long as there is anything.
func (q *dialQueue) sweep() {
	if q.surplus() {
		q.idle.closeIdle()
	}
}

// surplus says whether there are more connections than were needed, and begins
// to count anew.
func (q *dialQueue) surplus() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle.timer != nil {
		q.idle.timer.Reset(sweepEvery)
	}
	var surplus, needed bool
	direct := 0
	for _, h := range q.hosts {
		direct += h.open
		needed = needed || h.most > 0
		surplus = surplus || h.open > h.need()
		h.most = h.requests
	}
	return surplus || q.idle.connections > direct && !needed // those to proxies
}

// need is how many connections were needed at once.
func (h *host) need() int {
	if h.http1 {
		return h.most
	}
	return min(h.most, 1)
}

// closed notes that a connection is closed.
func (s *sweeper) closed() {
	if s.connections--; s.connections == 0 {
		s.timer.Stop()
		s.timer = nil
	}
}

// slept says whether the machine did, or nobody asked for anything for as long:
// timers stand still meanwhile, and connections are dead that look idle.
func (s *sweeper) slept(now time.Time) bool {
	before := s.began
	s.began = now
	return s.connections > 0 && now.Round(0).Sub(before.Round(0)) > 2*sweepEvery // by the clock on the wall
}
