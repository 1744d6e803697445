package regret_test

import (
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
func TestABurstOpensNoMoreConnectionsThanItNeeds(t *testing.T) {
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
			c := dialled(t, server, opts...)
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
func TestABurstWhoseFirstHandshakeFails(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
			t.Parallel()
			server, _ := listen(t, fakeregistry.New(), func(s *httptest.Server) {
				s.EnableHTTP2 = http2
				s.Listener = &rudeListener{Listener: s.Listener}
				s.StartTLS()
			})
			c := dialled(t, server, regret.WithTLSConfig(server.Client().Transport.(*http.Transport).TLSClientConfig))
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
type rudeListener struct {
	net.Listener
	once sync.Once
}

func (l *rudeListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	l.once.Do(func() {
		if err == nil {
			conn.Close()
			conn, err = l.Listener.Accept()
		}
	})
	return conn, err
}
