package fakeregistry_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// closeRecorder is a request body that records that it was closed.
type closeRecorder struct {
	io.Reader
	closed chan struct{}
}

func (c closeRecorder) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

func TestRequestBodiesAreClosed(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	for name, target := range map[string]string{
		"by a handler that reads them":            "https://r/v2/a/blobs/uploads/?digest=" + absentDigest,
		"by a handler that does not read them":    "https://r/v2/a/manifests/-",
		"by a transport that rejects the request": "ftp://r/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := closeRecorder{strings.NewReader("body"), make(chan struct{})}
			req, err := http.NewRequestWithContext(t.Context(), "POST", target, body)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := reg.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
			<-body.closed // may happen just after the response
		})
	}
}

func TestBrokenRequestBodyFailsTheRequest(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, test := range []struct {
		name   string
		body   io.Reader
		length int64
		want   error
	}{
		{"a read error", io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken)), -1, broken},
		{"shorter than announced", strings.NewReader("some"), 100, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			req, err := http.NewRequestWithContext(t.Context(), "POST", "https://r/v2/a/blobs/uploads/?digest="+digestOf("some"), test.body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = test.length
			resp, err := reg.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
				t.Fatal("a response arrived")
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if reg.HasBlob("a", digest.FromString("some")) {
				t.Error("an incomplete blob was stored")
			}
		})
	}
}

func TestRequestBodyEndsAtContentLength(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://r/v2/a/blobs/uploads/?digest="+digestOf("some"), strings.NewReader("some more"))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 4
	resp, err := reg.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 201 {
		t.Errorf("status %s", resp.Status)
	}
}

func TestResponseWriterEnforcesStatusAndLength(t *testing.T) {
	t.Parallel()
	rt := fakeregistry.RoundTripper(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/long":
			w.Header().Set("Content-Length", "2")
			if _, err := io.WriteString(w, "abc"); !errors.Is(err, http.ErrContentLength) {
				t.Errorf("body longer than announced: %v", err)
			}
			if _, err := io.WriteString(w, "ab"); err != nil {
				t.Error(err)
			}
		case "/none":
			w.WriteHeader(http.StatusNoContent)
			if _, err := io.WriteString(w, "abc"); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("body of a response that must not have one: %v", err)
			}
		case "/bad":
			w.Header().Set("Content-Length", "nonsense")
			w.WriteHeader(http.StatusEarlyHints) // an informational response, ignored
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusTeapot) // ignored after the first status code
		}
	}))
	for path, want := range map[string]int{"/long": 200, "/none": 204, "/bad": 202} {
		resp, err := roundTripGet(t, rt, t.Context(), "http://r"+path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
	}
}

func TestHandlerThatDoesNotReturnResetsTheConnection(t *testing.T) {
	t.Parallel()
	for name, exit := range map[string]func(){
		"after http.ErrAbortHandler": func() { panic(http.ErrAbortHandler) },
		"after runtime.Goexit":       runtime.Goexit, // what a failing test does
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := fakeregistry.RoundTripper(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { exit() }))
			if _, err := roundTripGet(t, rt, t.Context(), "http://r/"); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a reset", err)
			}
		})
	}
}
