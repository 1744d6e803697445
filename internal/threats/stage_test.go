package threats_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// Where most cases are played.
const (
	host = "registry.example.com"
	repo = "team/app"
)

// A way is how requests reach the registry.
type way string

const (
	memory way = "memory" // without a socket, in virtual time
	http1  way = "http1"  // HTTP/1.1 over TLS
	http2  way = "http2"  // HTTP/2 over TLS
	plain  way = "plain"  // HTTP/1.1 without TLS
)

// everywhere plays a scenario over all transports that differ.
func everywhere(t *testing.T, play func(*testing.T, *stage), opts ...fakeregistry.Option) {
	t.Helper()
	over(t, anyWay(), play, opts...)
}

// inMemory plays one in virtual time, where waits are exact and take none.
func inMemory(t *testing.T, play func(*testing.T, *stage), opts ...fakeregistry.Option) {
	t.Helper()
	over(t, []way{memory}, play, opts...)
}

// over plays one over some transports.
func over(t *testing.T, ways []way, play func(*testing.T, *stage), opts ...fakeregistry.Option) {
	t.Helper()
	for _, w := range ways {
		if raced && w == http1 && len(ways) > 1 {
			continue
		}
		t.Run(string(w), func(t *testing.T) {
			t.Parallel()
			if w == memory {
				synctest.Test(t, func(t *testing.T) { play(t, newStage(t, w, opts)) })
				return
			}
			play(t, newStage(t, w, opts))
		})
	}
}

// A stage is a registry, a way to it, and what was seen of a client there.
type stage struct {
	way          way
	registry     *fakeregistry.Registry // with team/app:v1 and :latest, which are one image, and :v2
	image, other regret.Descriptor      // the two images
	name         string                 // of the registry, for [regret.New]

	t       *testing.T
	opts    []regret.Option
	written atomic.Int64 // bytes of bodies that the other side got rid of
	running gauge        // requests that are being answered
	bodies  gauge        // answers in memory that the client has not closed
}

func newStage(t *testing.T, w way, opts []fakeregistry.Option) *stage {
	t.Helper()
	scenario(t)
	s := &stage{way: w, t: t, registry: fakeregistry.New(opts...), name: host}
	s.image = s.registry.PutImage(repo, "hello", "v1", "latest")
	s.other = s.registry.PutImage(repo, "other", "v2")
	s.registry.ResetLog()
	if w == memory {
		s.opts = []regret.Option{regret.WithTransport(s)}
	} else {
		s.listen()
	}
	t.Cleanup(s.wantNothingOpen) // before the server is closed
	return s
}

// listen opens the socket. Over it no time is lost with waiting.
func (s *stage) listen() {
	server := httptest.NewUnstartedServer(s)
	s.start(server, s.way)
	s.name = server.URL
	atOnce := regret.DefaultRetries()
	atOnce.WaitMin, atOnce.WaitMax = 0, 0
	s.opts = []regret.Option{regret.WithRetries(atOnce)}
	if s.way != plain {
		trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
		s.opts = append(s.opts, regret.WithTLSConfig(trusted))
	}
}

// client is a new client of the registry: with the transport that it makes for
// itself where there is a socket, and the retries that it has of itself where
// time is virtual.
func (s *stage) client(opts ...regret.Option) *regret.Client {
	s.t.Helper()
	c, err := regret.New(s.name, append(s.opts[:len(s.opts):len(s.opts)], opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// ctx ends with the test; over a socket also before anybody loses patience.
func (s *stage) ctx() context.Context {
	if s.way == memory {
		return s.t.Context()
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	s.t.Cleanup(cancel)
	return ctx
}

// ServeHTTP is the registry, and counts what it sends.
func (s *stage) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.running.up()
	defer s.running.down()
	s.registry.ServeHTTP(&countingWriter{w, &s.written}, req)
}

// RoundTrip reaches the registry without a socket, and counts what the client
// does not close.
func (s *stage) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := fakeregistry.RoundTripper(s).RoundTrip(req)
	if err == nil && resp.Body != http.NoBody {
		s.bodies.up()
		resp.Body = &countedBody{ReadCloser: resp.Body, closed: s.bodies.down}
	}
	return resp, err
}

// wantNothingOpen wants every request to be over, and every answer closed.
func (s *stage) wantNothingOpen() {
	s.t.Helper()
	if !s.running.settles() {
		s.t.Error("a request is still being answered")
	}
	if !s.bodies.settles() {
		s.t.Error("the body of an answer was not closed")
	}
}

// A countingWriter counts the bytes that were taken from a handler.
type countingWriter struct {
	http.ResponseWriter
	written *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// Unwrap lets [http.ResponseController] and the faults find the connection.
func (c *countingWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

type countedBody struct {
	io.ReadCloser
	once   sync.Once
	closed func()
}

func (c *countedBody) Close() error {
	c.once.Do(c.closed)
	return c.ReadCloser.Close()
}

// A gauge counts what has begun and not ended.
type gauge struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is 0 again; nil if it always was
}

func (g *gauge) up() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n++; g.n == 1 {
		g.none = make(chan struct{})
	}
}

func (g *gauge) down() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 {
		close(g.none)
	}
}

// settles reports whether everything ends soon.
func (g *gauge) settles() bool {
	g.mu.Lock()
	none := g.none
	g.mu.Unlock()
	if none == nil {
		return true
	}
	select {
	case <-none:
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}
