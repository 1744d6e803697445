package regret_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The registry and repository of most tests.
const (
	host = "registry.example.com"
	repo = "team/app"
)

// newClient returns a client of host with the given transport. It retries without
// waiting, so that tests outside of testing/synctest take no time.
func newClient(t testing.TB, base http.RoundTripper, opts ...regret.Option) *regret.Client {
	t.Helper()
	return newClientOf(t, host, base, opts...)
}

// newClientOf is like newClient, for another registry.
func newClientOf(t testing.TB, registry string, base http.RoundTripper, opts ...regret.Option) *regret.Client {
	t.Helper()
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax = 0, 0
	opts = append([]regret.Option{regret.WithTransport(base), regret.WithRetries(retries)}, opts...)
	c, err := regret.New(registry, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// requests returns the lines of a registry's log: "DELETE /v2/a/manifests/sha256:… 202".
func requests(t testing.TB, reg *fakeregistry.Registry) []string {
	t.Helper()
	lines := []string{}
	for _, r := range reg.Requests() {
		lines = append(lines, r.String())
	}
	return lines
}

// wantRequests compares the whole log of a registry with want, and so also checks
// that nothing else was sent.
func wantRequests(t testing.TB, reg *fakeregistry.Registry, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, requests(t, reg)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// wantErr checks that err is a *regret.Error that matches every target and has a
// text fit for display. Without targets it checks that err is nil.
func wantErr(t testing.TB, err error, targets ...error) *regret.Error {
	t.Helper()
	if len(targets) == 0 {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return nil
	}
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error is not %q: %v", target, err)
		}
	}
	return wantRegretError(t, err)
}

// wantRegretError checks that err is a *regret.Error, whose text is printable and
// not longer than 1 KiB.
func wantRegretError(t testing.TB, err error) *regret.Error {
	t.Helper()
	e, ok := errors.AsType[*regret.Error](err)
	if !ok {
		t.Fatalf("not a *regret.Error: %#v", err)
	}
	if text := err.Error(); len(text) > 1<<10 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("error text of %d bytes is longer than 1 KiB or not printable: %q", len(text), text)
	}
	return e
}

// wantNot checks that err matches none of the targets.
func wantNot(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			t.Errorf("error is %q: %v", target, err)
		}
	}
}

// wantText checks that the text of an error contains all words.
func wantText(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error text does not contain %q: %v", word, err)
		}
	}
}

// withConstantWait makes the wait before every retry the same, so that tests under
// testing/synctest can check exact durations.
func withConstantWait(wait time.Duration) regret.Option {
	r := regret.DefaultRetries()
	r.WaitMin, r.WaitMax = wait, wait
	return regret.WithRetries(r)
}

// emptyImage is the manifest of an image without layers.
const emptyImage = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
	`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
	`"layers":[]}`

// manifestOf returns an OCI image manifest with the content raw.
func manifestOf(raw string) *regret.Manifest {
	return &regret.Manifest{
		Raw: []byte(raw),
		Descriptor: regret.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(raw), Size: int64(len(raw)),
		},
	}
}

// altered passes the request to the registry and changes the header of its response.
func altered(reg *fakeregistry.Registry, change func(http.Header)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		reg.Serve(&alteredWriter{w, change}, req)
		return true
	}
}

type alteredWriter struct {
	http.ResponseWriter
	change func(http.Header)
}

func (a *alteredWriter) WriteHeader(status int) {
	a.change(a.Header())
	a.ResponseWriter.WriteHeader(status)
}

// manifestPath returns the path of a manifest of repo.
func manifestPath[T ~string](reference T) string {
	return "/v2/" + repo + "/manifests/" + string(reference)
}

// requestLine returns the line of the log for a request of a manifest.
func requestLine[T ~string](method string, reference T, status int) string {
	return fmt.Sprint(method, " ", manifestPath(reference), " ", status)
}

// hang sends no response until the request is canceled.
func hang(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Hang()
}

// drip responds with a status and a slow, endless body.
func drip(status int) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return fakeregistry.Drip(status, map[string]string{"Content-Type": ociImage}, "{", 100*time.Millisecond)
	}
}

// pass lets the registry respond.
func pass(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool { reg.Serve(w, req); return true }
}

// fuzzOptions returns options that limit the work per fuzz input: one retry without a wait,
// and short lists.
func fuzzOptions() []regret.Option {
	limits := regret.DefaultLimits()
	limits.Pages, limits.Entries = 20, 1000
	return []regret.Option{regret.WithLimits(limits), regret.WithRetries(regret.Retries{Max: 1, Budget: time.Minute})}
}

// someDigest is the digest of empty content.
const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// withRetryAfter responds with an error and the given values of Retry-After.
func withRetryAfter(status int, values ...string) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			w.Header()["Retry-After"] = values
			return fakeregistry.Errors(status, "TOOMANYREQUESTS", "slow down")(w, req)
		}
	}
}

// wantDuration runs f and checks that it takes exactly as long as want.
func wantDuration(t *testing.T, want time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if got := time.Since(start); got != want {
		t.Errorf("it took %v, want %v", got, want)
	}
}

// listen serves a registry on a socket of loopback and counts the connections.
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

// newSocketClient returns a client that uses its own transport to reach server.
func newSocketClient(t *testing.T, server *httptest.Server, opts ...regret.Option) *regret.Client {
	t.Helper()
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax = 0, 0
	c, err := regret.New(server.URL, append([]regret.Option{regret.WithRetries(retries)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withTimeout returns the context of the test with a deadline.
func withTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// tlsOptions returns the options with which a client trusts the certificate of server, if it
// has one.
func tlsOptions(server *httptest.Server) []regret.Option {
	if server.TLS == nil {
		return nil
	}
	return []regret.Option{regret.WithTLSConfig(server.Client().Transport.(*http.Transport).TLSClientConfig)}
}

// serveManifest responds like a registry that has a manifest with this digest.
func serveManifest(req *http.Request, dgst digest.Digest) (*http.Response, error) {
	return respond(req, http.StatusOK, "", "Docker-Content-Digest", string(dgst), "Content-Type", "application/vnd.oci.image.manifest.v1+json"), nil
}

// writeFile writes a file and fails the test if it cannot.
func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// blockUntil delays the response until gate is closed or the request is canceled.
func blockUntil(gate <-chan struct{}) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, req *http.Request) bool {
		select {
		case <-gate:
		case <-req.Context().Done():
		}
		return false
	}
}

// reportError fails the test if err is not nil. Unlike wantErr it can be called in any
// goroutine.
func reportError(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// helloManifest returns the manifest of the image that the tests call hello.
func helloManifest(t testing.TB) *regret.Manifest {
	t.Helper()
	reg := fakeregistry.New()
	reg.PutImage(repo, "hello", "v1")
	m, err := newClient(t, reg).Manifest(t.Context(), repo, "v1")
	wantErr(t, err)
	return m
}

// resolve resolves the tag v1 of repo.
func resolve(t testing.TB, c *regret.Client) error {
	t.Helper()
	_, err := c.ResolveDigest(t.Context(), repo, "v1")
	return err
}

// endlessBody is a body without end. It counts the bytes that are read.
type endlessBody struct {
	read   int
	closed bool
}

func (f *endlessBody) Read(p []byte) (int, error) {
	f.read += len(p)
	return copy(p, strings.Repeat("a", len(p))), nil
}

func (f *endlessBody) Close() error {
	f.closed = true
	return nil
}
