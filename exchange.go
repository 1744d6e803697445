package regret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// An exchange is one request of an operation and everything that its attempts
// taught. It travels in the context, so that every layer knows for whom it
// works.
type exchange struct {
	transport  *transport
	op         string
	method     string
	repository string
	reference  string
	path       string // escaped, beginning with /v2/
	query      string
	resource   resource  // of the token scope
	action     string    // of the token scope, "pull" or "delete"
	put        *Manifest // is its body, if there is one
	limit      int64     // of the answer, if it is to be read into content within the retries
	repeat     repeat
	pulls      bool // a manifest of whatever type

	ctx       context.Context // its caller's with this exchange, for what is sent again
	request   retryablehttp.Request
	content   []byte
	next      *continuation // where a deletion in parts goes on, if the last answer told
	want      want          // of a connection: the dial queue's
	attempts  int
	started   time.Time
	sent      bool   // the attempt under way has gone out and has no answer yet
	dialling  bool   // it waits for a connection: nothing of it can have gone out
	connected bool   // it was given one: whatever TLS says from now on, bytes may have arrived
	ambiguous bool   // an attempt may have taken effect without saying so
	failure   *Error // what the last attempt came to, if it failed
}

// exchange prepares a request about a repository, or about the registry if
// that is empty.
func (c *Client) exchange(op, method, repository, reference string) *exchange {
	x := &exchange{transport: c.transport, op: op, method: method, repository: repository, reference: reference}
	if repository != "" {
		x.resource = resource{"repository", repository}
	}
	x.action = "pull"
	return x
}

type exchangeKey struct{}

// exchangeOf finds the exchange that a request belongs to.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// do sends the request until it succeeds, is refused, or nothing more may be
// tried. A response has a status of 2xx and a body that the caller must close;
// every other outcome is an *Error.
func (x *exchange) do(ctx context.Context) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, x.failed(err)
	}
	x.ctx = context.WithValue(x.watch(ctx), exchangeKey{}, x)
	if err := x.prepare(); err != nil {
		return nil, x.failed(err)
	}
	x.started = time.Now()
	x.transport.spare.earn()
	resp, err := x.transport.client.Do(&x.request)
	if x.failure != nil {
		if ended := ctx.Err(); ended != nil && err != nil { // perhaps while waiting for the next attempt
			x.failure.Kind = ""
			if !errors.Is(x.failure.Err, ended) { // else it tells who was waited for
				x.failure.Err = ended
			}
		}
		return nil, x.failure
	}
	if err != nil {
		return nil, x.failed(err)
	}
	if err := x.encoded(resp); err != nil {
		x.ambiguous = true // of a write: it was answered, if only illegibly
		return nil, err
	}
	return resp, nil
}

// encoded refuses content in an encoding that was not accepted: digests are of
// the bytes as sent, and a few of those may unfold to any number.
func (x *exchange) encoded(resp *http.Response) error {
	encoding := resp.Header.Get("Content-Encoding")
	if encoding == "" || encoding == "identity" {
		return nil
	}
	return x.refuse(resp, ErrNotRegistry, fmt.Errorf("content encoding %q although none was accepted", clip(encoding)))
}

// watch notes from when to when an attempt waits for a connection. A transport
// that does not tell never waits, as far as anybody knows: what it lost may have
// arrived. So may what was lost where a connection was waiting for it.
func (x *exchange) watch(ctx context.Context) context.Context {
	x.want.watched = !x.transport.wire.queue.warm(x.transport.origin)
	if !x.want.watched {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			x.dialling, x.connected = true, false
			x.transport.wire.queue.serves(x, false)
		},
		GotConn: func(httptrace.GotConnInfo) {
			x.dialling, x.connected = false, true
			x.transport.wire.queue.serves(x, true)
		},
	})
}

// prepare makes what is to be sent, but for its headers: see header.
func (x *exchange) prepare() error {
	target, err := x.target()
	if err != nil {
		return err
	}
	x.request.Request = (&http.Request{
		Method: x.method,
		URL:    target,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: unset,
	}).WithContext(x.ctx)
	if x.limit > 0 {
		x.request.SetResponseHandler(x.keep)
	}
	if x.put != nil {
		return x.request.SetBody(bytes.NewReader(x.put.Raw))
	}
	return nil
}

// keep reads an answer within the retries: a connection lost in the middle of a
// body is an attempt like any other. It is also called for a refusal, which has
// been read and judged by then.
func (x *exchange) keep(resp *http.Response) (err error) {
	if x.failure != nil {
		return x.failure
	}
	if err := x.encoded(resp); err != nil {
		return err
	}
	x.content, err = x.readAll(resp, x.limit)
	return err
}

func (x *exchange) target() (u *url.URL, err error) {
	o := x.transport.origin
	u = &url.URL{Scheme: o.scheme, Host: o.host, Path: x.path, RawQuery: x.query}
	if strings.Contains(x.path, "%") { // something was escaped after all
		u.RawPath = x.path
		u.Path, err = url.PathUnescape(x.path)
	}
	return u, err
}

// A spokenHeader is what the last request of its kind said; most say the same.
type spokenHeader struct {
	authorization string
	header        http.Header
}

// header is shared by all requests that say the same: our own connection pool
// only reads it. What is given to a transport that is not ours is made anew for
// every attempt, for nobody knows who writes to it, or still reads it.
func (x *exchange) header(authorization string) http.Header {
	if x.transport.wire.queue == nil || x.put != nil {
		return x.newHeader(authorization)
	}
	last := &x.transport.spoken
	if x.pulls {
		last = &x.transport.accepting
	}
	said := last.Load()
	if said == nil || said.authorization != authorization {
		said = &spokenHeader{authorization, x.newHeader(authorization)}
		last.Store(said)
	}
	return said.header
}

func (x *exchange) newHeader(authorization string) http.Header {
	h := make(http.Header, 5)
	h["User-Agent"] = x.transport.config.userAgent
	// Named, so that no transport asks for gzip behind our back.
	h["Accept-Encoding"] = identity
	if x.pulls {
		h["Accept"] = acceptManifests
	}
	if x.put != nil {
		h["Content-Type"] = []string{x.put.Descriptor.MediaType}
	}
	if authorization != "" {
		h["Authorization"] = []string{authorization}
	}
	return h
}

var (
	identity = []string{"identity"}
	unset    = http.Header{} // not nil, so that net/http does not make one; nobody writes to it
)

// escapePath joins the segments of a path, each escaped again at this last
// boundary although the grammar has already refused whatever would need it.
func escapePath(segments ...string) string {
	path := strings.Join(segments, "/")
	if !allOf(&plainBytes, path) {
		return escapeParts(path)
	}
	return path
}

// plainBytes are those of names and digests, none of which is ever escaped.
var plainBytes = setOf("/-_.:+0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

func escapeParts(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// newError is an Error with the facts of this exchange.
func (x *exchange) newError(kind Kind, err error) *Error {
	e := &Error{Op: x.op, Repository: x.repository, Reference: x.reference, Kind: kind, Err: x.scrubbed(err), Attempts: x.attempts}
	if x.attempts > 0 {
		e.Method, e.URL = x.method, x.transport.origin.String()+x.path
	}
	return e
}

// scrubbed is an error whose text may quote what the other side sent, or an
// address with what belongs to nobody else. What is left of it is its text, and
// whether a context ended.
func (x *exchange) scrubbed(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := x.transport.auth.scrub(withoutSecrets(text))
	switch {
	case clean == text:
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", clean, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", clean, context.DeadlineExceeded)
	}
	return errors.New(clean)
}

var (
	userinfoPattern = regexp.MustCompile(`://[^\s"]*@`)
	queryPattern    = regexp.MustCompile(`(://[^\s"?]*)\?[^\s"]*`)
)

// withoutSecrets drops user information and query of the addresses in a text:
// of a proxy from the environment, of a signed URL.
func withoutSecrets(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return queryPattern.ReplaceAllString(userinfoPattern.ReplaceAllString(text, "://…@"), "$1?…")
}

// failed is the error for an attempt without an answer.
func (x *exchange) failed(err error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // its text would repeat the URL with its query
	}
	e := x.newError("", err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, http.ErrSchemeMismatch):
		e.Kind = ErrUnavailable
		e.Hint = "the registry answers in plain http: name it with http:// or use WithPlainHTTP"
	default:
		e.Kind = ErrUnavailable
	}
	return e
}

// refuse closes an answer that cannot be accepted and says why.
func (x *exchange) refuse(resp *http.Response, kind Kind, err error) *Error {
	discard(resp.Body)
	e := x.newError(kind, err)
	e.StatusCode, e.RequestID = resp.StatusCode, x.requestID(resp.Header)
	return e
}

// readAll reads a body to its end and closes it; beyond limit it fails instead
// of cutting.
func (x *exchange) readAll(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = &Error{Kind: ErrTooLarge, StatusCode: resp.StatusCode, Err: fmt.Errorf("the answer exceeds the limit of %d bytes", limit)}
	}
	return raw, err
}

const (
	drainBytes = 4 << 10
	drainTime  = 250 * time.Millisecond
)

// discard reads the little that may be left of a body, so that the connection
// can be used again, and closes it without waiting for a slow rest.
func discard(body io.ReadCloser) {
	if body == http.NoBody {
		return
	}
	timer := time.AfterFunc(drainTime, func() { body.Close() })
	defer timer.Stop()
	// Whether anything could be drained only decides about the connection.
	io.CopyN(io.Discard, body, drainBytes)
	body.Close()
}
