package regret

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Inside the package: only here do 45 seconds pass at once.

// swept plays with a queue and says after how long its idle connections were
// closed for the first time; never is an hour.
func swept(t *testing.T, play func(q *dialQueue)) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		q, start := new(dialQueue), time.Now()
		took = time.Hour
		q.idle.closeIdle = sync.OnceFunc(func() { took = time.Since(start) })
		play(q)
		<-time.After(time.Hour)
	})
	return took
}

// connect adds a connection to a host, or to a proxy.
func (q *dialQueue) connect(h *host) {
	if h != nil {
		h.open++
	}
	q.opened()
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	plain, other := origin{"http", "registry.example.com"}, origin{"https", "auth.example.com"}
	begin := func(q *dialQueue, o origin) *host { return q.begin(new(exchange), o, time.Now()) }
	end := func(q *dialQueue, h *host) { q.end(new(exchange), h) }
	tests := []struct {
		rule string
		play func(q *dialQueue)
		want time.Duration
	}{
		{"after a while without any request", func(q *dialQueue) {
			h := begin(q, plain)
			q.connect(h)
			end(q, h)
		}, 2 * sweepEvery},
		{"when fewer are needed than there are", func(q *dialQueue) {
			h := begin(q, plain)
			q.connect(h)
			q.connect(h)
		}, sweepEvery},
		{"not when as many were needed at once a moment ago", func(q *dialQueue) {
			h := begin(q, plain)
			begin(q, plain)
			q.connect(h)
			q.connect(h)
			end(q, h)
		}, 2 * sweepEvery},
		{"not while as many are needed", func(q *dialQueue) { q.connect(begin(q, plain)) }, time.Hour},
		{"not while one of HTTP/2 serves all", func(q *dialQueue) {
			h := begin(q, secure)
			begin(q, secure)
			q.connect(h)
		}, time.Hour},
		{"when those of HTTP/2 are more than one", func(q *dialQueue) {
			h := begin(q, secure)
			begin(q, secure)
			q.connect(h)
			q.connect(h)
		}, sweepEvery},
		{"when those to one host are not needed, whatever another one needs", func(q *dialQueue) {
			h := begin(q, secure)
			for range 4 {
				q.connect(begin(q, plain))
			}
			q.connect(h)
			end(q, h)
		}, 2 * sweepEvery},
		{"not while it is used now and then", func(q *dialQueue) {
			q.connect(begin(q, plain))
			h := q.hosts[plain]
			for range 110 {
				<-time.After(time.Second)
				end(q, h)
				<-time.After(30 * time.Second)
				begin(q, plain)
			}
			end(q, h)
		}, 77 * sweepEvery},
		{"those to a proxy not while anything is asked for", func(q *dialQueue) {
			begin(q, other)
			q.connect(nil)
		}, time.Hour},
		{"those to a proxy when nothing is", func(q *dialQueue) {
			h := begin(q, other)
			q.connect(nil)
			end(q, h)
		}, sweepEvery},
		{"at once when there are far too many", func(q *dialQueue) {
			for range maxIdle + 1 {
				q.connect(nil)
			}
		}, 0},
		{"not if none was opened", func(q *dialQueue) { end(q, begin(q, plain)) }, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := swept(t, tt.play); got != tt.want {
				t.Errorf("after %v, want %v", got, tt.want)
			}
		})
	}
}

// Timers stand still while a machine sleeps, the clock on the wall does not.
func TestConnectionsAreDeadAfterASleep(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		connections int
		pause       time.Duration
		want        bool
	}{
		{1, 2 * sweepEvery, false},
		{1, 2*sweepEvery + 1, true},
		{0, time.Hour, false},
	} {
		s := sweeper{connections: tt.connections, began: before}
		if got := s.slept(before.Add(tt.pause)); got != tt.want {
			t.Errorf("%d connections, %v: %v", tt.connections, tt.pause, got)
		}
		if s.slept(before.Add(tt.pause)) {
			t.Error("it slept twice")
		}
	}
	q := &dialQueue{idle: sweeper{connections: 1, began: before}}
	closed := false
	q.idle.closeIdle = func() { closed = true }
	q.begin(new(exchange), secure, before.Add(time.Hour))
	if !closed {
		t.Error("a dead connection is used")
	}
}

func TestSweepingEndsWithTheLastConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := new(dialQueue)
		q.idle.closeIdle = func() { q.gone(nil) }
		q.opened()
		<-time.After(sweepEvery)
		synctest.Wait()
		if q.idle.timer != nil || q.idle.connections != 0 {
			t.Errorf("%d connections, timer %v", q.idle.connections, q.idle.timer)
		}
		q.opened()
		if q.idle.timer == nil {
			t.Error("the next connection is not looked after")
		}
	})
}

func TestSweepingOverSockets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	t.Cleanup(server.Close)
	c, err := New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := c.transport.wire.queue
	connections := func() int {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.idle.connections
	}
	q.sweep()
	if n := connections(); n != 1 {
		t.Errorf("%d connections after it was used", n)
	}
	q.sweep()
	if n := connections(); n != 0 {
		t.Errorf("%d connections after it was not", n)
	}
}
