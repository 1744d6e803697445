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
		return reg.RoundTrip(moved) // the response refers to the rewritten request
	}), regret.WithBasicAuth(account, password))
	wantErr(t, resolve(t, c))
}

func TestTransportReturnsIncompleteResponse(t *testing.T) {
	t.Parallel()
	t.Run("a response without a request or a body is accepted", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 401, Header: http.Header{}}, nil
		}))
		wantErr(t, c.Ping(t.Context()), regret.ErrUnauthorized)
	})
	t.Run("neither a response nor an error is a failure", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil }))
		wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable)
	})
}

// The client's own transport uses the proxies of the environment; a transport of WithTransport
// does not. net/http reads the environment once per process, so the test starts a process.
func TestProxyFromEnvironment(t *testing.T) {
	t.Parallel()
	const variable = "REGRET_TEST_PROXY"
	if os.Getenv(variable) != "" {
		c, err := regret.New("http://registry.example.com")
		wantErr(t, err)
		wantErr(t, c.Ping(t.Context()))
		transportErr := errors.New("the given transport was used")
		c, err = regret.New("http://registry.example.com", regret.WithTransport(roundTrip(func(*http.Request) (*http.Response, error) { return nil, transportErr })))
		wantErr(t, err)
		wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable, transportErr)
		return
	}
	reg := fakeregistry.New()
	reg.Intercept(0, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Connection", "close") // so that the other process leaves no connection open
		return false
	})
	server, _ := listen(t, reg, (*httptest.Server).Start)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyFromEnvironment$")
	child.Env = append(os.Environ(), variable+"=1", "HTTP_PROXY="+server.URL, "NO_PROXY=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("the other process failed: %v\n%s", err, out)
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
		t.Errorf("%d connections, want 1", n)
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
		{"a connection that is closed without a response is retried", loseRequest, 4},
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
		t.Errorf("%d attempts and status %d, want 4 and none", e.Attempts, e.StatusCode)
	}
}

// The client retries and verifies a DELETE whose connection was lost. net/http itself does not
// retry requests that may have arrived.
func TestConnectionLostDuringDelete(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	play(reg, step{1, "DELETE", loseResponse})
	server, _ := listen(t, reg, (*httptest.Server).Start)
	wantErr(t, newSocketClient(t, server).DeleteManifest(t.Context(), repo, dgst))
	wantMethods(t, reg, dgst, "HEAD 200, DELETE 202 lost, DELETE 404, HEAD 404, GET 404")
}
