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

// bufferSize is how much of a response is buffered before its header is sent, the same as in
// net/http's server. A response that fits into the buffer gets a Content-Length, and its handler
// returns before the caller sees it.
const bufferSize = 2048

var errBodyClosed = errors.New("fakeregistry: response body closed")

// exchange is one request and its response. The goroutine of the handler writes to it as an
// [http.ResponseWriter]. The caller may read response and err once done is closed.
type exchange struct {
	client    *http.Request // as the caller sent it
	server    *http.Request // as the handler sees it
	cancel    context.CancelFunc
	traceOnce sync.Once // guards the connection and request hooks of the client trace

	header     http.Header // the header the handler works on
	sentHeader http.Header // a copy of header, made by WriteHeader
	status     int         // 0 until WriteHeader
	length     int64       // from Content-Length; -1 if unknown
	written    int64
	buffer     []byte
	body       *io.PipeReader
	pipe       *io.PipeWriter
	streaming  bool // the response header has been sent

	resultOnce sync.Once // guards the next three fields
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

// serve runs the handler and completes the response.
func (x *exchange) serve(h http.Handler) {
	stop := context.AfterFunc(x.client.Context(), func() { x.abandon(context.Cause(x.client.Context())) })
	returned := false
	defer func() {
		if !returned { // a panic, or runtime.Goexit in a failed test
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

// abandon ends both sides of the exchange because the caller no longer wants the response.
func (x *exchange) abandon(cause error) {
	x.cancel()
	x.body.CloseWithError(cause)
	x.pipe.CloseWithError(cause)
	select {
	case <-x.done:
	default:
		closeBody(x.client) // unblocks a handler that reads the request body
	}
}

// fail returns err to the caller instead of a response. If the response has already been returned,
// reading its body fails with io.ErrUnexpectedEOF.
func (x *exchange) fail(err error) {
	x.traceSent(nil)
	x.setResult(nil, err)
	x.pipe.CloseWithError(io.ErrUnexpectedEOF)
}

// abort is fail for the injected faults of this package. For a dial error the client trace reports
// a failed connection instead of a written request.
func (x *exchange) abort(err error) {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		x.traceOnce.Do(func() { traceDialFailure(x.client, err) })
	}
	x.fail(err)
}

// setResult sets the result of the round trip. Only the first call has an effect.
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
	x.sentHeader = x.header.Clone() // later changes by the handler are not sent
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
		return // the next Write reports it
	}
}

// startStream sends the response header, unless that is done, and the buffered part of the body.
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
	case x.length > x.written: // the handler wrote less than it announced
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

// respond returns the response to the caller.
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

// connectionReset returns the error for a connection that the peer dropped while the caller waited
// for the response.
func connectionReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// connectionRefused returns the error for dialing a port on which no server listens.
func connectionRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}
