package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// maxConnections bounds how many connections one request may ask for before it
// is written to one: a server may close each as soon as it stands, or refuse
// every stream.
const maxConnections = 10

// A watch follows one request through net/http, which by itself sends some
// requests again: after a stale connection, RST_STREAM or GOAWAY, a DELETE too,
// and without any limit. A watch ends the request where net/http asks for a
// connection again, and notes whether the server may have received it. Only our
// retry policy sends it again.
//
// A transport other than net/http's need not call these hooks. What it lost may
// have arrived, unless its error says that no connection was made.
type watch struct {
	cancel context.CancelCauseFunc // of the request
	// progress, if not nil, is called when the request has been written.
	progress func(written bool)
	// netHTTP says that the hooks are called by net/http alone: a transport on top
	// of it may send a request again for reasons of its own.
	netHTTP bool
	write   bool // a DELETE or PUT
	hooks   httptrace.ClientTrace

	mu          sync.Mutex
	asked       int      // for a connection, how often
	conn        net.Conn // the one it was given last
	connected   bool
	written     bool
	replay      bool // net/http wanted to send it again
	unprocessed bool // that is because the server certainly has not processed it
}

// trace returns a context in which net/http calls the watch.
func (w *watch) trace(ctx context.Context) context.Context {
	w.hooks = httptrace.ClientTrace{GetConn: w.getConn, GotConn: w.gotConn, WroteHeaders: w.wroteHeaders}
	return httptrace.WithClientTrace(ctx, &w.hooks)
}

// getConn ends a request that was written before. Over HTTP/1.1, net/http sends a
// DELETE or PUT again only if no byte of it was sent.
func (w *watch) getConn(string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.written || w.asked > maxConnections {
		w.replay = true
		w.unprocessed = w.netHTTP && w.write && w.written && w.exclusive(w.conn)
		w.cancel(errReplayed)
	}
}

// gotConn recognises REFUSED_STREAM: after any other reason to send a request
// again, net/http takes another connection. A refused stream was not processed.
//
// See https://www.rfc-editor.org/rfc/rfc9113#section-8.7
func (w *watch) gotConn(info httptrace.GotConnInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unprocessed = w.unprocessed || w.netHTTP && w.replay && w.written && info.Conn == w.conn
	w.conn, w.connected = info.Conn, true
	if w.replay && w.exclusive(info.Conn) {
		info.Conn.Close() // over HTTP/1.1, net/http may write a request before it sees that its context has ended
	}
}

// exclusive reports whether a connection certainly carries one request at a time.
func (w *watch) exclusive(conn net.Conn) bool {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.ConnectionState().NegotiatedProtocol != "h2"
	}
	return w.netHTTP // without HTTP/2 over plain connections; see NewWire
}

func (w *watch) wroteHeaders() {
	w.mu.Lock()
	w.written = true
	w.mu.Unlock()
	if w.progress != nil {
		w.progress(true)
	}
}

// noResponse says what is known of a request that ended with err. Its context
// may have ended for a reason of ours.
func (w *watch) noResponse(cause, err error) *noResponse {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(cause, errSlowHeader) || errors.Is(cause, errReplayed) {
		err = cause
	}
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && string(record.RecordHeader[:]) == "HTTP/" {
		err = http.ErrSchemeMismatch // as net/http's client has it
	}
	arrived := w.connected && !w.unprocessed
	if w.asked == 0 {
		arrived = !neverSent(err)
	}
	return &noResponse{err: err, arrived: arrived, replay: w.replay}
}
