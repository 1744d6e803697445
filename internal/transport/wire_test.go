package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheHeaderOfAResponseHasATimeoutByMethod(t *testing.T) {
	t.Parallel()
	const read, write = 10 * time.Second, 40 * time.Second
	limits := func(c *Config) { c.ReadTimeout, c.WriteTimeout, c.Retries.Max = read, write, 0 }
	for _, test := range []struct {
		method string
		want   time.Duration
	}{{"GET", read}, {"HEAD", read}, {"POST", write}, {"DELETE", write}, {"PUT", write}} {
		t.Run(test.method, func(t *testing.T) {
			t.Parallel()
			for _, late := range []struct {
				rule string
				step step
			}{
				{"a server that hangs", hang},
				{"a response that comes too late", func(req *http.Request) (*http.Response, error) {
					<-req.Context().Done()
					return respond(200, "too late")(req)
				}},
			} {
				synctest.Test(t, func(t *testing.T) {
					r := get()
					r.Method = test.method
					start := time.Now()
					f := refuse(t, t.Context(), newClient(newServer(late.step), limits), r)
					if took := time.Since(start); took != test.want {
						t.Errorf("%s: after %v, want %v", late.rule, took, test.want)
					}
					if !errors.Is(f.Err, errSlowHeader) || !f.Ambiguous || f.Canceled || f.StatusCode != 0 {
						t.Errorf("%s: %+v", late.rule, f)
					}
				})
			}
		})
	}
}

func TestATokenRequestHasTheTimeoutOfARead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const read = 10 * time.Second
		w := NewWire(registry, configure(newServer(hang), func(c *Config) { c.ReadTimeout, c.WriteTimeout = read, time.Hour }))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://auth.example.com/token", strings.NewReader("a=b"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err = w.For("token").RoundTrip(req); !errors.Is(err, errSlowHeader) || time.Since(start) != read {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestABodyMayTakeLongerThanTheHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newServer(func(req *http.Request) (*http.Response, error) {
			resp, err := respond(200, "")(req)
			resp.Body = io.NopCloser(io.MultiReader(readerFunc(func() error {
				time.Sleep(time.Hour)
				return req.Context().Err()
			}), strings.NewReader("late")))
			return resp, err
		}))
		r := get()
		r.Limit = 100
		if resp := succeed(t, c, r); string(resp.Content) != "late" {
			t.Errorf("content %q", resp.Content)
		}
	})
}

// A readerFunc returns the end, or its error.
type readerFunc func() error

func (f readerFunc) Read([]byte) (int, error) {
	if err := f(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

func TestAClosedBodyEndsTheContextOfItsRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		body  io.ReadCloser
		ended bool // before the body is closed
	}{
		{"when it is closed", io.NopCloser(strings.NewReader("x")), false},
		{"at once without a body", http.NoBody, true},
		{"at once with a nil body", nil, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var ctx context.Context
			c := newClient(newServer(func(req *http.Request) (*http.Response, error) {
				ctx = req.Context()
				return &http.Response{StatusCode: 200, Body: test.body}, nil
			}))
			resp, failure := c.Do(t.Context(), get())
			if failure != nil {
				t.Fatalf("%+v", failure)
			}
			if ended := ctx.Err() != nil; ended != test.ended {
				t.Errorf("ended %v before the body is closed", ended)
			}
			resp.Body.Close()
			if ctx.Err() == nil {
				t.Error("not ended after the body is closed")
			}
		})
	}
}

func TestTransportsThatDoLessThanTheyMust(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		step step
		text string // of the error
	}{
		{"neither a response nor an error is an error", func(*http.Request) (*http.Response, error) { return nil, nil }, "the transport returned neither a response nor an error"},
		{"both a response and an error is an error", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200}, errReset
		}, errReset.Error()},
		{"no body is an empty one", func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }, ""},
		{"an empty body of HTTP/2 is an empty one", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, ProtoMajor: 2, Body: io.NopCloser(strings.NewReader(""))}, nil
		}, ""},
		{"a response to a request of the transport's own is one to ours", func(*http.Request) (*http.Response, error) {
			elsewhere, err := http.NewRequest("GET", "https://elsewhere.example.net", nil)
			return &http.Response{StatusCode: 200, Request: elsewhere}, err
		}, ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			resp, failure := newClient(newServer(test.step), withRetries(atOnce)).Do(t.Context(), get())
			if test.text != "" {
				if failure == nil || failure.Err.Error() != test.text || failure.StatusCode != 0 || failure.Attempts != 4 {
					t.Errorf("%+v", failure)
				}
				return
			}
			if failure != nil {
				t.Fatalf("%+v", failure)
			}
			if resp.Body != http.NoBody || resp.Request.URL.Host != registry.Host {
				t.Errorf("body %v, request to %v", resp.Body, resp.Request.URL)
			}
		})
	}
}

func TestTheBodyOfAHEADIsNotKept(t *testing.T) {
	t.Parallel()
	r := get()
	r.Method = http.MethodHead
	if resp := succeed(t, newClient(newServer(respond(200, "unexpected"))), r); resp.Body != http.NoBody {
		t.Errorf("body %v", resp.Body)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []Attempt
		s := newServer(
			fail(&url.Error{Op: "Get", URL: "https://x?c4n4ry-secret", Err: errReset}),
			respond(302, "", "Location", "https://ann.example.net/c4n4ry-secret?sig=1"),
			func(req *http.Request) (*http.Response, error) {
				time.Sleep(5 * time.Second)
				return respond(200, "")(req)
			},
		)
		c := newClient(s, func(c *Config) { c.Trace = func(a Attempt) { got = append(got, a) } })
		c.config.Secrets.Add("c4n4ry-secret")
		r := get()
		r.Query = "last=c4n4ry-secret"
		succeed(t, c, r)
		want := []Attempt{
			{Op: "read", Method: "GET", URL: registryURL + path, Err: errReset},
			{Op: "read", Method: "GET", URL: registryURL + path, StatusCode: 302},
			{Op: "read", Method: "GET", URL: "https://ann.example.net/[redacted]", StatusCode: 200, Duration: 5 * time.Second},
		}
		for i := range got { // the URL of a trace is for people
			got[i].URL, _ = url.PathUnescape(got[i].URL)
		}
		if diff := cmp.Diff(want, got, sameErrors); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	s := newServer(respond(200, "", "Warning", "299 - \"c4n4ry-secret is\x1b[31m deprecated\"", "Warning", "299 - two"))
	log := map[slog.Level]*bytes.Buffer{slog.LevelDebug: {}, slog.LevelInfo: {}}
	for level, buffer := range log {
		c := newClient(s, logTo(buffer, level))
		c.config.Secrets.Add("c4n4ry-secret")
		r := get()
		r.Query = "last=c4n4ry-secret"
		r.Authorization = &authorization{first: "Bearer c4n4ry-secret"}
		succeed(t, c, r)
	}
	warnings := `level=WARN msg="warning from the registry" url=` + registryURL + path + ` warning="299 - \"[redacted] is?[31m deprecated\""
level=WARN msg="warning from the registry" url=` + registryURL + path + ` warning="299 - two"
`
	if diff := cmp.Diff(warnings, log[slog.LevelInfo].String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	debug := warnings + "level=DEBUG msg=request op=read method=GET url=" + registryURL + path + " status=200\n"
	if diff := cmp.Diff(debug, log[slog.LevelDebug].String()); diff != "" {
		t.Errorf("debug log (-want +got):\n%s", diff)
	}
}

func TestASingleRequestOfACanceledContextIsNotSent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newServer(respond(200, ""))
	if err := send(ctx, NewWire(registry, configure(s)), registryURL); !errors.Is(err, context.Canceled) || len(s.requests()) != 0 {
		t.Errorf("%v, requests %q", err, s.lines())
	}
}

func TestASingleRequestFollowsNoRedirectAndRetriesNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{307, 500} {
		s := newServer(respond(status, "", "Location", "/elsewhere"))
		if err := send(t.Context(), NewWire(registry, configure(s)), registryURL); err != nil || len(s.requests()) != 1 {
			t.Errorf("%d: %v, requests %q", status, err, s.lines())
		}
	}
}

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	idle := &idleCloser{}
	for range 2 {
		NewWire(registry, configure(idle)).CloseIdleConnections()
	}
	NewWire(registry, configure(newServer(hang))).CloseIdleConnections() // has none
	if idle.closed != 2 {
		t.Errorf("closed %d times", idle.closed)
	}
}

// One failed request must not close the connections of all others.
func TestAFailureClosesNoIdleConnections(t *testing.T) {
	t.Parallel()
	idle := &idleCloser{}
	f := refuse(t, t.Context(), newClient(idle, withRetries(atOnce)), get())
	if f.Attempts != 4 || idle.closed != 0 {
		t.Errorf("closed %d times after %d attempts", idle.closed, f.Attempts)
	}
}

type idleCloser struct{ closed int }

func (i *idleCloser) CloseIdleConnections() { i.closed++ }

func (*idleCloser) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("sent: %w", errReset)
}
