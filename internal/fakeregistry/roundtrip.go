package fakeregistry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
)

// RoundTripper returns a transport that calls a handler. It needs no socket, accepts any host name,
// and works inside testing/synctest. The handler sees the request as behind net/http's server, and
// the caller sees the response as from net/http's transport:
//
//   - The context of the request is honoured before and after the response header.
//   - The response body is streamed. It may be endless, and closing it ends the handler's context.
//   - A handler that panics with [http.ErrAbortHandler] looks like a connection that was reset.
//   - The [httptrace.ClientTrace] hooks for the connection and for writing the request are called.
//
// No goroutine outlives the handler. The context of the handler ends when the caller's context
// ends, when the handler returns, or when the response body is closed.
func RoundTripper(h http.Handler) http.RoundTripper {
	return handlerTransport{h}
}

type handlerTransport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkRequest(req); err != nil {
		closeBody(req)
		return nil, err
	}
	x, err := newExchange(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	go x.serve(t.handler)
	select {
	case <-x.done:
		if err := context.Cause(req.Context()); err != nil && x.err != nil {
			return nil, err // the reason why the connection broke, as net/http says it
		}
		return x.response, x.err
	case <-req.Context().Done():
		x.traceSent(nil)
		x.abandon(context.Cause(req.Context()))
		return nil, context.Cause(req.Context())
	}
}

// checkRequest returns an error for a request that net/http's transport refuses to send.
func checkRequest(req *http.Request) error {
	if req.URL == nil {
		return errors.New("fakeregistry: request without URL")
	}
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return fmt.Errorf("fakeregistry: unsupported protocol scheme %q", req.URL.Scheme)
	}
	if req.URL.Host == "" {
		return errors.New("fakeregistry: no host in request URL")
	}
	for key, values := range req.Header {
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return fmt.Errorf("fakeregistry: invalid value of header field %q", key)
			}
		}
	}
	return context.Cause(req.Context())
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// serverRequest returns the request as a server would have read it from the connection.
func serverRequest(ctx context.Context, req *http.Request) (*http.Request, error) {
	u, err := url.ParseRequestURI(req.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	s := (&http.Request{
		Method:        req.Method,
		URL:           u,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        req.Header.Clone(),
		ContentLength: req.ContentLength,
		Host:          req.Host,
		RemoteAddr:    "192.0.2.1:1234",
		RequestURI:    u.RequestURI(),
		TLS:           tlsState(req),
	}).WithContext(ctx)
	if s.Method == "" {
		s.Method = http.MethodGet
	}
	if s.Host == "" {
		s.Host = req.URL.Host
	}
	if s.Header == nil {
		s.Header = http.Header{}
	}
	if _, ok := s.Header["User-Agent"]; !ok {
		s.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		s.ContentLength = 0
	case req.ContentLength <= 0:
		s.ContentLength = -1
		s.TransferEncoding = []string{"chunked"}
	default:
		s.Header.Set("Content-Length", fmt.Sprint(req.ContentLength))
	}
	return s, nil
}

// tlsState returns the state of the imitated TLS connection, or nil for http.
func tlsState(req *http.Request) *tls.ConnectionState {
	if req.URL.Scheme != "https" {
		return nil
	}
	return &tls.ConnectionState{
		Version:           tls.VersionTLS13,
		HandshakeComplete: true,
		ServerName:        req.URL.Hostname(),
	}
}

// requestBody is the body that the handler reads. It yields exactly as many bytes as Content-Length
// announces; a shorter body is an error.
type requestBody struct {
	exchange *exchange
	source   io.ReadCloser
	left     int64 // negative if the length is unknown
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.source.Read(p)
	if b.left > 0 {
		b.left -= int64(n)
		if err == io.EOF && b.left > 0 {
			err = fmt.Errorf("fakeregistry: request body ends %d bytes early", b.left)
		}
	}
	if err != nil && err != io.EOF {
		b.exchange.traceSent(err)
		b.exchange.fail(err)
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *requestBody) Close() error { return b.source.Close() }

// responseBody is the body that the caller reads. As in net/http, reading fails once the caller's
// context has ended. Closing it ends the handler.
type responseBody struct {
	io.Reader
	exchange *exchange
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if cause := context.Cause(b.exchange.client.Context()); cause != nil && err != io.EOF {
		return n, cause
	}
	return n, err
}

func (b *responseBody) Close() error {
	b.exchange.abandon(errBodyClosed)
	return nil
}

// traceSent calls the caller's trace hooks, once, for a connection over which the request was
// written.
func (x *exchange) traceSent(err error) {
	x.traceOnce.Do(func() {
		trace := httptrace.ContextClientTrace(x.client.Context())
		if trace == nil {
			return
		}
		if trace.GetConn != nil {
			trace.GetConn(x.client.URL.Host)
		}
		if trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		if trace.WroteHeaders != nil {
			trace.WroteHeaders()
		}
		if trace.WroteRequest != nil {
			trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
		}
	})
}

// traceDialFailure calls the trace hooks for a connection that could not be made, so that nothing
// was written.
func traceDialFailure(req *http.Request, err error) {
	trace := httptrace.ContextClientTrace(req.Context())
	if trace == nil {
		return
	}
	if trace.GetConn != nil {
		trace.GetConn(req.URL.Host)
	}
	if trace.ConnectDone != nil {
		trace.ConnectDone("tcp", req.URL.Host, err)
	}
}
