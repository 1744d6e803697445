package regret_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestTransportRewritesURLs(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
	reg.PutImage(repo, "hello", "v1")
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		moved := req.Clone(req.Context())
		moved.URL.Scheme, moved.URL.Host = "http", "127.0.0.1:1"
		return reg.RoundTrip(moved) // its answer names the request that was moved
	}), regret.WithBasicAuth(account, password))
	wantErr(t, resolve(t, c))
}

func TestTransportReturnsIncompleteResponse(t *testing.T) {
	t.Parallel()
	t.Run("an answer without a request or a body is one", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 401, Header: http.Header{}}, nil
		}))
		wantErr(t, c.Ping(t.Context()), regret.ErrUnauthorized)
	})
	t.Run("nothing at all is a failure", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil }))
		wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable)
	})
}

// The environment names proxies for the client's own transport, and for no
// other. It is read once in the life of a process, so that this runs in one of
// its own.
func TestProxyFromEnvironment(t *testing.T) {
	t.Parallel()
	const asked = "REGRET_TEST_PROXY"
	if os.Getenv(asked) != "" {
		c, err := regret.New("http://registry.example.com")
		wantErr(t, err)
		wantErr(t, c.Ping(t.Context()))
		elsewhere := errors.New("the transport was asked")
		c, err = regret.New("http://registry.example.com", regret.WithTransport(roundTrip(func(*http.Request) (*http.Response, error) { return nil, elsewhere })))
		wantErr(t, err)
		wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable, elsewhere)
		return
	}
	reg := fakeregistry.New()
	reg.Intercept(0, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Connection", "close") // the other process leaves nothing behind
		return false
	})
	server, _ := listen(t, reg, (*httptest.Server).Start)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyFromEnvironment$")
	child.Env = append(os.Environ(), asked+"=1", "HTTP_PROXY="+server.URL, "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantRequests(t, reg, "GET /v2/ 200")
}

func TestResolveAndDeleteOverSocket(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	want := reg.PutImage(repo, "hello", "v1").Digest
	server, connections := listen(t, reg, (*httptest.Server).Start)
	c := newSocketClient(t, server)
	dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
	wantErr(t, err)
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
	wantRequests(t, reg, requestLine("HEAD", "v1", 200), requestLine("DELETE", want, 202))
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestBrokenResponsesOverSocket(t *testing.T) {
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
			wantErr(t, newSocketClient(t, server).Ping(t.Context()), regret.ErrUnavailable)
			if n := len(reg.Requests()); n != test.sent {
				t.Errorf("%d requests, want %d", n, test.sent)
			}
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	e := wantErr(t, newSocketClient(t, server).Untag(t.Context(), repo, "v1"), regret.ErrUnavailable)
	if e.Attempts != 4 || e.StatusCode != 0 {
		t.Errorf("%+v", e)
	}
}

// A request that the connection's end cut off is looked after: net/http itself
// repeats none that may have arrived.
func TestConnectionLostDuringDelete(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	play(reg, step{1, "DELETE", loseResponse})
	server, _ := listen(t, reg, (*httptest.Server).Start)
	wantErr(t, newSocketClient(t, server).DeleteManifest(t.Context(), repo, dgst))
	wantMethods(t, reg, dgst, "HEAD 200, DELETE 202 lost, DELETE 404, HEAD 404, GET 404")
}
