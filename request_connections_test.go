package regret_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A burst of calls opens at most twice as many connections as there are callers, because
// net/http dials ahead. Over HTTP/2 a few connections serve all callers, because the other
// requests wait until the first one has its connection.
func TestBurstOpensFewConnections(t *testing.T) {
	t.Parallel()
	const callers, few = 64, 4
	secure := func(http2 bool, streams int) func(*httptest.Server) {
		return func(s *httptest.Server) {
			s.EnableHTTP2 = http2
			if streams > 0 {
				s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
			}
			s.StartTLS()
		}
	}
	for _, test := range []struct {
		rule  string
		start func(*httptest.Server)
		meet  bool // whether all callers' first requests are in flight at the same time
		most  int64
	}{
		{"HTTP/1.1", (*httptest.Server).Start, false, 2 * callers},
		{"HTTP/1.1, all in flight", (*httptest.Server).Start, true, 2 * callers},
		{"HTTP/1.1 over TLS", secure(false, 0), false, 2 * callers},
		{"HTTP/1.1 over TLS, all in flight", secure(false, 0), true, 2 * callers},
		{"HTTP/2", secure(true, 0), false, few},
		{"HTTP/2, all in flight", secure(true, 0), true, few},
		{"HTTP/2 with a hundred streams", secure(true, 100), false, few},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithoutLog())
			var meeting sync.WaitGroup
			if test.meet {
				meeting.Add(callers)
				reg.Intercept(callers, fakeregistry.On("GET", "/v2/"), func(http.ResponseWriter, *http.Request) bool {
					meeting.Done()
					meeting.Wait()
					return false
				})
			}
			server, connections := listen(t, reg, test.start)
			var opts []regret.Option
			if given := server.Client().Transport.(*http.Transport).TLSClientConfig; given != nil {
				opts = append(opts, regret.WithTLSConfig(given))
			}
			c := newSocketClient(t, server, opts...)
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					if err := c.Ping(t.Context()); err != nil {
						t.Error(err)
					}
					if err := c.CheckDelete(t.Context(), repo); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := connections.Load(); n > test.most {
				t.Errorf("%d connections for %d callers, want at most %d", n, callers, test.most)
			}
		})
	}
}

// A failed handshake is a failure of one request only: the requests that waited for its
// connection get connections of their own.
func TestBurstSurvivesFailedHandshake(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("with HTTP/2 %t", http2), func(t *testing.T) {
			t.Parallel()
			server, _ := listen(t, fakeregistry.New(), func(s *httptest.Server) {
				s.EnableHTTP2 = http2
				s.Listener = &closingListener{Listener: s.Listener}
				s.StartTLS()
			})
			c := newSocketClient(t, server, regret.WithTLSConfig(server.Client().Transport.(*http.Transport).TLSClientConfig))
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					if err := c.Ping(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

// A closingListener closes the first connection immediately.
type closingListener struct {
	net.Listener
	once sync.Once
}

func (l *closingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	l.once.Do(func() {
		if err == nil {
			conn.Close()
			conn, err = l.Listener.Accept()
		}
	})
	return conn, err
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		fault fault
		want  []error
	}{
		{"after a success", pass, nil},
		{"after a refusal", failing(403, "DENIED"), []error{regret.ErrForbidden}},
		{"after the HTML page of a proxy", htmlNotFound, []error{}},
		{"after failures that are retried", failing(503, "UNAVAILABLE"), []error{regret.ErrUnavailable}},
		{"after an unexpected body", failing(200, ""), []error{regret.ErrNotRegistry}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			play(reg, step{0, "GET", test.fault})
			server, connections := listen(t, reg, (*httptest.Server).Start)
			c := newSocketClient(t, server)
			for range 5 {
				err := c.Ping(t.Context())
				if test.want == nil {
					wantErr(t, err)
				} else {
					wantErr(t, err, append(test.want, err)...)
				}
			}
			if n := connections.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

func TestManyCallersKeepTheirConnections(t *testing.T) {
	t.Parallel()
	const callers = 256
	var meeting sync.WaitGroup // the first request of every caller waits for all others
	meeting.Add(callers)
	reg := fakeregistry.New(fakeregistry.WithoutLog())
	reg.Intercept(callers, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
		meeting.Done()
		meeting.Wait()
		reg.Serve(w, req)
		return true
	})
	server, connections := listen(t, reg, (*httptest.Server).Start)
	c := newSocketClient(t, server)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if err := c.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			for range 3 {
				if err := c.CheckDelete(t.Context(), repo); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := connections.Load(); n > 2*callers {
		t.Errorf("%d connections for %d callers, want at most twice as many", n, callers)
	}
}

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	server, connections := listen(t, fakeregistry.New(), (*httptest.Server).Start)
	own := http.DefaultTransport.(*http.Transport).Clone()
	for name, opts := range map[string][]regret.Option{"the transport of the client": nil, "the transport of WithTransport": {regret.WithTransport(own)}} {
		connections.Store(0)
		c := newSocketClient(t, server, opts...)
		wantErr(t, c.Ping(t.Context()))
		wantErr(t, c.Ping(t.Context()))
		if n := connections.Load(); n != 1 {
			t.Errorf("%s: %d connections before closing, want 1", name, n)
		}
		c.CloseIdleConnections()
		wantErr(t, c.Ping(t.Context()))
		if n := connections.Load(); n != 2 {
			t.Errorf("%s: %d connections after closing, want 2", name, n)
		}
	}
	newClient(t, fakeregistry.New()).CloseIdleConnections() // the fake registry has no connections to close
}

// A write that still waits for a connection has not been sent, whatever its error is.
func TestAWriteThatWaitsForAConnectionHasNotArrived(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		call func(context.Context, *regret.Client) error
	}{
		{"an untag", func(ctx context.Context, c *regret.Client) error { return c.Untag(ctx, repo, "v1") }},
		{"a check", func(ctx context.Context, c *regret.Client) error { return c.CheckDelete(ctx, repo) }},
		{"a push", func(ctx context.Context, c *regret.Client) error {
			return c.PutManifest(ctx, repo, "v1", manifestOf(emptyImage))
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			testOver := make(chan struct{}) // ends the abandoned dial
			defer close(testOver)
			dial := func(context.Context, string, string) (net.Conn, error) {
				cancel()
				<-testOver
				return nil, net.ErrClosed
			}
			err := test.call(ctx, newClient(t, &http.Transport{DialContext: dial, DialTLSContext: dial}))
			wantErr(t, err, context.Canceled)
			wantNot(t, err, regret.ErrOutcomeUnknown)
		})
	}
}

// A write that had its connection may have arrived, over every protocol.
func TestAWriteThatHadItsConnectionMayHaveArrived(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		start func(*httptest.Server)
	}{
		{"over HTTP/1.1", (*httptest.Server).Start},
		{"over HTTP/1.1 and TLS", (*httptest.Server).StartTLS},
		{"over HTTP/2", func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }},
	} {
		for _, warm := range []bool{false, true} {
			rule := test.rule + ", new connection"
			if warm {
				rule = test.rule + ", reused connection"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				reg := fakeregistry.New()
				server, _ := listen(t, reg, test.start)
				c := newSocketClient(t, server, tlsOptions(server)...)
				if warm {
					wantErr(t, c.Ping(t.Context()))
				}
				reg.PutImage(repo, "hello", "v1")
				ctx, cancel := context.WithCancel(t.Context())
				reg.Intercept(1, fakeregistry.On("DELETE", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
					reg.Serve(&nobody{}, req)
					cancel()
					return fakeregistry.Hang()(w, req)
				})
				wantErr(t, c.Untag(ctx, repo, "v1"), regret.ErrOutcomeUnknown, context.Canceled)
				if _, there := reg.Tag(repo, "v1"); there {
					t.Error("the test is wrong: the DELETE did not arrive")
				}
			})
		}
	}
}
