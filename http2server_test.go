package regret_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// The types, flags and error codes of HTTP/2 that these tests need.
//
// See https://www.rfc-editor.org/rfc/rfc9113#section-6
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7

	flagAck, flagEndStream, flagEndHeaders, flagPadded, flagPriority = 0x1, 0x1, 0x4, 0x8, 0x20

	noError, protocolError, internalError, refusedStream, cancelStream, enhanceYourCalm = 0x0, 0x1, 0x2, 0x7, 0x8, 0xb

	http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// An http2Fault ends a request without a response. It reports whether the
// connection remains open.
type http2Fault func(conn *http2Conn, stream uint32) (open bool)

// An http2Server is a registry that speaks HTTP/2 in frames written by hand, so
// that it can end streams and connections in every way there is. It serves a
// caller who sends one request at a time and counts what that caller's
// connections really carry.
//
// It does not decode header fields: it gets them from the hooks of the caller's
// context; see [http2Server.context].
type http2Server struct {
	registry *fakeregistry.Registry
	// fault decides what becomes of a request; nil means a response. The request
	// is processed first if process is true.
	fault func(line string) (fault http2Fault, process bool)
	// greeting, if not nil, ends every connection before a request is read.
	greeting http2Fault

	roots   *x509.CertPool
	address string
	serving sync.WaitGroup

	mu          sync.Mutex
	current     http.Header // of the request that the caller has written last, with pseudo-header fields
	received    []string    // method and path of each HEADERS frame
	connections []net.Conn
}

func newHTTP2Server(t *testing.T, registry *fakeregistry.Registry) *http2Server {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // for its certificate only
	certified.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http2Server{registry: registry, roots: x509.NewCertPool(), address: listener.Addr().String()}
	s.fault = func(string) (http2Fault, bool) { return nil, false }
	s.roots.AddCert(certified.Certificate())
	config := &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}}
	s.serving.Go(func() { s.accept(tls.NewListener(listener, config)) })
	t.Cleanup(func() {
		listener.Close()
		for _, conn := range s.conns() {
			conn.Close()
		}
		s.serving.Wait()
	})
	return s
}

func (s *http2Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.connections = append(s.connections, conn)
		s.mu.Unlock()
		s.serving.Go(func() {
			defer conn.Close()
			// How a connection ends is the client's to judge.
			_ = (&http2Conn{Conn: conn, server: s}).serve()
		})
	}
}

func (s *http2Server) conns() []net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// requests are the methods and paths of all requests that arrived.
func (s *http2Server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

// context returns the context to call the client with: net/http says in it what
// it writes.
func (s *http2Server) context(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaderField: func(name string, values []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if name == ":authority" { // the first one
			s.current = http.Header{}
		}
		s.current[name] = values
	}})
}

// pool returns a transport of net/http's that trusts the server.
func (s *http2Server) pool() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, ForceAttemptHTTP2: true}
}

// client returns a client of the server that retries at once, with the given
// transport or, if that is nil, its own.
func (s *http2Server) client(t *testing.T, base http.RoundTripper, opts ...regret.Option) *regret.Client {
	t.Helper()
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax = 0, 0
	opts = append(opts, regret.WithRetries(retries))
	if base == nil {
		opts = append(opts, regret.WithTLSConfig(&tls.Config{RootCAs: s.roots}))
	} else {
		opts = append(opts, regret.WithTransport(base))
	}
	c, err := regret.New("https://"+s.address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// An http2Conn is one connection of an http2Server.
type http2Conn struct {
	net.Conn
	server  *http2Server
	stream  uint32 // whose request is being read
	request *http.Request
	body    bytes.Buffer
}

func (c *http2Conn) serve() error {
	preface := make([]byte, len(http2Preface))
	if _, err := io.ReadFull(c, preface); err != nil || string(preface) != http2Preface {
		return errors.Join(errors.New("no preface"), err)
	}
	if err := c.write(frameSettings, 0, 0, nil); err != nil {
		return err
	}
	if greeting := c.server.greeting; greeting != nil {
		greeting(c, 0)
		return nil
	}
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return err
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return err
		}
		if open, err := c.frame(head[3], head[4], binary.BigEndian.Uint32(head[5:]), payload); err != nil || !open {
			return err
		}
	}
}

// frame handles one frame.
func (c *http2Conn) frame(kind, flags byte, stream uint32, payload []byte) (open bool, err error) {
	switch {
	case kind == frameSettings && flags&flagAck == 0:
		return true, c.write(frameSettings, flagAck, 0, nil)
	case kind == framePing && flags&flagAck == 0:
		return true, c.write(framePing, flagAck, 0, payload)
	case kind == frameHeaders:
		c.begin(stream)
	case kind == frameData && stream == c.stream && flags&flagPadded == 0:
		c.body.Write(payload)
	default:
		return true, nil
	}
	if flags&flagEndStream == 0 {
		return true, nil
	}
	return c.end()
}

// begin counts a request. Its fields are those that the caller has written last.
func (c *http2Conn) begin(stream uint32) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	first := func(name string) string { return strings.Join(s.current[name], "") }
	c.stream = stream
	c.body.Reset()
	c.request = httptest.NewRequest(first(":method"), first(":path"), nil)
	for name, values := range s.current {
		if !strings.HasPrefix(name, ":") {
			c.request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	s.received = append(s.received, c.request.Method+" "+c.request.URL.Path)
}

// end responds to a request that was read, or not.
func (c *http2Conn) end() (open bool, err error) {
	fault, process := c.server.fault(c.request.Method + " " + c.request.URL.Path)
	c.request.Body = io.NopCloser(&c.body)
	c.request.ContentLength = int64(c.body.Len())
	recorder := httptest.NewRecorder()
	if fault == nil || process {
		c.server.registry.ServeHTTP(recorder, c.request)
	}
	if fault != nil {
		return fault(c, c.stream), nil
	}
	return true, c.respond(recorder.Result())
}

func (c *http2Conn) respond(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	block := appendStatus(nil, resp.StatusCode)
	for name, values := range resp.Header {
		block = appendField(block, strings.ToLower(name), strings.Join(values, ", "))
	}
	if len(body) == 0 || c.request.Method == http.MethodHead {
		return c.write(frameHeaders, flagEndHeaders|flagEndStream, c.stream, block)
	}
	return errors.Join(c.write(frameHeaders, flagEndHeaders, c.stream, block), c.write(frameData, flagEndStream, c.stream, body))
}

// appendStatus appends ":status": name 8 of the static table, and a literal
// value that is not indexed.
//
// See https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2
func appendStatus(block []byte, status int) []byte {
	return append(block, 0x08, 3, byte('0'+status/100), byte('0'+status/10%10), byte('0'+status%10))
}

// appendField appends a literal field that is not indexed, without Huffman code.
func appendField(block []byte, name, value string) []byte {
	return appendString(appendString(append(block, 0x00), name), value)
}

func appendString(block []byte, s string) []byte {
	if n := len(s); n < 0x7f {
		block = append(block, byte(n))
	} else {
		block = append(block, 0x7f)
		block = binary.AppendUvarint(block, uint64(n-0x7f)) // seven bits at a time, the lowest first, in both
	}
	return append(block, s...)
}

func (c *http2Conn) write(kind, flags byte, stream uint32, payload []byte) error {
	n := len(payload)
	frame := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	frame = binary.BigEndian.AppendUint32(frame, stream)
	_, err := c.Write(append(frame, payload...))
	return err
}

// resetStream ends the stream and leaves the connection open.
func resetStream(code uint32) http2Fault {
	return func(conn *http2Conn, stream uint32) bool {
		return conn.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code)) == nil
	}
}

// goAway ends the connection, after the last stream that may have been
// processed: the one of the request or none.
func goAway(code uint32, processed bool) http2Fault {
	return func(conn *http2Conn, stream uint32) bool {
		if !processed {
			stream = 0
		}
		payload := binary.BigEndian.AppendUint32(nil, stream)
		if conn.write(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(payload, code)) != nil {
			return false
		}
		return hangUp(conn, stream)
	}
}

// hangUp closes the connection. It waits for the client to do so, too: what is
// left unread would cut off what was written last.
func hangUp(conn *http2Conn, _ uint32) bool {
	if secure, ok := conn.Conn.(*tls.Conn); ok && secure.CloseWrite() == nil && secure.SetReadDeadline(time.Now().Add(5*time.Second)) == nil {
		_, _ = io.Copy(io.Discard, secure)
	}
	return false
}
