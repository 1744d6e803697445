package regret_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The tests of this file go over sockets, through the client's own connections.

// listen serves a registry on loopback and counts the connections.
func listen(t *testing.T, h http.Handler, start func(*httptest.Server)) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	start(server)
	t.Cleanup(server.Close)
	return server, &connections
}

func dialled(t *testing.T, server *httptest.Server, opts ...regret.Option) *regret.Client {
	t.Helper()
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax = 0, 0
	c, err := regret.New(server.URL, append([]regret.Option{regret.WithRetries(retries)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheWholeFlowOverASocket(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	want := reg.PutImage(repo, "hello", "v1").Digest
	server, connections := listen(t, reg, (*httptest.Server).Start)
	c := dialled(t, server)
	dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
	wantErr(t, err)
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
	wantRequests(t, reg, requestLine("HEAD", "v1", 200), requestLine("DELETE", want, 202))
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
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
			c := dialled(t, server)
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
	c := dialled(t, server)
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
		c := dialled(t, server, opts...)
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

func TestHTTP2IsSpokenWhereItIsOffered(t *testing.T) {
	t.Parallel()
	var major atomic.Int64
	reg := fakeregistry.New()
	server, _ := listen(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		major.Store(int64(req.ProtoMajor))
		reg.ServeHTTP(w, req)
	}), func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() })
	given := server.Client().Transport.(*http.Transport).TLSClientConfig
	wantErr(t, dialled(t, server, regret.WithTLSConfig(given)).Ping(t.Context()))
	if major.Load() != 2 {
		t.Errorf("HTTP/%d", major.Load())
	}
}

func TestAnswersOfRegistriesThatAreBroken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		fault fault
		sent  int
	}{
		{"a header of 9 MiB is refused", func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Answer(200, map[string]string{"X": strings.Repeat("x", 9<<20)}, "")
		}, 4},
		{"a connection that is closed without an answer is tried again", loseRequest, 4},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			play(reg, step{0, "GET", test.fault})
			server, _ := listen(t, reg, (*httptest.Server).Start)
			wantErr(t, dialled(t, server).Ping(t.Context()), regret.ErrUnavailable)
			if n := len(reg.Requests()); n != test.sent {
				t.Errorf("%d requests, want %d", n, test.sent)
			}
		})
	}
}

func TestSchemesThatDoNotMatch(t *testing.T) {
	t.Parallel()
	plain, _ := listen(t, fakeregistry.New(), (*httptest.Server).Start)
	c, err := regret.New("https://" + strings.TrimPrefix(plain.URL, "http://"))
	wantErr(t, err)
	err = c.Ping(t.Context())
	e := wantErr(t, err, regret.ErrUnavailable)
	wantText(t, err, "WithPlainHTTP")
	if e.Attempts != 1 {
		t.Errorf("%d attempts", e.Attempts)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	e := wantErr(t, dialled(t, server).Untag(t.Context(), repo, "v1"), regret.ErrUnavailable)
	if e.Attempts != 4 || e.StatusCode != 0 {
		t.Errorf("%+v", e)
	}
}

// A request that the connection's end cut off is looked after: net/http itself
// repeats none that may have arrived.
func TestADELETEThatIsCutOff(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	play(reg, step{1, "DELETE", loseResponse})
	server, _ := listen(t, reg, (*httptest.Server).Start)
	wantErr(t, dialled(t, server).DeleteManifest(t.Context(), repo, dgst))
	wantMethods(t, reg, dgst, "HEAD 200, DELETE 202 lost, DELETE 404, HEAD 404, GET 404")
}
