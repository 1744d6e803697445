package regret

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

// repeat says when a failed attempt may be followed by another.
type repeat uint8

const (
	// repeatSafe: the request may be sent as often as needed. True of reads,
	// and of deleting by digest, which names content that cannot change.
	repeatSafe repeat = iota
	// repeatUntouched: only where the attempt certainly had no effect. A tag may
	// be pushed anew between two attempts, and the second would hit that.
	repeatUntouched
)

// A client may repeat one in ten of its requests, and this many that it has not
// earned yet or has saved up: a registry in trouble gets no storm on top.
const (
	spareRetries = 20
	retryShare   = 10 // one in ten
)

// While nobody says how long to wait, the first wait is drawn from at least
// this span, so that a WaitMin of 0 does not mean to hammer.
const leastSpan = 100 * time.Millisecond

// newRetrier repeats exchanges by the rules below. It is one for all of them:
// each is found in the context of its request. Backoff is not told for whom it
// is called, so that the wait is left to PrepareRetry.
func newRetrier(client *http.Client, r Retries) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: client,
		RetryMax:   r.Max,
		CheckRetry: func(ctx context.Context, resp *http.Response, err error) (bool, error) {
			x := exchangeOf(ctx)
			return x.checkRetry(x.ctx, resp, err) // not with that of the attempt, which may have ended with it
		},
		Backoff:      func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 },
		PrepareRetry: func(req *http.Request) error { return exchangeOf(req.Context()).pause(req.Context()) },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// checkRetry is called by go-retryablehttp after every attempt, and again after
// its body was read. It turns what happened into the exchange's failure and
// decides whether to try again.
func (x *exchange) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	x.failure = nil
	if err == nil && resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return false, nil
	}
	var again bool
	if err != nil {
		again = x.judgeError(err)
	} else {
		again = x.judgeStatus(resp)
	}
	x.sent, x.dialling, x.connected = false, false, false // of the next attempt nothing has gone out yet
	if ended := ctx.Err(); ended != nil {
		return false, ended
	}
	x.holdOthers()
	again = again && x.mayWait(ctx) && x.transport.spare.spend()
	if again {
		x.request.Request = x.request.Request.WithContext(ctx) // what was sent has the deadline of that attempt: see wire
		x.transport.config.logger.LogAttrs(ctx, slog.LevelWarn, "retry",
			slog.String("op", x.op), slog.String("repository", x.repository), slog.Int("attempt", x.attempts),
			slog.Int("status", x.failure.StatusCode), slog.String("kind", string(x.failure.Kind)))
	}
	return again, nil
}

// judgeError takes an attempt that brought no answer.
func (x *exchange) judgeError(err error) bool {
	if refusal, ok := errors.AsType[*Error](err); ok { // by one of our own layers
		x.failure = x.adopt(refusal)
		return refusal.transient
	}
	x.failure = x.failed(err)
	refused := x.want.watched && !x.connected && untrustedTLS(err)
	untouched := !x.sent || x.dialling || neverSent(err) || refused
	if !untouched {
		x.ambiguous = true
	}
	return !hopeless(err) && (untouched || x.repeat == repeatSafe)
}

// judgeStatus takes an answer that is not a success.
func (x *exchange) judgeStatus(resp *http.Response) bool {
	x.failure = x.decode(resp)
	switch resp.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		x.ambiguous = true
		return x.repeat == repeatSafe
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return x.repeat == repeatSafe
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable:
		if coded(x.failure.Details) { // the registry itself refused
			return true
		}
		// A bare 503 may be a proxy's, about a request that it did pass on.
		x.ambiguous = x.ambiguous || x.failure.RetryAfter == 0
		return x.repeat == repeatSafe
	}
	if resp.StatusCode >= 520 { // what delivery networks say of an origin that did not answer them
		x.ambiguous = true
		return x.repeat == repeatSafe
	}
	return false
}

// adopt completes an error of a lower layer with the facts of this exchange.
func (x *exchange) adopt(e *Error) *Error {
	done := *e
	done.Op, done.Repository, done.Reference, done.Attempts = x.op, x.repository, x.reference, x.attempts
	done.Err, done.Hint = x.scrubbed(done.Err), x.transport.auth.scrub(done.Hint)
	if done.Method == "" {
		done.Method, done.URL = x.method, x.transport.origin.String()+x.path
	}
	return &done
}

// decode reads an error answer and says what it means.
func (x *exchange) decode(resp *http.Response) *Error {
	body, whole := readErrorBody(resp, x.transport.config.limits.ErrorBytes)
	resp.Body = http.NoBody
	e := x.newError("", nil)
	e.StatusCode = resp.StatusCode
	e.RequestID = x.requestID(resp.Header)
	if resp.Request != nil && originOf(resp.Request.URL) != x.transport.origin { // a redirect led there
		e.URL = redactURL(resp.Request.URL)
	}
	e.Details = decodeErrors(body, whole, &x.transport.auth.secrets)
	if d, ok := retryafter.FromResponse(resp, time.Now()); ok {
		e.RetryAfter = d
	}
	e.Kind, e.Hint = classify(x, resp, e.Details)
	if e.Kind == ErrNotFound && e.hasCode(CodeNotFound) && !enveloped(body) { // any web service may say so of a route
		e.Kind, e.Hint = "", hintCodeless
	}
	return e
}

// holdOthers lets all requests to a host wait that asked for time, not just
// this one, and whether or not this one is repeated.
func (x *exchange) holdOthers() {
	e := x.failure
	if e.StatusCode != http.StatusTooManyRequests && e.StatusCode != http.StatusServiceUnavailable ||
		e.RetryAfter == 0 || e.RetryAfter > x.transport.config.retries.RetryAfterMax {
		return
	}
	if u, err := url.Parse(e.URL); err == nil { // the registry's, or its token service's
		x.transport.wire.pace.hold(originOf(u), time.Now().Add(e.RetryAfter))
	}
}

// mayWait says whether another attempt fits: number, time, and what the
// registry asked for.
func (x *exchange) mayWait(ctx context.Context) bool {
	r, wait, left := x.transport.config.retries, x.failure.RetryAfter, x.budget()
	if x.attempts > r.Max || left <= 0 || wait > left || wait > r.RetryAfterMax {
		return false
	}
	deadline, ok := ctx.Deadline()
	return wait == 0 || !ok || wait <= time.Until(deadline)
}

// budget is what is left of the time in which attempts may begin; negative if
// it is used up.
func (x *exchange) budget() time.Duration {
	return x.transport.config.retries.Budget - time.Since(x.started)
}

// An allowance is what all calls of a client may spend on repetitions together,
// in parts of which a repetition costs retryShare.
type allowance struct{ spent atomic.Int64 }

// earn is called for every exchange.
func (a *allowance) earn() {
	for n := a.spent.Load(); n > 0 && !a.spent.CompareAndSwap(n, n-1); n = a.spent.Load() {
	}
}

// spend says whether there is room for one repetition, and takes it.
func (a *allowance) spend() bool {
	if a.spent.Add(retryShare) <= spareRetries*retryShare {
		return true
	}
	a.spent.Add(-retryShare)
	return false
}

// pause waits before the next attempt: full jitter over a range that doubles, or
// what the registry asked for.
func (x *exchange) pause(ctx context.Context) error {
	timer := time.NewTimer(x.backoff())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *exchange) backoff() time.Duration {
	r := x.transport.config.retries
	wait := r.WaitMin
	if after := x.failure.RetryAfter; after > 0 {
		wait = max(after, r.WaitMin)
	} else if span := min(r.WaitMax-r.WaitMin, max(r.WaitMin, leastSpan)<<min(x.attempts-1, 15)); span > 0 {
		wait += time.Duration(x.transport.draw(int64(span) + 1))
	}
	return min(wait, max(0, x.budget()))
}

func randomBelow(n int64) int64 { return rand.Int64N(n) }

// neverSent says that an attempt ended before a byte of the request was
// written.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	return dns
}

// hopeless says that the next attempt would end the same way.
func hopeless(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound
	}
	return untrustedTLS(err)
}

// untrustedTLS says that the other side did not prove who it is, or does not
// speak TLS.
func untrustedTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return certificate || record || errors.Is(err, http.ErrSchemeMismatch)
}
