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
func swept(t *testing.T, play func(q *dialQueue, x *exchange)) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		q, start := new(dialQueue), time.Now()
		took = time.Hour
		q.idle.closeIdle = sync.OnceFunc(func() { took = time.Since(start) })
		play(q, new(exchange))
		<-time.After(time.Hour)
	})
	return took
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	at := origin{"http", "registry.example.com"}
	tests := []struct {
		rule string
		play func(q *dialQueue, x *exchange)
		want time.Duration
	}{
		{"after a while without any request", func(q *dialQueue, x *exchange) {
			h := q.begin(x, at)
			q.opened()
			q.end(x, h)
		}, 2 * sweepEvery},
		{"when fewer are needed than there are", func(q *dialQueue, x *exchange) {
			h := q.begin(x, at)
			q.opened()
			q.opened()
			<-time.After(sweepEvery / 2)
			q.end(x, h)
		}, sweepEvery},
		{"not while as many are needed", func(q *dialQueue, x *exchange) {
			q.begin(x, at)
			q.opened()
		}, time.Hour},
		{"not while it is used now and then", func(q *dialQueue, x *exchange) {
			q.opened()
			for range 110 {
				h := q.begin(x, at)
				<-time.After(time.Second)
				q.end(x, h)
				<-time.After(30 * time.Second)
			}
		}, 77 * sweepEvery},
		{"at once when there are far too many", func(q *dialQueue, x *exchange) {
			for range maxIdle + 1 {
				q.opened()
			}
		}, 0},
		{"not if none was opened", func(q *dialQueue, x *exchange) { q.end(x, q.begin(x, at)) }, time.Hour},
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
