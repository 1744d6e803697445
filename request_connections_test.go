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

// A burst opens at most twice as many connections as there are callers: net/http
// dials ahead. Over HTTP/2 a few serve all callers: the first request goes ahead
// until its connection stands.
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
		meet  bool // all callers are under way at the same time
		most  int64
	}{
		{"plain", (*httptest.Server).Start, false, 2 * callers},
		{"plain, all at once", (*httptest.Server).Start, true, 2 * callers},
		{"over TLS", secure(false, 0), false, 2 * callers},
		{"over TLS, all at once", secure(false, 0), true, 2 * callers},
		{"over HTTP/2", secure(true, 0), false, few},
		{"over HTTP/2, all at once", secure(true, 0), true, few},
		{"over HTTP/2 with a hundred streams", secure(true, 100), false, few},
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

// One handshake that fails is one failure: who waited for its connection has
// one of their own.
func TestBurstSurvivesFailedHandshake(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
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

// A rudeListener closes the first connection without a word.
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
		{"after an answer", pass, nil},
		{"after a refusal", failing(403, "DENIED"), []error{regret.ErrForbidden}},
		{"after a page of a proxy", htmlNotFound, []error{}},
		{"after failures that are repeated", failing(503, "UNAVAILABLE"), []error{regret.ErrUnavailable}},
		{"after content that is not wanted", failing(200, ""), []error{regret.ErrNotRegistry}},
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
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestManyCallersKeepTheirConnections(t *testing.T) {
	t.Parallel()
	const callers = 256
	var meeting sync.WaitGroup // where the first request of every caller waits for all others
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
	if n := connections.Load(); n != callers {
		t.Errorf("%d connections for %d callers", n, callers)
	}
}

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	server, connections := listen(t, fakeregistry.New(), (*httptest.Server).Start)
	own := http.DefaultTransport.(*http.Transport).Clone()
	for name, opts := range map[string][]regret.Option{"our own": nil, "given": {regret.WithTransport(own)}} {
		connections.Store(0)
		c := newSocketClient(t, server, opts...)
		wantErr(t, c.Ping(t.Context()))
		wantErr(t, c.Ping(t.Context()))
		if n := connections.Load(); n != 1 {
			t.Errorf("%s: %d connections before", name, n)
		}
		c.CloseIdleConnections()
		wantErr(t, c.Ping(t.Context()))
		if n := connections.Load(); n != 2 {
			t.Errorf("%s: %d connections after", name, n)
		}
	}
	newClient(t, fakeregistry.New()).CloseIdleConnections() // has none
}

// Whoever still waits for a connection has sent nothing, whatever error that
// ends in.
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
			over := make(chan struct{}) // nobody else ends a dial that was given up
			defer close(over)
			dial := func(context.Context, string, string) (net.Conn, error) {
				cancel()
				<-over
				return nil, net.ErrClosed
			}
			err := test.call(ctx, newClient(t, &http.Transport{DialContext: dial, DialTLSContext: dial}))
			wantErr(t, err, context.Canceled)
			wantNot(t, err, regret.ErrOutcomeUnknown)
		})
	}
}

// A connection that was there has carried the request, over every protocol.
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
			rule := test.rule + ", connected anew"
			if warm {
				rule = test.rule + ", connected before"
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
					t.Error("the test itself is wrong: nothing arrived")
				}
			})
		}
	}
}
