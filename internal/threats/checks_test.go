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

// A fault answers a request instead of the registry, as [fakeregistry.Registry.Intercept] defines.
type fault = func(http.ResponseWriter, *http.Request) bool

// intercept makes a fault answer all requests that match a method and a path, as [fakeregistry.On]
// defines them. An empty path matches the whole API.
func (s *testServer) intercept(method, path string, f fault) {
	if path == "" {
		path = "/v2/"
	}
	s.registry.Intercept(0, fakeregistry.On(method, path), f)
}

// requestLog returns the lines of the registry's log.
func (s *testServer) requestLog() []string {
	lines := []string{}
	for _, r := range s.registry.Requests() {
		lines = append(lines, r.String())
	}
	return lines
}

// wantRequests compares the whole request log.
func (s *testServer) wantRequests(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), s.requestLog()); diff != "" {
		s.t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// wantRequestsAtMost bounds the number of requests.
func (s *testServer) wantRequestsAtMost(n int) {
	s.t.Helper()
	if sent := s.requestLog(); len(sent) > n {
		s.t.Errorf("%d requests, want at most %d: %q", len(sent), n, sent)
	}
}

// wantNoWrites checks that no write was sent.
func (s *testServer) wantNoWrites() {
	s.t.Helper()
	for _, r := range s.registry.Writes() {
		s.t.Errorf("unexpected write: %s", r)
	}
}

// wantNothingDeleted checks that both images and their tags are unchanged.
func (s *testServer) wantNothingDeleted() {
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

// wantWrittenAtMost checks that the server could write no more than limit bytes, and a buffer, for
// each of n responses. Over a socket the buffers of the kernel and of HTTP/2 hold megabytes.
func (s *testServer) wantWrittenAtMost(n int, limit int64) {
	s.t.Helper()
	buffer := int64(32 << 10)
	if s.transport != memory {
		buffer = 16 << 20
	}
	if got := s.written.Load(); got > int64(n)*(limit+buffer) {
		s.t.Errorf("the server wrote %d bytes, want at most %d times %d and a buffer", got, n, limit)
	}
}

// wantErr checks that each of the errors joined in err is a *regret.Error that matches every target
// and whose text is short and printable. It returns the first one.
func wantErr(t testing.TB, err error, targets ...error) *regret.Error {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	var first *regret.Error
	for _, err := range splitErrors(err) {
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

// wantNot checks that err matches none of the targets.
func wantNot(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if errors.Is(err, target) {
			t.Errorf("error is %q: %v", target, err)
		}
	}
}

// wantText checks that the text of err contains the words.
func wantText(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error does not contain %q: %v", word, err)
		}
	}
}

func splitErrors(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// manifestPath returns the path of a tag or digest.
func manifestPath[T ~string](reference T) string {
	return "/v2/" + repo + "/manifests/" + string(reference)
}

// requestLine returns a line of the request log for a manifest.
func requestLine[T ~string](method string, reference T, status int) string {
	return fmt.Sprint(method, " ", manifestPath(reference), " ", status)
}

// rawResponse returns a fault that takes over an HTTP/1.1 connection, so that it can write a response
// that net/http would not.
func (s *testServer) rawResponse(write func(*rawConn)) fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			s.t.Error(err)
			return false
		}
		defer conn.Close()
		write(&rawConn{conn, &s.written})
		return true
	}
}

// A rawConn is a connection for a response that is written byte by byte.
type rawConn struct {
	net.Conn
	written *atomic.Int64
}

// send writes text and reports whether the connection is still open.
func (w *rawConn) send(text string) bool {
	n, err := w.Write([]byte(text))
	w.written.Add(int64(n))
	return err == nil
}

// reset closes the connection with a RST.
func (w *rawConn) reset() {
	conn := w.Conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
		tcp.Close()
	}
}
