package regret

import "time"

const (
	// sweepEvery is how often a client looks for connections that nobody needs:
	// one lives for that long after its last request at least, and for twice as
	// long at most.
	sweepEvery = 45 * time.Second

	// maxIdle is how many connections may be idle until then. There are as many
	// as callers, unless a registry redirects to ever other hosts.
	maxIdle = 256
)

// A sweeper closes idle connections when there are more connections than were
// needed at once since it last looked. net/http's own time-out for them sets a
// timer after each request and stops it before the next. The dial queue's lock
// guards it.
type sweeper struct {
	closeIdle   func()
	connections int         // to proxies too
	requests    int         // under way
	most        int         // at once since the last look
	timer       *time.Timer // for the next look; nil without connections
}

// begin notes that a request is under way.
func (s *sweeper) begin() {
	s.requests++
	s.most = max(s.most, s.requests)
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
	return s.connections - s.requests
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
	s := &q.idle
	surplus := s.connections > s.most
	s.most = s.requests
	if s.timer != nil {
		s.timer.Reset(sweepEvery)
	}
	return surplus
}

// closed notes that a connection is closed.
func (s *sweeper) closed() {
	if s.connections--; s.connections == 0 {
		s.timer.Stop()
		s.timer = nil
	}
}
