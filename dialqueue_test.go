package regret

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Inside the package: only here can a dial be played without a socket, and so in
// exact time.

var secure = origin{"https", "registry.example.com"}

// A caller is one request and what net/http asks of the queue for it.
type caller struct {
	q   *dialQueue
	x   *exchange
	ctx context.Context
	h   *host
}

func newCaller(t *testing.T, q *dialQueue, o origin, watched bool) *caller {
	x := &exchange{want: want{watched: watched}}
	return &caller{q, x, context.WithValue(t.Context(), exchangeKey{}, x), q.begin(x, o, time.Now())}
}

// dial asks for a turn and says when it came.
func (c *caller) dial(o origin) (*pending, time.Duration, error) {
	start := time.Now()
	_, p, err := c.q.turn(c.ctx, o)
	return p, time.Since(start), err
}

// must is dial where the turn has to come at this time.
func (c *caller) must(t *testing.T, o origin, want time.Duration) *pending {
	t.Helper()
	p, took, err := c.dial(o)
	if err != nil || took != want {
		t.Fatalf("after %v: %v, want after %v", took, err, want)
	}
	return p
}

func inTime(t *testing.T, rule string, play func(*testing.T, *dialQueue)) {
	t.Run(rule, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { play(t, new(dialQueue)) })
	})
}

func TestDialQueue(t *testing.T) {
	t.Parallel()
	plain := origin{"http", "registry.example.com"}
	inTime(t, "over HTTP/1.1 each of several requests has a connection", func(t *testing.T, q *dialQueue) {
		for range 3 {
			newCaller(t, q, plain, true).must(t, plain, 0)
		}
	})
	inTime(t, "a request that is served over another connection dials no more", func(t *testing.T, q *dialQueue) {
		first := newCaller(t, q, plain, true)
		q.dialled(first.h, first.must(t, plain, 0))
		q.end(first.x, first.h)
		second := newCaller(t, q, plain, true) // one connection, one request: it will be given that
		go func() {
			<-time.After(time.Second / 2)
			q.serves(second.x, true)
		}()
		if _, took, err := second.dial(plain); !errors.Is(err, errNotNeeded) || took != time.Second/2 {
			t.Errorf("after %v: %v", took, err)
		}
	})
	inTime(t, "a request that is known to have no connection dials after a moment", func(t *testing.T, q *dialQueue) {
		first := newCaller(t, q, plain, true)
		q.dialled(first.h, first.must(t, plain, 0))
		q.end(first.x, first.h)
		newCaller(t, q, plain, true).must(t, plain, handover)
	})
	inTime(t, "a read that does not tell waits until it ends", func(t *testing.T, q *dialQueue) {
		first := newCaller(t, q, plain, true)
		q.dialled(first.h, first.must(t, plain, 0))
		q.end(first.x, first.h)
		slow := newCaller(t, q, plain, false)
		go func() {
			<-time.After(time.Minute)
			q.end(slow.x, slow.h)
		}()
		if _, took, err := slow.dial(plain); !errors.Is(err, errNotNeeded) || took != time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
	})
	inTime(t, "a host that comes back is another", func(t *testing.T, q *dialQueue) {
		other := newCaller(t, q, secure, true)
		c := newCaller(t, q, plain, true)
		q.end(c.x, c.h)
		again := newCaller(t, q, plain, true)
		if again.h == c.h || q.hosts[plain] != again.h {
			t.Error("what was forgotten is used")
		}
		q.end(other.x, other.h)
	})
	inTime(t, "a late dial of a request that is over is none", func(t *testing.T, q *dialQueue) {
		c, other := newCaller(t, q, plain, true), newCaller(t, q, plain, true)
		q.end(c.x, c.h)
		if _, _, err := c.dial(plain); !errors.Is(err, errNotNeeded) {
			t.Error(err)
		}
		q.end(other.x, other.h)
		if len(q.hosts) != 0 {
			t.Errorf("%d hosts are remembered", len(q.hosts))
		}
	})
	inTime(t, "what no request was noted for is dialled at once", func(t *testing.T, q *dialQueue) {
		c := newCaller(t, q, secure, true)
		if h, _, err := q.turn(c.ctx, origin{"http", "proxy.example.com:3128"}); h != nil || err != nil {
			t.Error(h, err)
		}
	})
	inTime(t, "the end of the context ends the wait", func(t *testing.T, q *dialQueue) {
		newCaller(t, q, secure, true).must(t, secure, 0)
		c := newCaller(t, q, secure, true)
		ctx, cancel := context.WithTimeout(c.ctx, time.Second/4)
		defer cancel()
		c.ctx = ctx
		if _, took, err := c.dial(secure); !errors.Is(err, context.DeadlineExceeded) || took != time.Second/4 {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestDialQueueBeforeTheFirstHandshake(t *testing.T) {
	t.Parallel()
	// handshake begins a dial and ends it after a while.
	handshake := func(t *testing.T, q *dialQueue, took time.Duration, http1 bool) *caller {
		c := newCaller(t, q, secure, true)
		p := c.must(t, secure, 0)
		go func() {
			<-time.After(took)
			q.agreed(c.h, http1)
			q.dialled(c.h, p)
		}()
		return c
	}
	inTime(t, "all wait for one, and dial for themselves if it is HTTP/1.1", func(t *testing.T, q *dialQueue) {
		handshake(t, q, time.Second/2, true)
		newCaller(t, q, secure, true).must(t, secure, time.Second/2)
	})
	inTime(t, "who comes a moment after it is given the connection", func(t *testing.T, q *dialQueue) {
		handshake(t, q, time.Second/2, false)
		<-time.After(time.Second/2 + time.Millisecond)
		c := newCaller(t, q, secure, true)
		go func() {
			<-time.After(time.Millisecond)
			q.serves(c.x, true)
		}()
		if _, took, err := c.dial(secure); !errors.Is(err, errNotNeeded) || took != time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
	inTime(t, "whom the connection does not serve dials at once", func(t *testing.T, q *dialQueue) {
		handshake(t, q, time.Second/2, false)
		<-time.After(time.Second)
		c := newCaller(t, q, secure, true)
		go c.dial(secure) // and net/http gives it the connection, which has no stream left
		synctest.Wait()
		c.must(t, secure, 0)
		q.serves(c.x, true)
	})
	inTime(t, "a connection that is not given out is not waited for", func(t *testing.T, q *dialQueue) {
		handshake(t, q, time.Second/2, false) // and it goes away while its only request is slow
		<-time.After(time.Minute)
		newCaller(t, q, secure, true).must(t, secure, handover)
	})
	inTime(t, "who does not tell may be waiting for a stream, and dials after a moment", func(t *testing.T, q *dialQueue) {
		handshake(t, q, time.Second/2, false) // its only stream is taken
		<-time.After(time.Second/2 + time.Millisecond)
		newCaller(t, q, secure, false).must(t, secure, handover)
	})
	inTime(t, "a handshake that fails leaves the turn to the next", func(t *testing.T, q *dialQueue) {
		c := newCaller(t, q, secure, true)
		p := c.must(t, secure, 0)
		go func() {
			<-time.After(time.Second / 2)
			q.failed(c.h)
			q.dialled(c.h, p)
		}()
		newCaller(t, q, secure, true).must(t, secure, time.Second/2)
	})
	inTime(t, "a handshake that hangs is waited for no longer than it takes to doubt it", func(t *testing.T, q *dialQueue) {
		newCaller(t, q, secure, true).must(t, secure, 0)
		newCaller(t, q, secure, true).must(t, secure, dialPatience)
	})
	inTime(t, "nor by those who come later, when its caller has given up", func(t *testing.T, q *dialQueue) {
		c := newCaller(t, q, secure, true)
		c.must(t, secure, 0)
		<-time.After(dialPatience)
		q.end(c.x, c.h)
		newCaller(t, q, secure, true).must(t, secure, 0)
	})
	inTime(t, "where everything hangs nobody waits longer than a dial takes", func(t *testing.T, q *dialQueue) {
		last := make(chan time.Duration, 32)
		for range cap(last) {
			c := newCaller(t, q, secure, true)
			go func() {
				_, took, err := c.dial(secure)
				if err != nil {
					t.Error(err)
				}
				last <- took
			}()
		}
		for range cap(last) {
			if took := <-last; took > dialTimeout {
				t.Errorf("after %v", took)
			}
		}
	})
}

func TestWarm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		host host
		want bool
	}{
		{"more connections than requests", host{http1: true, open: 2, requests: 1}, true},
		{"all connections are taken", host{http1: true, open: 1, requests: 1}, false},
		{"a connection of HTTP/2 is for all", host{open: 1, requests: 9}, true},
		{"no connection", host{}, false},
		{"one is being dialled, for others to share", host{open: 2, pending: []*pending{{}}}, false},
		{"one was just dialled, for others to share", host{open: 1, fresh: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			q := &dialQueue{hosts: map[origin]*host{secure: &tt.host}}
			if got := q.warm(secure); got != tt.want {
				t.Errorf("warm: %v", got)
			}
		})
	}
	if new(dialQueue).warm(secure) || (*dialQueue)(nil).warm(secure) {
		t.Error("warm without a host")
	}
}

// ownPool is a client over its own connections, of which there are none yet.
func ownPool(t *testing.T) *Client {
	t.Helper()
	c, err := New("registry.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEachRequestOfAnExchangeIsWatchedOrNot(t *testing.T) {
	t.Parallel()
	c := ownPool(t)
	x, q := c.exchange("delete manifest", "DELETE", "team/app", "v1"), c.transport.wire.queue
	if x.watch(t.Context()); !x.want.watched {
		t.Error("the first is not watched, and there is no connection")
	}
	other := q.begin(new(exchange), c.origin, time.Now())
	other.open = 2
	if x.watch(t.Context()); x.want.watched {
		t.Error("the second is watched, and a connection is waiting for it")
	}
}

// Where a connection was waiting nobody watched whether the request had it.
func TestWhatIsNotWatchedMayHaveArrived(t *testing.T) {
	t.Parallel()
	c := ownPool(t)
	for _, watched := range []bool{false, true} {
		x := c.exchange("untag", "DELETE", "team/app", "v1")
		x.repeat, x.sent, x.want.watched = repeatUntouched, true, watched
		again := x.judgeError(tls.RecordHeaderError{Msg: "no TLS"})
		if again || x.ambiguous == watched {
			t.Errorf("watched %v: again %v, ambiguous %v", watched, again, x.ambiguous)
		}
	}
}

// Whoever accepts a connection and says nothing is given up in time, and counts
// for nothing any more.
func TestAHandshakeThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mute, client := net.Pipe()
		go io.Copy(io.Discard, mute)
		d := newDialer(tlsConfig(nil))
		d.reach = func(context.Context, string, string) (net.Conn, error) { return client, nil }
		c := newCaller(t, &d.queue, secure, true)
		start := time.Now()
		_, err := d.dialTLS(c.ctx, "tcp", secure.host+":443")
		if took := time.Since(start); err != errSlowHandshake || took != handshakeTimeout {
			t.Errorf("after %v: %v", took, err)
		}
		if c.h.open != 0 || len(c.h.pending) != 0 {
			t.Errorf("%d connections, %d dials", c.h.open, len(c.h.pending))
		}
	})
}
