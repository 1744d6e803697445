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

// The registry and repository of most cases.
const (
	host = "registry.example.com"
	repo = "team/app"
)

// A transport is the kind of connection over which requests reach the registry.
type transport string

const (
	memory    transport = "memory" // without a socket, in virtual time
	http1     transport = "http1"  // HTTP/1.1 over TLS
	http2     transport = "http2"  // HTTP/2 over TLS
	plainHTTP transport = "plain"  // HTTP/1.1 without TLS
)

// onAllTransports runs a scenario over each of allTransports.
func onAllTransports(t *testing.T, run func(*testing.T, *testServer), opts ...fakeregistry.Option) {
	t.Helper()
	onTransports(t, allTransports(), run, opts...)
}

// inMemory runs a scenario in virtual time, where waits are exact and take no real time.
func inMemory(t *testing.T, run func(*testing.T, *testServer), opts ...fakeregistry.Option) {
	t.Helper()
	onTransports(t, []transport{memory}, run, opts...)
}

// onTransports runs a scenario over each of the given transports.
func onTransports(t *testing.T, transports []transport, run func(*testing.T, *testServer), opts ...fakeregistry.Option) {
	t.Helper()
	for _, tr := range transports {
		if raceEnabled && tr == http1 && len(transports) > 1 {
			continue
		}
		t.Run(string(tr), func(t *testing.T) {
			t.Parallel()
			if tr == memory {
				synctest.Test(t, func(t *testing.T) { run(t, newTestServer(t, tr, opts)) })
				return
			}
			run(t, newTestServer(t, tr, opts))
		})
	}
}

// A testServer is a fake registry behind one transport. It records what a client does.
type testServer struct {
	transport    transport
	registry     *fakeregistry.Registry // with team/app:v1 and :latest, which are one image, and :v2
	image, other regret.Descriptor      // the two images
	blob         regret.Descriptor      // of storedBlob
	name         string                 // of the registry, for [regret.New]

	t              *testing.T
	clientOptions  []regret.Option
	written        atomic.Int64 // bytes of response bodies that the server has written
	activeRequests gauge        // requests that the server is handling
	openBodies     gauge        // response bodies that the client has not closed; only in memory
}

func newTestServer(t *testing.T, tr transport, opts []fakeregistry.Option) *testServer {
	t.Helper()
	countScenario(t)
	s := &testServer{transport: tr, t: t, registry: fakeregistry.New(opts...), name: host}
	s.image = s.registry.PutImage(repo, "hello", "v1", "latest")
	s.other = s.registry.PutImage(repo, "other", "v2")
	s.blob = s.registry.PutBlob(repo, []byte(storedBlob))
	s.registry.ResetLog()
	if tr == memory {
		s.clientOptions = []regret.Option{regret.WithTransport(s)}
	} else {
		s.listen()
	}
	t.Cleanup(s.wantNothingOpen) // before the server is closed
	return s
}

// listen starts the server on a socket. Clients of it retry without waiting.
func (s *testServer) listen() {
	server := httptest.NewUnstartedServer(s)
	s.startServer(server, s.transport)
	s.name = server.URL
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax = 0, 0
	s.clientOptions = []regret.Option{regret.WithRetries(retries)}
	if s.transport != plainHTTP {
		tlsConfig := server.Client().Transport.(*http.Transport).TLSClientConfig
		s.clientOptions = append(s.clientOptions, regret.WithTLSConfig(tlsConfig))
	}
}

// client returns a new client of the registry. Over a socket it has the default HTTP transport; in
// memory, where time is virtual, it has the default retries.
func (s *testServer) client(opts ...regret.Option) *regret.Client {
	s.t.Helper()
	c, err := regret.New(s.name, append(s.clientOptions[:len(s.clientOptions):len(s.clientOptions)], opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// ctx returns a context that ends with the test, and over a socket after 20 seconds at the latest.
func (s *testServer) ctx() context.Context {
	if s.transport == memory {
		return s.t.Context()
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	s.t.Cleanup(cancel)
	return ctx
}

// ServeHTTP serves the registry and counts the bytes that it sends.
func (s *testServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.activeRequests.inc()
	defer s.activeRequests.dec()
	s.registry.ServeHTTP(&countingWriter{w, &s.written}, req)
}

// RoundTrip sends a request to the registry without a socket, and counts the response bodies that
// the client has not closed.
func (s *testServer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := fakeregistry.RoundTripper(s).RoundTrip(req)
	if err == nil && resp.Body != http.NoBody {
		s.openBodies.inc()
		resp.Body = &countedBody{ReadCloser: resp.Body, closed: s.openBodies.dec}
	}
	return resp, err
}

// wantNothingOpen checks that the server has handled every request and that every response body is
// closed.
func (s *testServer) wantNothingOpen() {
	s.t.Helper()
	if !s.activeRequests.drained() {
		s.t.Error("the server is still handling a request")
	}
	if !s.openBodies.drained() {
		s.t.Error("a response body was not closed")
	}
}

// A countingWriter counts the bytes that a handler has written.
type countingWriter struct {
	http.ResponseWriter
	written *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// Unwrap gives [http.ResponseController] and the faults access to the connection.
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

// A gauge counts things that have begun and not yet ended.
type gauge struct {
	mu        sync.Mutex
	n         int
	drainedCh chan struct{} // closed when n is 0 again; nil if it always was
}

func (g *gauge) inc() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n++; g.n == 1 {
		g.drainedCh = make(chan struct{})
	}
}

func (g *gauge) dec() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 {
		close(g.drainedCh)
	}
}

// drained reports whether the gauge returns to 0 within a few seconds.
func (g *gauge) drained() bool {
	g.mu.Lock()
	none := g.drainedCh
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
