package threats_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A fault answers instead of the registry.
type fault = func(http.ResponseWriter, *http.Request) bool

// on lets a fault answer all requests of a method and a path, as
// [fakeregistry.On] takes them; an empty path is any of the registry's.
func (s *stage) on(method, path string, f fault) {
	if path == "" {
		path = "/v2/"
	}
	s.registry.Intercept(0, fakeregistry.On(method, path), f)
}

// requests are the lines of the registry's log.
func (s *stage) requests() []string {
	lines := []string{}
	for _, r := range s.registry.Requests() {
		lines = append(lines, r.String())
	}
	return lines
}

// wantRequests compares the whole log: what was sent, and what was not.
func (s *stage) wantRequests(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), s.requests()); diff != "" {
		s.t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// wantAtMost bounds the number of requests.
func (s *stage) wantAtMost(n int) {
	s.t.Helper()
	if sent := s.requests(); len(sent) > n {
		s.t.Errorf("%d requests, want at most %d: %q", len(sent), n, sent)
	}
}

// wantNoWrites wants that nothing was asked to change.
func (s *stage) wantNoWrites() {
	s.t.Helper()
	for _, r := range s.registry.Writes() {
		s.t.Errorf("sent: %s", r)
	}
}

// wantAllThere wants both images under their tags, as they were.
func (s *stage) wantAllThere() {
	s.t.Helper()
	want := map[string]regret.Digest{"v1": s.image.Digest, "latest": s.image.Digest, "v2": s.other.Digest}
	if diff := cmp.Diff(want, s.registry.Tags(repo)); diff != "" {
		s.t.Errorf("tags (-want +got):\n%s", diff)
	}
	for tag, dgst := range want {
		if !s.registry.HasManifest(repo, dgst) {
			s.t.Errorf("the manifest of %s is gone", tag)
		}
	}
}

// wantWritten wants that the other side got rid of no more bytes than a limit
// allows each of n answers, and a buffer: over a socket those of the kernel and
// of HTTP/2, which hold megabytes.
func (s *stage) wantWritten(n int, limit int64) {
	s.t.Helper()
	buffer := int64(32 << 10)
	if s.way != memory {
		buffer = 16 << 20
	}
	if got := s.written.Load(); got > int64(n)*(limit+buffer) {
		s.t.Errorf("%d bytes were taken, want at most %d times %d and a buffer", got, n, limit)
	}
}

// wantErr wants each of the errors joined in err to be a *regret.Error that
// matches every target and can be shown to anybody. It returns the first.
func wantErr(t testing.TB, err error, targets ...error) *regret.Error {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	var first *regret.Error
	for _, err := range unjoined(err) {
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
		if first == nil {
			first = e
		}
	}
	return first
}

// wantNot wants an error that matches none of the targets.
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

func unjoined(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// manifestPath is where a tag or digest is.
func manifestPath[T ~string](reference T) string {
	return "/v2/" + repo + "/manifests/" + string(reference)
}

// requestLine is a line of the log about a manifest.
func requestLine[T ~string](method string, reference T, status int) string {
	return fmt.Sprint(method, " ", manifestPath(reference), " ", status)
}

// raw takes the connection of HTTP/1.1 away from the server and writes an
// answer that no server would.
func (s *stage) raw(answer func(*wire)) fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			s.t.Error(err)
			return false
		}
		defer conn.Close()
		answer(&wire{conn, &s.written})
		return true
	}
}

// A wire is a connection that is written to byte by byte.
type wire struct {
	net.Conn
	written *atomic.Int64
}

// say writes and reports whether the client still listens.
func (w *wire) say(text string) bool {
	n, err := w.Write([]byte(text))
	w.written.Add(int64(n))
	return err == nil
}

// reset drops the connection with a RST instead of ending it.
func (w *wire) reset() {
	conn := w.Conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
		tcp.Close()
	}
}
