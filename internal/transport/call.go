package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

// A call is one run of [Client.Do] and what its attempts have shown so far. It
// belongs to one goroutine.
type call struct {
	client  *Client
	request *Request
	ctx     context.Context // the caller's
	started time.Time

	attempts  int
	ambiguous bool        // an attempt may have had an effect that no response confirmed
	failure   *Failure    // of the last attempt; nil if it succeeded
	lost      *noResponse // how the last attempt ended without a response; nil if it did not
	content   []byte      // of the response, if the request asks for it
	cut       bool        // the body of the last refusal was cut when it was read for a challenge

	loop loop
}

// A loop is what go-retryablehttp and net/http need to run the attempts. It is a
// part of the call to save allocations.
type loop struct {
	target  url.URL
	request http.Request // the next attempt; see build
	client  http.Client
	retry   retryablehttp.Client
	sent    retryablehttp.Request
}

// maxAnswers bounds how many challenges are answered in one attempt. The
// Authorization gives up before that.
const maxAnswers = 4

// RoundTrip is one attempt: the request with the Authorization header that is
// known, again with another one if that is refused, then the redirects.
func (c *call) RoundTrip(req *http.Request) (*http.Response, error) {
	c.attempts++
	auth := c.request.Authorization
	if auth == nil {
		auth = anonymous{}
	}
	header, err := auth.Header(c.ctx)
	if err != nil {
		return nil, err
	}
	c.cut = false
	resp, err := c.follow(c.build(req, header))
	for answers := 0; err == nil && answers < maxAnswers && c.challenged(resp, header); answers++ {
		if isSuccess(resp.StatusCode) {
			ok, err := auth.Volunteers(c.ctx, resp.Header)
			if err != nil {
				body.Discard(resp.Body)
				return nil, err
			}
			if !ok {
				break // the success stands
			}
		}
		// Read the body before a token is fetched: an unread response keeps its
		// connection, and the token service may be behind the only one there is.
		said, whole := body.ReadError(resp.Body, c.client.config.ErrorBytes)
		c.cut = !whole
		resp.Body = io.NopCloser(bytes.NewReader(said))
		if header, err = auth.Answer(c.ctx, resp.StatusCode, resp.Header, said); err != nil {
			return nil, err
		}
		if header == "" {
			break
		}
		c.cut = false
		if resp, err = c.follow(c.build(req, header)); err == nil && !c.challenged(resp, header) {
			auth.Accepted()
		}
	}
	if err != nil || !isSuccess(resp.StatusCode) {
		return resp, err
	}
	return c.accept(resp)
}

// challenged reports whether the registry itself wants other credentials than
// those that were sent. A 403 may say that they have expired; whether it does, the
// Authorization decides.
func (c *call) challenged(resp *http.Response, sent string) bool {
	if origin.Of(resp.Request.URL) != c.client.origin || resp.Request.Header.Get("Authorization") != sent {
		return false // of another server, or after a redirect that took the credentials off
	}
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return true
	default: // zot answers its anonymous users with 200 and a challenge
		return isSuccess(status) && c.request.Authenticate && resp.Header.Get("Www-Authenticate") != "" && sent == ""
	}
}

// accept refuses a successful response in a form that cannot be used, and reads
// its content if the request asks for that.
func (c *call) accept(resp *http.Response) (*http.Response, error) {
	// Digests are of the bytes as sent, and a few encoded bytes may unfold to any number.
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		body.Discard(resp.Body)
		return nil, &Fault{Problem: Encoded, resp: resp, err: fmt.Errorf("content encoding %q although none was accepted", redact.Clip(encoding))}
	}
	if c.request.Limit <= 0 {
		return resp, nil
	}
	content, err := body.ReadAll(resp.Body, c.request.Limit)
	if _, tooLarge := errors.AsType[*body.TooLargeError](err); tooLarge {
		return nil, &Fault{Problem: TooLarge, resp: resp, err: err}
	}
	if err != nil {
		return nil, &noResponse{err: err, arrived: true}
	}
	c.content, resp.Body = content, http.NoBody
	return resp, nil
}

// build gives the attempt's request its header and body. The connection of an
// attempt before may still be reading those it had, so both are new; the wire
// sends a copy of the request.
func (c *call) build(next *http.Request, authorization string) *http.Request {
	next.Header = make(http.Header, 5)
	for name, values := range c.request.Header {
		next.Header[name] = values
	}
	next.Header["User-Agent"] = c.client.wire.userAgent
	// Set explicitly, so that no transport asks for gzip by itself.
	next.Header["Accept-Encoding"] = identity
	if authorization != "" {
		next.Header["Authorization"] = []string{authorization}
	}
	if len(c.request.Body) > 0 { // else net/http would not know its length
		next.ContentLength = int64(len(c.request.Body))
		next.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.request.Body)), nil }
		next.Body, _ = next.GetBody() // cannot fail
	}
	return next
}

var identity = []string{"identity"}

// fail returns the failure for an attempt without a response that counts.
func (c *call) fail(err error) *Failure {
	f := &Failure{
		Method: c.request.Method, URL: c.client.origin.String() + c.request.Path,
		Attempts: c.attempts, Ambiguous: c.ambiguous, Err: cause(err),
	}
	if fault, ok := errors.AsType[*Fault](err); ok {
		f.RetryAfter = fault.RetryAfter
		if resp := fault.resp; resp != nil {
			f.StatusCode, f.Header = resp.StatusCode, resp.Header
		}
	}
	if transient, ok := errors.AsType[transientError](err); ok {
		f.RetryAfter = max(f.RetryAfter, transient.Wait())
	}
	return f
}

// refused returns the failure for a response that is no success, and reads its
// body.
func (c *call) refused(resp *http.Response) *Failure {
	f := c.fail(nil)
	f.StatusCode, f.Header = resp.StatusCode, resp.Header
	f.Body, f.Whole = body.ReadError(resp.Body, c.client.config.ErrorBytes)
	f.Whole = f.Whole && !c.cut
	resp.Body = http.NoBody
	if origin.Of(resp.Request.URL) != c.client.origin { // a redirect led there
		f.URL = c.client.wire.shown(resp.Request.URL)
	}
	if d, ok := retryafter.FromResponse(resp, time.Now()); ok {
		f.RetryAfter = d
	}
	f.RateLimited = isRateLimit(f)
	return f
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// anonymous is the Authorization of requests without one.
type anonymous struct{}

func (anonymous) Header(context.Context) (string, error) { return "", nil }

func (anonymous) Answer(context.Context, int, http.Header, []byte) (string, error) { return "", nil }

func (anonymous) Volunteers(context.Context, http.Header) (bool, error) { return false, nil }

func (anonymous) Accepted() {}
