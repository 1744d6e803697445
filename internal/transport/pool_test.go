package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

func TestTheFirstRequestGoesAheadUntilItIsConnected(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, test := range []struct {
		rule  string
		first func(progress func(written bool)) // what becomes of the first request
		want  []time.Duration                   // when the other requests may be sent
	}{
		{"it is connected at once", func(progress func(bool)) { progress(true) }, []time.Duration{0, 0, 0}},
		{"it is connected after a while", func(progress func(bool)) { <-time.After(s); progress(true) }, []time.Duration{s, s, s}},
		{"it fails, and the next one goes ahead", func(progress func(bool)) { <-time.After(s); progress(false) }, []time.Duration{s, 2 * s, 2 * s}},
		{"it hangs, and no other waits for more than two seconds", func(progress func(bool)) { <-time.After(time.Hour); progress(false) }, []time.Duration{2 * s, 2 * s, 2 * s}},
		{"it is connected and then ends", func(progress func(bool)) { <-time.After(s); progress(true); progress(false) }, []time.Duration{s, s, s}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFirstConnection(registry)
				start := time.Now()
				first := enter(f, t.Context())
				var (
					mu   sync.Mutex
					got  []time.Duration
					next sync.WaitGroup
				)
				for range test.want {
					next.Go(func() {
						progress := enter(f, t.Context())
						mu.Lock()
						got = append(got, time.Since(start))
						mu.Unlock()
						<-time.After(time.Second) // the handshake
						progress(true)
						progress(false)
					})
				}
				synctest.Wait()
				test.first(first)
				next.Wait()
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("times (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// enter is firstConnection.enter, with what a watch does afterwards.
func enter(f *firstConnection, ctx context.Context) (progress func(connected bool)) {
	ahead := f.enter(ctx)
	return func(connected bool) {
		if connected {
			f.note()
		}
		if ahead != nil {
			f.release(ahead)
		}
	}
}

func TestNoRequestWaitsForAConnectionThatStands(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		idle time.Duration
		wait time.Duration
	}{
		{"until it is closed because it is idle", idleTimeout - 1, 0},
		{"but requests wait for a new one after that", idleTimeout, maxFirstWait},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFirstConnection(registry)
				enter(f, t.Context())(true)
				<-time.After(test.idle)
				ahead := enter(f, t.Context())
				start := time.Now()
				enter(f, t.Context())
				if waited := time.Since(start); waited != test.wait {
					t.Errorf("waited %v, want %v", waited, test.wait)
				}
				ahead(false)
			})
		})
	}
}

func TestEveryWrittenRequestKeepsTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFirstConnection(registry)
		for range 3 {
			enter(f, t.Context())(true)
			<-time.After(idleTimeout - time.Second)
		}
		start := time.Now()
		enter(f, t.Context())
		enter(f, t.Context())
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestAWaitForTheFirstConnectionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFirstConnection(registry)
		defer enter(f, t.Context())(false)
		start := time.Now()
		enter(f, within(t, time.Second))
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestOtherServersDoNotWaitForTheFirstConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWire(registry, configure(newServer(respond(200, ""))))
		w.first = newFirstConnection(registry)
		defer enter(w.first, t.Context())(false)
		start := time.Now()
		if err := send(t.Context(), w, "https://storage.example.net/"); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestNoRequestWaitsOverPlainHTTP(t *testing.T) {
	t.Parallel()
	plain := origin.Origin{Scheme: "http", Host: "localhost"}
	if newFirstConnection(plain) != nil || NewWire(plain, configure(nil)).first != nil {
		t.Error("requests wait although http connections are never shared")
	}
	if NewWire(registry, configure(newServer(hang))).first != nil {
		t.Error("requests wait for a connection of a given transport")
	}
}

func TestTheConfigurationOfTLSIsClonedAndCompleted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		given *tls.Config
		want  uint16
	}{
		{"nothing given", nil, tls.VersionTLS12},
		{"no version given", &tls.Config{}, tls.VersionTLS12},
		{"an older version given", &tls.Config{MinVersion: tls.VersionTLS10}, tls.VersionTLS10},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var before uint16
			if test.given != nil {
				before = test.given.MinVersion
			}
			pool := newPool(test.given)
			if pool.TLSClientConfig == test.given || pool.TLSClientConfig.MinVersion != test.want {
				t.Errorf("%+v", pool.TLSClientConfig)
			}
			if test.given != nil && test.given.MinVersion != before {
				t.Error("the given configuration was modified")
			}
		})
	}
}

// serve starts a server with HTTP/2 and returns a client of it with our own pool,
// and the number of connections.
func serve(t *testing.T) (*Client, *atomic.Int64) {
	t.Helper()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Protocol", req.Proto)
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	o := origin.Origin{Scheme: "https", Host: strings.TrimPrefix(server.URL, "https://")}
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig
	c := New(o, NewWire(o, configure(nil, withRetries(atOnce), func(c *Config) { c.TLS = roots })))
	t.Cleanup(c.wire.CloseIdleConnections)
	return c, &connections
}

func TestABurstSharesOneConnection(t *testing.T) {
	t.Parallel()
	c, connections := serve(t)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if resp := succeed(t, c, get()); resp.Header.Get("X-Protocol") != "HTTP/2.0" {
				t.Errorf("protocol %q", resp.Header.Get("X-Protocol"))
			}
		})
	}
	all.Wait()
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAFirstConnectionThatHangsDoesNotBlockTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(hang, respond(200, ""))
		c := newClient(s)
		c.wire.first = newFirstConnection(registry)
		var all sync.WaitGroup
		all.Go(func() {
			if f := refuse(t, within(t, time.Minute), c, untag()); !f.Canceled {
				t.Errorf("%+v", f)
			}
		})
		synctest.Wait()
		for range 3 {
			all.Go(func() { succeed(t, c, get()) })
		}
		all.Wait()
		if diff := cmp.Diff([]time.Duration{0, maxFirstWait, maxFirstWait, maxFirstWait}, s.times()); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
	})
}

func TestAFirstConnectionThatFailsLetsTheNextRequestGoAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(func(*http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			return nil, &net.OpError{Op: "dial", Err: errReset}
		}, func(req *http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{})
			<-time.After(20 * time.Second)
			return respond(200, "")(req)
		}, respond(200, ""))
		c := newClient(s, withRetries(func(r *Retries) { r.WaitMin, r.WaitMax = 10*time.Second, 10*time.Second }))
		c.wire.first = newFirstConnection(registry)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { succeed(t, c, get()) })
		}
		all.Wait()
		want := []time.Duration{0, time.Second, 2 * time.Second, 2 * time.Second, 11 * time.Second} // the last is the retry
		if diff := cmp.Diff(want, s.times()); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
	})
}
