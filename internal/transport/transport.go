// Package transport sends one request of an operation, from its first attempt
// to its last: it retries, follows redirects, waits where a server asked for
// time, bounds what it waits for and reads, and reports to trace and log. It
// does not know operations, and reads of a refusal only whether the request may be
// sent again.
//
// Invariants: every request on the wire is one that this package decided to send,
// and none that net/http repeats by itself; a request that may do harm when it is
// sent twice is sent again only if the first certainly had no effect; an
// Authorization header never leaves the registry's origin; every wait ends with
// its context, and nothing but idle connections outlives a call.
package transport

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A Client sends requests to one registry. It is safe for concurrent use.
type Client struct {
	origin  origin.Origin
	config  Config
	wire    *Wire
	retries allowance
	random  func(n int64) int64 // a random number below n
}

// Retries says how often and how long a request is retried.
type Retries struct {
	Max           int           // retries after the first attempt
	WaitMin       time.Duration // the shortest wait
	WaitMax       time.Duration // the longest wait that is not asked for by the server
	Budget        time.Duration // from the first attempt to the start of the last
	RetryAfterMax time.Duration // the longest Retry-After that is waited for
}

// New returns a client for the registry at o that sends its requests by w.
func New(o origin.Origin, w *Wire) *Client {
	return &Client{origin: o, config: w.config, wire: w, random: rand.Int64N}
}

// A Request is one request of an operation.
type Request struct {
	Op         string // of the caller, for trace and log
	Repository string // for the log
	Method     string
	Path       string      // not escaped
	RawPath    string      // Path as a server escaped it; empty to escape it as usual
	Query      string      // escaped
	Header     http.Header // Accept, Content-Type; the rest is added; not modified
	Body       []byte      // of a PUT; empty for none

	// Authorization finds the Authorization header; nil sends none.
	Authorization Authorization
	// Repeatable says that the request may be sent again after an attempt that
	// may have had an effect.
	Repeatable bool
	// Authenticate says that the response depends on who asks: a successful one
	// that comes with a challenge is answered like a 401.
	Authenticate bool
	// Limit, if positive, has the body of a successful response read into
	// Response.Content as a part of the attempt, so that a connection lost in the
	// middle of it is retried. A larger body is an error.
	Limit int64
}

// An Authorization finds the Authorization header for one request.
type Authorization interface {
	// Header returns the header to send unasked; "" for none.
	Header(ctx context.Context) (string, error)
	// Answer returns the header to send after a response refused the last one;
	// "" if there is nothing new to offer.
	Answer(ctx context.Context, status int, header http.Header, body []byte) (string, error)
	// Volunteers reports whether Answer has one to a challenge that came with a
	// success.
	Volunteers(ctx context.Context, header http.Header) (bool, error)
	// Accepted says that the header which Answer returned was not refused.
	Accepted()
}

// A Response is a response with a status of 2xx. The caller closes its Body.
type Response struct {
	*http.Response
	Content  []byte // where Request.Limit asks for it
	Attempts int
}

// A Failure is a request without a successful response: the facts of its last
// attempt.
type Failure struct {
	Method     string // empty if nothing was sent
	URL        string // of the last response or attempt, without query and user information
	StatusCode int    // 0 if there was no response
	Header     http.Header
	Body       []byte // of an error response, within its limit
	Whole      bool   // the body was not cut
	RetryAfter time.Duration
	// RateLimited says that the server asked for fewer requests, with whatever status.
	RateLimited bool
	Attempts    int
	// Ambiguous says that an attempt, not necessarily the last one, may have had
	// an effect although no response confirmed it.
	Ambiguous bool
	// Canceled says that the caller's context ended; Err is then its error.
	Canceled bool
	Err      error // why there was no response, or why it cannot be accepted; nil for a refusal
}

// Do sends a request until it succeeds, is refused, or may not be retried.
// The Response is valid if the Failure is nil.
func (c *Client) Do(ctx context.Context, r *Request) (Response, *Failure) {
	call := &call{client: c, request: r, ctx: ctx, started: time.Now()}
	if err := ctx.Err(); err != nil {
		return Response{}, call.canceled(&Failure{}, err)
	}
	c.retries.earn()
	resp, err := call.send()
	switch {
	case err == nil && call.failure == nil:
		return Response{Response: resp, Content: call.content, Attempts: call.attempts}, nil
	case call.failure == nil: // the retrying client refused the request itself
		call.failure = call.fail(err)
	}
	if ended := ctx.Err(); ended != nil && err != nil { // perhaps while waiting for the next attempt
		return Response{}, call.canceled(call.failure, ended)
	}
	return Response{}, call.failure
}

// canceled turns a failure into the end of the caller's context.
func (c *call) canceled(f *Failure, ended error) *Failure {
	f.Canceled = true
	if !errors.Is(f.Err, ended) { // else it says more, for example what was waited for
		f.Err = ended
	}
	return f
}

// shown returns a URL for errors, trace and log: some servers echo a secret in
// the path of a Location.
func (w *Wire) shown(u *url.URL) string { return w.config.Secrets.Redact(origin.Redact(u)) }

// logRetry reports why there is another attempt.
func (c *call) logRetry(ctx context.Context) {
	attrs := []slog.Attr{
		slog.String("op", c.request.Op), slog.String("repository", c.request.Repository),
		slog.Int("attempt", c.attempts), slog.Int("status", c.failure.StatusCode),
	}
	if err := c.client.config.Secrets.RedactError(c.failure.Err); err != nil {
		attrs = append(attrs, slog.String("error", redact.Printable(err.Error(), errorbody.MaxText)))
	}
	c.client.config.Logger.LogAttrs(ctx, slog.LevelWarn, "retry", attrs...)
}
