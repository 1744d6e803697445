package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/seed-8cb7cc86/regret/internal/errorbody"
)

// All calls of a client together may retry one in ten requests, and retryReserve
// beyond that: a registry in trouble is not sent a storm on top.
const (
	retryReserve = 20
	retryShare   = 10 // one in ten
)

// minSpan is the least span from which the first wait is drawn, so that a
// WaitMin of 0 does not mean to hammer the server.
const minSpan = 100 * time.Millisecond

// send runs the attempts. The loop is go-retryablehttp's; the policy is ours.
// It waits in check: Backoff gets no context.
func (c *call) send() (*http.Response, error) {
	l := &c.loop
	// call has no CloseIdleConnections method: one failed request must not close
	// the connections of all others.
	l.client.Transport = c
	l.retry.HTTPClient = &l.client
	l.retry.RetryMax = c.client.config.Retries.Max
	l.retry.CheckRetry = c.check
	l.retry.Backoff = noBackoff
	l.retry.ErrorHandler = retryablehttp.PassthroughErrorHandler
	// build completes the request for each attempt, and the wire gives it its context.
	l.target = url.URL{
		Scheme: c.client.origin.Scheme, Host: c.client.origin.Host,
		Path: c.request.Path, RawPath: c.request.RawPath, RawQuery: c.request.Query,
	}
	l.request = http.Request{Method: c.request.Method, URL: &l.target, Header: emptyHeader}
	l.sent.Request = &l.request
	return l.retry.Do(&l.sent)
}

var emptyHeader = http.Header{}

func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

// check is called after every attempt. It records the failure and decides
// whether to try again.
func (c *call) check(_ context.Context, resp *http.Response, err error) (bool, error) {
	c.failure, c.lost = nil, nil
	if err == nil && isSuccess(resp.StatusCode) {
		return false, nil
	}
	var retry bool
	if err != nil {
		retry = c.judgeError(err)
		c.failure = c.fail(err)
	} else {
		c.failure = c.refused(resp)
		retry = c.judgeStatus(c.failure)
		c.failure.Ambiguous = c.ambiguous
	}
	if ended := c.ctx.Err(); ended != nil {
		return false, ended
	}
	if !retry || !c.mayWait() || !c.free() && !c.client.retries.spend() {
		return false, nil
	}
	c.logRetry(c.ctx)
	if err := c.wait(); err != nil {
		return false, err
	}
	return true, nil
}

// judgeError decides about an attempt without a response.
func (c *call) judgeError(err error) bool {
	if fault, ok := errors.AsType[*Fault](err); ok {
		// A response in an encoding that nobody can read still was a response.
		c.ambiguous = c.ambiguous || fault.Problem == Encoded
		return false
	}
	lost, ok := errors.AsType[*noResponse](err)
	if transient, is := errors.AsType[transientError](err); is { // no header, so nothing was sent
		c.lost = lost
		return transient.Transient() && !permanent(err)
	}
	if !ok {
		return false
	}
	c.ambiguous, c.lost = c.ambiguous || lost.arrived, lost
	return !permanent(err) && (!lost.arrived || c.request.Repeatable)
}

// judgeStatus decides about a response that is no success.
func (c *call) judgeStatus(f *Failure) bool {
	if f.RateLimited {
		return true
	}
	switch f.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		c.ambiguous = true
		return c.request.Repeatable
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return c.request.Repeatable
	case http.StatusServiceUnavailable:
		if errorbody.IsEnvelope(f.Body) && errorbody.HasCode(f.Body) { // the registry itself refused
			return true
		}
		// A bare 503 may be a proxy's, about a request that it did pass on.
		c.ambiguous = c.ambiguous || f.RetryAfter == 0
		return c.request.Repeatable
	}
	if f.StatusCode >= 520 { // delivery networks, of an origin server that did not respond
		c.ambiguous = true
		return c.request.Repeatable
	}
	return false
}

// isRateLimit reports whether a refusal asks for fewer requests. A 403 does so if
// it names a time or says it in words: GitHub's secondary limits are such.
func isRateLimit(f *Failure) bool {
	switch f.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return f.RetryAfter > 0 || errorbody.HasRateLimitCode(f.Body) || errorbody.SaysRateLimit(f.Body)
	}
	return errorbody.HasRateLimitCode(f.Body)
}

// mayWait reports whether another attempt fits: by number, time, and what the
// server asked for.
func (c *call) mayWait() bool {
	r, wait, left := c.client.config.Retries, c.failure.RetryAfter, c.budget()
	if c.attempts > r.Max || left <= 0 || wait > left || wait > r.RetryAfterMax {
		return false
	}
	deadline, ok := c.ctx.Deadline()
	return wait == 0 || !ok || wait <= time.Until(deadline)
}

// budget is how much is left of the time in which attempts may begin; negative
// if none is.
func (c *call) budget() time.Duration {
	return c.client.config.Retries.Budget - time.Since(c.started)
}

// wait waits before the next attempt.
func (c *call) wait() error {
	timer := time.NewTimer(c.backoff())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// atOnce reports whether the next attempt is the first in place of one that
// net/http would have made by itself at once: connections go stale and streams
// are refused in the normal course of things.
func (c *call) atOnce() bool { return c.lost != nil && c.lost.replay && c.attempts == 1 }

// free reports whether a retry does not count for the allowance: the first one as
// above, and after a stream that the server refused, which costs it next to
// nothing.
func (c *call) free() bool { return c.atOnce() || c.lost != nil && c.lost.replay && !c.lost.arrived }

// backoff is full jitter over a span that doubles, or what the server asked for.
func (c *call) backoff() time.Duration {
	if c.atOnce() {
		return 0
	}
	r := c.client.config.Retries
	wait := r.WaitMin
	if after := c.failure.RetryAfter; after > 0 {
		wait = max(after, r.WaitMin)
	} else if span := min(r.WaitMax-r.WaitMin, max(r.WaitMin, minSpan)<<min(c.attempts-1, 15)); span > 0 {
		wait += time.Duration(c.client.random(int64(span) + 1))
	}
	return min(wait, max(0, c.budget()))
}

// An allowance is what all calls of a client may spend on retries together, in
// units of which a retry costs retryShare.
type allowance struct{ spent atomic.Int64 }

// earn is called for every request.
func (a *allowance) earn() {
	for n := a.spent.Load(); n > 0 && !a.spent.CompareAndSwap(n, n-1); n = a.spent.Load() {
	}
}

// spend takes one retry from the allowance, if there is one.
func (a *allowance) spend() bool {
	if a.spent.Add(retryShare) <= retryReserve*retryShare {
		return true
	}
	a.spent.Add(-retryShare)
	return false
}

// neverSent reports whether an error says that there was no connection to send
// a request on.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	return dns || isTLS(err)
}

// permanent reports whether the next attempt would fail in the same way.
func permanent(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound
	}
	return isTLS(err)
}

// isTLS reports whether the server did not prove its identity, or does not speak
// TLS.
func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record || errors.Is(err, http.ErrSchemeMismatch)
}
