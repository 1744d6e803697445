package fakeregistry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// bufferSize is how much of a response is held back before its headers go out, as in net/http's server: an answer
// that fits gets a Content-Length, and its handler is done before the caller sees it.
const bufferSize = 2048

var errBodyClosed = errors.New("fakeregistry: response body closed")

// exchange is one request and its response. The handler's goroutine writes it, as an [http.ResponseWriter]; the
// caller sees response and err once answered is closed.
type exchange struct {
	client    *http.Request // as the caller sent it
	server    *http.Request // as the handler sees it
	cancel    context.CancelFunc
	traceOnce sync.Once // of sent

	header     http.Header // the handler's
	sentHeader http.Header // as it was at WriteHeader
	status     int         // 0 until WriteHeader
	length     int64       // announced by Content-Length; -1 if it was not
	written    int64
	buffer     []byte
	body       *io.PipeReader
	pipe       *io.PipeWriter
	streaming  bool // the headers are out

	resultOnce sync.Once // guards the next three
	done       chan struct{}
	response   *http.Response
	err        error
}

func newExchange(req *http.Request) (*exchange, error) {
	ctx, cancel := context.WithCancel(context.Background())
	server, err := serverRequest(ctx, req)
	if err != nil {
		cancel()
		return nil, err
	}
	x := &exchange{
		client: req,
		server: server,
		cancel: cancel,
		header: http.Header{},
		length: -1,
		done:   make(chan struct{}),
	}
	x.body, x.pipe = io.Pipe()
	server.Body = http.NoBody
	if server.ContentLength != 0 {
		server.Body = &requestBody{exchange: x, source: req.Body, left: server.ContentLength}
	}
	return x, nil
}

// serve runs the handler to its end.
func (x *exchange) serve(h http.Handler) {
	stop := context.AfterFunc(x.client.Context(), func() { x.abandon(context.Cause(x.client.Context())) })
	returned := false
	defer func() {
		if !returned { // a panic, or a test that gave up
			x.fail(connectionReset())
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			}
		}
		stop()
		x.cancel()
		closeBody(x.client)
	}()
	h.ServeHTTP(x, x.server)
	x.finish()
	returned = true
}

// end takes both sides down: the caller is no longer interested.
func (x *exchange) abandon(cause error) {
	x.cancel()
	x.body.CloseWithError(cause)
	x.pipe.CloseWithError(cause)
	select {
	case <-x.done:
	default:
		closeBody(x.client) // a handler may be waiting for it
	}
}

// fail lets the caller see err: instead of the response or, if that has begun, in the middle of its body.
func (x *exchange) fail(err error) {
	x.traceSent(nil)
	x.setResult(nil, err)
	x.pipe.CloseWithError(io.ErrUnexpectedEOF)
}

// abort is fail for the faults of this package. A dial error means that nothing was sent.
func (x *exchange) abort(err error) {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		x.traceOnce.Do(func() { traceDialFailure(x.client, err) })
	}
	x.fail(err)
}

func (x *exchange) setResult(resp *http.Response, err error) {
	x.resultOnce.Do(func() {
		x.response, x.err = resp, err
		close(x.done)
	})
}

// Header implements [http.ResponseWriter].
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(status int) {
	if x.status != 0 || status < 200 {
		return
	}
	x.status = status
	x.sentHeader = x.header.Clone() // what the handler changes from here on is not sent
	if v := x.sentHeader.Get("Content-Length"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			x.sentHeader.Del("Content-Length")
			return
		}
		x.length = n
	}
}

// Write implements [http.ResponseWriter].
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if !bodyAllowed(x.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if x.length >= 0 && x.written+int64(len(p)) > x.length {
		return 0, http.ErrContentLength
	}
	if !x.streaming && x.written == 0 && len(p) > 0 {
		if _, ok := x.sentHeader["Content-Type"]; !ok {
			x.sentHeader.Set("Content-Type", http.DetectContentType(p))
		}
	}
	x.written += int64(len(p))
	if !x.streaming && len(x.buffer)+len(p) <= bufferSize {
		x.buffer = append(x.buffer, p...)
		return len(p), nil
	}
	if err := x.startStream(); err != nil {
		return 0, err
	}
	if x.isHEAD() {
		return len(p), nil
	}
	return x.pipe.Write(p)
}

// Flush implements [http.Flusher].
func (x *exchange) Flush() {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if err := x.startStream(); err != nil {
		return // the next write fails as well
	}
}

// stream sends the headers, if they are not out, and what is buffered.
func (x *exchange) startStream() error {
	if !x.streaming {
		x.streaming = true
		x.respond(&responseBody{x.body, x}, x.length)
	}
	pending := x.buffer
	x.buffer = nil
	if len(pending) == 0 || x.isHEAD() {
		return nil
	}
	_, err := x.pipe.Write(pending)
	return err
}

// finish completes a response whose handler has returned.
func (x *exchange) finish() {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	switch {
	case x.length > x.written: // announced more than was written
		x.pipe.CloseWithError(io.ErrUnexpectedEOF)
	default:
		x.pipe.Close()
	}
	if x.streaming {
		return
	}
	if x.length < 0 && bodyAllowed(x.status) && (!x.isHEAD() || x.written > 0) {
		x.length = x.written
		x.sentHeader.Set("Content-Length", strconv.FormatInt(x.written, 10))
	}
	x.respond(&responseBody{io.MultiReader(bytes.NewReader(x.buffer), x.body), x}, x.length)
}

// answer hands the response to the caller.
func (x *exchange) respond(body io.ReadCloser, length int64) {
	x.traceSent(nil)
	if trace := httptrace.ContextClientTrace(x.client.Context()); trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	if _, ok := x.sentHeader["Date"]; !ok {
		x.sentHeader.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	switch {
	case x.isHEAD():
		body = http.NoBody
	case !bodyAllowed(x.status):
		body, length = http.NoBody, 0
	}
	resp := &http.Response{
		Status:        strconv.Itoa(x.status) + " " + http.StatusText(x.status),
		StatusCode:    x.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        x.sentHeader,
		Body:          body,
		ContentLength: length,
		Request:       x.client,
		TLS:           tlsState(x.client),
	}
	if length < 0 && body != http.NoBody {
		resp.TransferEncoding = []string{"chunked"}
	}
	x.setResult(resp, nil)
}

func (x *exchange) isHEAD() bool { return x.server.Method == http.MethodHead }

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// connectionReset is how a connection looks that the peer dropped while the caller waited for the answer.
func connectionReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// connectionRefused is how a dial looks when nobody listens.
func connectionRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}
