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

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// hold answers nothing before the gate is closed.
func blockUntil(gate <-chan struct{}) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, req *http.Request) bool {
		select {
		case <-gate:
		case <-req.Context().Done():
		}
		return false
	}
}

// wantNone is wantErr for goroutines that may not end the test.
func reportError(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// openImage is the image of a place, read where nobody asks for credentials.
func helloManifest(t testing.TB) *regret.Manifest {
	t.Helper()
	reg := fakeregistry.New()
	reg.PutImage(repo, "hello", "v1")
	m, err := newClient(t, reg).Manifest(t.Context(), repo, "v1")
	wantErr(t, err)
	return m
}

func resolve(t testing.TB, c *regret.Client) error {
	t.Helper()
	_, err := c.ResolveDigest(t.Context(), repo, "v1")
	return err
}

// flood is a body without end.
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

// Where most tests happen.
const (
	host = "registry.example.com"
	repo = "team/app"
)

// newClient is a client of the given transport that repeats at once: outside
// of testing/synctest no test waits.
func newClient(t testing.TB, base http.RoundTripper, opts ...regret.Option) *regret.Client {
	t.Helper()
	return newClientOf(t, host, base, opts...)
}

// newClientOf is newClient for another registry.
func newClientOf(t testing.TB, registry string, base http.RoundTripper, opts ...regret.Option) *regret.Client {
	t.Helper()
	atOnce := regret.DefaultRetries()
	atOnce.WaitMin, atOnce.WaitMax = 0, 0
	opts = append([]regret.Option{regret.WithTransport(base), regret.WithRetries(atOnce)}, opts...)
	c, err := regret.New(registry, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// requests are the lines of a registry's log: "DELETE /v2/a/manifests/sha256:… 202".
func requests(t testing.TB, reg *fakeregistry.Registry) []string {
	t.Helper()
	lines := []string{}
	for _, r := range reg.Requests() {
		lines = append(lines, r.String())
	}
	return lines
}

// wantRequests compares the whole log of a registry: what was sent and, above
// all, what was not.
func wantRequests(t testing.TB, reg *fakeregistry.Registry, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, requests(t, reg)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// wantErr wants a *regret.Error that matches every target and can be shown to
// anybody. Without a target it wants success.
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
	e, ok := errors.AsType[*regret.Error](err)
	if !ok {
		t.Fatalf("not a *regret.Error: %#v", err)
	}
	if text := err.Error(); len(text) > 1<<10 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("error text is longer than 1 KiB or not printable: %q", text)
	}
	return e
}

// wantNot wants an error that does not match any of the targets.
func wantNot(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			t.Errorf("error is %q: %v", target, err)
		}
	}
}

// wantText wants words in the text of an error.
func wantText(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error does not say %q: %v", word, err)
		}
	}
}

// patiently are retries whose waits are always the same, for exact times under
// testing/synctest.
func withConstantWait(wait time.Duration) regret.Option {
	r := regret.DefaultRetries()
	r.WaitMin, r.WaitMax = wait, wait
	return regret.WithRetries(r)
}

// emptyImage is about the smallest manifest there is.
const emptyImage = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
	`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
	`"layers":[]}`

// manifestOf is an OCI image manifest with this content.
func manifestOf(raw string) *regret.Manifest {
	return &regret.Manifest{
		Raw: []byte(raw),
		Descriptor: regret.Descriptor{
			MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(raw), Size: int64(len(raw)),
		},
	}
}

// altered lets the registry answer and changes the header of what it says.
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

// manifestPath is where a tag or digest is.
func manifestPath[T ~string](reference T) string {
	return "/v2/" + repo + "/manifests/" + string(reference)
}

// requestLine is a line of the log about a manifest.
func requestLine[T ~string](method string, reference T, status int) string {
	return fmt.Sprint(method, " ", manifestPath(reference), " ", status)
}

func hang(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Hang()
}

// drip answers with a status and a body that never ends.
func drip(status int) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return fakeregistry.Drip(status, map[string]string{"Content-Type": ociImage}, "{", 100*time.Millisecond)
	}
}

// pass lets the registry answer.
func pass(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool { reg.Serve(w, req); return true }
}

// impatient repeats once and waits for nobody.
func fuzzOptions() []regret.Option {
	limits := regret.DefaultLimits()
	limits.Pages, limits.Entries = 20, 1000
	return []regret.Option{regret.WithLimits(limits), regret.WithRetries(regret.Retries{Max: 1, Budget: time.Minute})}
}

// wantShort wants an error that can be shown to anybody.
func wantRegretError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*regret.Error](err); !ok {
		t.Fatalf("not a *regret.Error: %#v", err)
	}
	if text := err.Error(); len(text) > 1<<10 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("an error of %d bytes: %q", len(text), text)
	}
}

const someDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// after answers with a status and what Retry-After says, if that is anything.
func withRetryAfter(status int, values ...string) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			w.Header()["Retry-After"] = values
			return fakeregistry.Errors(status, "TOOMANYREQUESTS", "slow down")(w, req)
		}
	}
}

// took runs f and wants it to take exactly this long.
func wantDuration(t *testing.T, want time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if got := time.Since(start); got != want {
		t.Errorf("it took %v, want %v", got, want)
	}
}

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

// timeout is the context of a test with a deadline.
func withTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// trusting are the options for a server with a certificate of its own.
func tlsOptions(server *httptest.Server) []regret.Option {
	if server.TLS == nil {
		return nil
	}
	return []regret.Option{regret.WithTLSConfig(server.Client().Transport.(*http.Transport).TLSClientConfig)}
}

// served answers as a registry that has this manifest.
func serveManifest(req *http.Request, dgst digest.Digest) (*http.Response, error) {
	return respond(req, http.StatusOK, "", "Docker-Content-Digest", string(dgst), "Content-Type", "application/vnd.oci.image.manifest.v1+json"), nil
}
