package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const registryURL = "https://registry.example.com"

var registry = origin.Origin{Scheme: "https", Host: "registry.example.com"}

// errReset is an error of no known kind: the request may have been received.
var errReset = errors.New("connection reset by peer")

// A step is the response to one request.
type step func(*http.Request) (*http.Response, error)

// A sent is one request that a server received.
type sent struct {
	Line          string // method and URL
	Authorization string
	At            time.Duration // since the server was made
}

// A server is an http.RoundTripper that responds to its n-th request with its
// n-th step, and to all later requests with the last one.
type server struct {
	start time.Time
	steps []step

	mu       sync.Mutex
	received []sent
}

func newServer(steps ...step) *server { return &server{start: time.Now(), steps: steps} }

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n := min(len(s.received), len(s.steps)-1)
	s.received = append(s.received, sent{req.Method + " " + req.URL.String(), req.Header.Get("Authorization"), time.Since(s.start)})
	s.mu.Unlock()
	return s.steps[n](req)
}

func (s *server) requests() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

func (s *server) lines() []string {
	var lines []string
	for _, r := range s.requests() {
		lines = append(lines, r.Line)
	}
	return lines
}

// times are when the requests were sent.
func (s *server) times() []time.Duration {
	var times []time.Duration
	for _, r := range s.requests() {
		times = append(times, r.At)
	}
	return times
}

// respond responds with a status code, a body, and header fields in pairs of
// name and value.
func respond(status int, body string, fields ...string) step {
	return func(*http.Request) (*http.Response, error) {
		header := http.Header{}
		for i := 0; i < len(fields); i += 2 {
			header.Add(fields[i], fields[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}
}

// fail ends a request without a response.
func fail(err error) step {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang responds never.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// configure returns the configuration that most tests share.
func configure(base http.RoundTripper, changes ...func(*Config)) Config {
	c := Config{
		Base:         base,
		UserAgent:    "test agent",
		ReadTimeout:  30 * time.Second,
		WriteTimeout: 5 * time.Minute,
		ErrorBytes:   1 << 10,
		Retries: Retries{
			Max: 3, WaitMin: time.Second, WaitMax: time.Second, Budget: 2 * time.Minute, RetryAfterMax: time.Minute,
		},
		Logger:  slog.New(slog.DiscardHandler),
		Secrets: new(redact.Secrets),
	}
	for _, change := range changes {
		change(&c)
	}
	return c
}

func newClient(base http.RoundTripper, changes ...func(*Config)) *Client {
	return New(registry, NewWire(registry, configure(base, changes...)))
}

// withRetries changes how often and how long a request is retried.
func withRetries(change func(*Retries)) func(*Config) {
	return func(c *Config) { change(&c.Retries) }
}

// atOnce retries without waiting.
func atOnce(r *Retries) { r.WaitMin, r.WaitMax = 0, 0 }

// get is a request that may be repeated.
func get() *Request {
	return &Request{Op: "read", Repository: "team/app", Method: http.MethodGet, Path: "/v2/team/app/tags/list", Repeatable: true}
}

// untag is a request that must not be repeated after it may have been received.
func untag() *Request {
	return &Request{Op: "untag", Repository: "team/app", Method: http.MethodDelete, Path: "/v2/team/app/manifests/v1"}
}

// succeed sends a request that must succeed, and closes the response.
func succeed(t *testing.T, c *Client, r *Request) Response {
	t.Helper()
	resp, failure := c.Do(t.Context(), r)
	if failure != nil {
		t.Fatalf("unexpected failure: %+v", failure)
	}
	resp.Body.Close()
	return resp
}

// refuse sends a request that must not succeed.
func refuse(t *testing.T, ctx context.Context, c *Client, r *Request) *Failure {
	t.Helper()
	resp, failure := c.Do(ctx, r)
	if failure == nil {
		t.Fatalf("unexpected success: %d", resp.StatusCode)
	}
	if resp.Response != nil {
		t.Error("both a response and a failure")
	}
	return failure
}

// within returns a context with a deadline.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
