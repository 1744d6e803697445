package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/rate"
	"github.com/seed-8cb7cc86/regret/internal/redact"
	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

// A Config configures a [Wire] and the clients on it. Logger, Secrets and the
// limits are required.
type Config struct {
	Base         http.RoundTripper // nil means a connection pool of its own
	TLS          *tls.Config       // of that pool; nil means the system's roots
	Trusted      []origin.Origin   // servers that may see the client certificate of TLS, beside the registry
	UserAgent    string
	ReadTimeout  time.Duration // until the header of the response to a GET, a HEAD or a request for a token
	WriteTimeout time.Duration // the same for a DELETE, POST or PUT
	ErrorBytes   int64         // limit of an error response
	Rate         float64       // requests a second; 0 is no limit
	Retries      Retries
	Logger       *slog.Logger
	Trace        func(Attempt) // nil means none
	Secrets      *redact.Secrets
}

// An Attempt is one HTTP request that was sent.
type Attempt struct {
	Op         string
	Method     string
	URL        string
	StatusCode int
	Err        error
	Duration   time.Duration
}

// A Wire sends single HTTP requests: it waits where the server asked for time,
// gives up when no response begins, and reports to trace and log. Requests for
// tokens take this way, too.
type Wire struct {
	config    Config
	base      http.RoundTripper
	elsewhere http.RoundTripper // for servers that must not see the client certificate; nil if there is none
	trusted   []origin.Origin   // servers for which base is used although elsewhere is not nil
	userAgent []string
	pace      pacer
	rate      rate.Limiter
	first     *firstConnection // nil if the connections are not ours
	netHTTP   bool             // base is net/http's transport, and plain connections speak HTTP/1.1
}

// NewWire returns a wire to the registry at o and to the servers that it refers
// to.
func NewWire(o origin.Origin, config Config) *Wire {
	w := &Wire{config: config, base: config.Base, userAgent: []string{config.UserAgent}, rate: rate.Limiter{PerSecond: config.Rate}}
	if w.base == nil {
		w.base = newPool(config.TLS)
		w.first = newFirstConnection(o)
		if without, ok := withoutCertificate(config.TLS); ok {
			w.elsewhere = newPool(without)
			w.trusted = append([]origin.Origin{o}, config.Trusted...)
		}
	}
	pool, ok := w.base.(*http.Transport)
	w.netHTTP = ok && (pool.Protocols == nil || !pool.Protocols.UnencryptedHTTP2())
	return w
}

// pool returns what to send a request to a server with.
func (w *Wire) pool(to origin.Origin) http.RoundTripper {
	if w.elsewhere != nil && !slices.Contains(w.trusted, to) {
		return w.elsewhere
	}
	return w.base
}

// CloseIdleConnections closes the connections that no request uses.
func (w *Wire) CloseIdleConnections() {
	for _, base := range []http.RoundTripper{w.base, w.elsewhere} {
		if pool, ok := base.(interface{ CloseIdleConnections() }); ok {
			pool.CloseIdleConnections()
		}
	}
}

// For returns a RoundTripper that sends requests of an operation. It follows no
// redirect and retries nothing.
func (w *Wire) For(op string) http.RoundTripper { return roundTripper{w, op} }

type roundTripper struct {
	wire *Wire
	op   string
}

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.wire.roundTrip(req.Context(), r.op, req, false) // a POST for a token changes nothing
}

// roundTrip sends one request, which is a write or not, with ctx in place of the
// request's own. Its errors are of type *Fault or *noResponse.
func (w *Wire) roundTrip(ctx context.Context, op string, req *http.Request, write bool) (*http.Response, error) {
	to := origin.Of(req.URL)
	if err := w.mayBegin(ctx, to); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, &noResponse{err: err}
	}
	start := time.Now()
	resp, err := w.send(ctx, req, to, write)
	w.report(ctx, op, req, resp, err, start)
	if err == nil {
		w.holdOthers(resp, to)
	}
	return resp, err
}

// mayBegin blocks until a request may be sent: the server has asked for no more time, and the rate
// of requests allows another one.
func (w *Wire) mayBegin(ctx context.Context, to origin.Origin) error {
	if err := w.pace.wait(ctx, to); err != nil {
		return err
	}
	if w.rate.PerSecond > 0 {
		if err := w.rate.Wait(ctx); err != nil {
			return &noResponse{err: ctx.Err()}
		}
		return w.pace.wait(ctx, to) // the server may have asked for time meanwhile
	}
	return nil
}

// send sends a request under a deadline for the header of its response.
func (w *Wire) send(caller context.Context, req *http.Request, to origin.Origin, write bool) (*http.Response, error) {
	limit := w.config.ReadTimeout
	if write {
		limit = w.config.WriteTimeout
	}
	ctx, cancel := context.WithCancelCause(caller)
	timer := time.AfterFunc(limit, func() { cancel(errSlowHeader) })
	watch := &watch{cancel: cancel, netHTTP: w.netHTTP, write: write}
	if w.first != nil && to == w.first.origin {
		watch.first, watch.ahead = w.first, w.first.enter(ctx)
		defer watch.letOthersGo()
		if ctx.Err() != nil {
			defer cancel(nil)
			timer.Stop()
			return nil, &noResponse{err: context.Cause(ctx)}
		}
	}
	resp, err := w.pool(to).RoundTrip(req.WithContext(watch.trace(ctx)))
	resp, err = complete(req, resp, err)
	inTime := timer.Stop()
	if !inTime && err == nil { // the timer fired, and the body can no longer be read
		resp.Body.Close()
		err = errSlowHeader
	}
	if err != nil {
		defer cancel(nil)
		return nil, watch.noResponse(context.Cause(ctx), err)
	}
	if resp.Body == http.NoBody {
		cancel(nil)
	} else {
		resp.Body = &cancelingBody{resp.Body, cancel}
	}
	return resp, nil
}

// complete forgives a transport what net/http's own client forgives. It also
// says which request a response is to: a transport may have sent it elsewhere,
// which must not change what the layers above decide.
func complete(req *http.Request, resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errors.New("the transport returned neither a response nor an error")
	case resp.Body == nil:
		resp.Body = http.NoBody
	case req.Method == http.MethodHead, resp.ProtoMajor == 2 && resp.ContentLength == 0: // HTTP/2 has its own empty body
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	resp.Request = req
	return resp, nil
}

// A cancelingBody ends the context of its request when it is closed.
type cancelingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *cancelingBody) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// report tells trace and log about one request.
func (w *Wire) report(ctx context.Context, op string, req *http.Request, resp *http.Response, err error, start time.Time) {
	status, logger := 0, w.config.Logger
	if resp != nil {
		status = resp.StatusCode
		for _, warning := range resp.Header["Warning"] {
			logger.LogAttrs(ctx, slog.LevelWarn, "warning from the registry",
				slog.String("url", w.shown(req.URL)),
				slog.String("warning", redact.Printable(w.config.Secrets.Redact(warning), errorbody.MaxText)))
		}
	}
	if w.config.Trace != nil {
		w.config.Trace(Attempt{
			Op: op, Method: req.Method, URL: w.shown(req.URL),
			StatusCode: status, Err: w.config.Secrets.RedactError(cause(err)), Duration: time.Since(start),
		})
	}
	if logger.Enabled(ctx, slog.LevelDebug) {
		logger.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("op", op), slog.String("method", req.Method),
			slog.String("url", w.shown(req.URL)), slog.Int("status", status), slog.Duration("took", time.Since(start)))
	}
}

// cause returns what an error is about, without this package's own type and
// without net/http's, whose text repeats the URL with its query.
func cause(err error) error {
	for {
		switch wrapped := err.(type) {
		case *noResponse:
			err = wrapped.err
		case *url.Error:
			err = wrapped.Err
		default:
			return err
		}
	}
}

// holdOthers holds back all requests to a server that asked for time.
func (w *Wire) holdOthers(resp *http.Response, to origin.Origin) {
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden:
	default:
		return
	}
	if after, ok := retryafter.FromResponse(resp, time.Now()); ok && after > 0 && after <= w.config.Retries.RetryAfterMax {
		w.pace.hold(to, after)
	}
}
