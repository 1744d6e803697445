package regret_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

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
func patiently(wait time.Duration) regret.Option {
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
