package regret

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// wire sends one HTTP request: it waits where the host asked for that, gives up
// when no answer begins, and tells trace and log.
type wire struct {
	next   http.RoundTripper
	queue  *dialQueue // of next; nil if that is not ours
	config *config
	pace   pacer

	reads, writes deadlines
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := w.pace.wait(ctx, req.URL); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // nothing of this request goes out any more
		return nil, err
	}
	start, x := time.Now(), exchangeOf(ctx)
	used := w.queue.begin(x, x.knownOrigin(req.URL), start)
	x.sent = true
	resp, limit, err := w.send(ctx, req, start)
	x.sent = err != nil
	switch {
	case err != nil, resp.Body == http.NoBody:
		limit.done()
		w.queue.end(x, used)
	default:
		resp.Body = &tether{ReadCloser: resp.Body, release: func() { limit.done(); w.queue.end(x, used) }}
	}
	w.tell(ctx, x, req, resp, err, start)
	return resp, err
}

// send gives up when no answer begins in time. The request is given its deadline
// in place: nobody has it yet, and a copy would be one more large object for each.
// Whoever sends it again takes a copy with the context it had.
func (w *wire) send(ctx context.Context, req *http.Request, now time.Time) (*http.Response, *deadline, error) {
	limits, shared := &w.reads, true
	switch req.Method {
	case http.MethodDelete, http.MethodPut:
		limits = &w.writes
	case http.MethodGet, http.MethodPost: // a POST asks for a token, which is quick
		shared = false // what they bring may be long
	}
	limit := limits.begin(ctx, now, shared)
	if limit != nil {
		*req = *req.WithContext(&timed{ctx, limit})
	}
	resp, err := w.next.RoundTrip(req)
	resp, err = complete(req, resp, err)
	limit.answered()
	if limit.late() {
		if err == nil {
			resp.Body.Close()
		}
		resp, err = nil, errSlowHeader
	}
	return resp, limit, err
}

// complete forgives a transport what net/http's own client forgives, and says
// which request an answer is to: a transport may have sent it elsewhere than it
// was told, and that is nobody's business above.
func complete(req *http.Request, resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errors.New("the transport returned neither an answer nor an error")
	case resp.Body == nil:
		resp.Body = http.NoBody
	case req.Method == http.MethodHead, resp.ProtoMajor == 2 && resp.ContentLength == 0: // HTTP/2 has an empty body of its own
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	resp.Request = req
	return resp, nil
}

// A tether releases with its body what an answer holds.
type tether struct {
	io.ReadCloser
	once    sync.Once
	release func()
}

func (t *tether) Close() error {
	defer t.once.Do(t.release)
	return t.ReadCloser.Close()
}

// tell reports one request to the trace and the log.
func (w *wire) tell(ctx context.Context, x *exchange, req *http.Request, resp *http.Response, err error, start time.Time) {
	status := 0
	if resp != nil {
		status = resp.StatusCode
		for _, warning := range resp.Header["Warning"] {
			w.config.logger.LogAttrs(ctx, slog.LevelWarn, "warning from the registry",
				slog.String("url", redactURL(req.URL)), slog.String("warning", printable(x.transport.auth.scrub(warning), maxErrorText)))
		}
	}
	if w.config.trace != nil {
		w.config.trace(Attempt{
			Op: x.op, Method: req.Method, URL: redactURL(req.URL),
			StatusCode: status, Err: x.scrubbed(err), Duration: time.Since(start),
		})
	}
	if w.config.logger.Enabled(ctx, slog.LevelDebug) {
		w.config.logger.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("op", x.op), slog.String("method", req.Method),
			slog.String("url", redactURL(req.URL)), slog.Int("status", status), slog.Duration("took", time.Since(start)))
	}
}

// redactURL drops user information, query and fragment: any of them may be a
// secret.
func redactURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// A pacer holds back all requests to a host that asked for time.
type pacer struct {
	held  atomic.Bool // false as long as no host ever asked
	mu    sync.Mutex
	until map[origin]time.Time
}

// hold lets no request to that origin pass before the given time.
func (p *pacer) hold(o origin, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = make(map[origin]time.Time)
	}
	if until.After(p.until[o]) {
		p.until[o] = until
	}
	p.held.Store(true)
}

// errNoTime ends a wait before it begins.
var errNoTime = errors.New("all requests were asked to wait beyond the deadline")

// wait blocks until a request to that URL may go, or its context ends. A wait
// that would outlast the context's deadline is not begun.
func (p *pacer) wait(ctx context.Context, u *url.URL) error {
	if !p.held.Load() {
		return nil
	}
	// What is held may be held longer while this waits.
	for o := originOf(u); ; {
		left := p.left(o)
		if left <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < left {
			return &Error{Kind: ErrRateLimited, RetryAfter: left, Err: errNoTime}
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// left is how long an origin is still held.
func (p *pacer) left(o origin) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := time.Until(p.until[o])
	if left <= 0 {
		delete(p.until, o)
	}
	return left
}

// tlsConfig completes what the caller gave.
func tlsConfig(given *tls.Config) *tls.Config {
	if given == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t := given.Clone()
	if t.MinVersion == 0 {
		t.MinVersion = tls.VersionTLS12
	}
	return t
}
