package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
)

// maxConnections bounds how many connections one request may ask for before it
// is written to one: over HTTP/2, a new connection may be full before its turn
// comes.
const maxConnections = 10

// A watch follows one request through net/http, which by itself sends some
// requests again: after a stale connection, RST_STREAM or GOAWAY, a DELETE too,
// and without any limit. A watch ends the request where net/http asks for a
// connection again, and notes whether the server may have received it. Only our
// retry policy sends it again.
//
// A transport other than net/http's need not call these hooks. What it lost may
// have arrived, unless its error says that no connection was made. A transport on
// top of net/http's may have requests of its own to send first, for a token or for
// a handshake as in NTLM; each of these has a response before the next is sent.
type watch struct {
	cancel context.CancelCauseFunc // of the request
	// netHTTP says that the hooks are called by net/http alone: a transport on top
	// of it may send a request again for reasons of its own.
	netHTTP bool
	write   bool             // a DELETE, POST or PUT
	first   *firstConnection // nil if the request does not count there
	ahead   chan struct{}    // of first, if others wait for this request
	hooks   httptrace.ClientTrace

	mu          sync.Mutex
	asked       int      // for a connection, how often
	conn        net.Conn // the one it was given last
	connected   bool
	sent        bool // it was written or, if it is a read, was given a connection
	replay      bool // net/http wanted to send it again
	unprocessed bool // that is because the server certainly has not processed it
}

// trace returns a context in which net/http calls the watch.
func (w *watch) trace(ctx context.Context) context.Context {
	w.hooks = httptrace.ClientTrace{GetConn: w.getConn, GotConn: w.gotConn}
	if w.write { // whether a read was written makes no difference
		w.hooks.WroteHeaders = w.wroteHeaders
	}
	if !w.netHTTP {
		w.hooks.GotFirstResponseByte = w.gotResponse
		w.hooks.Got1xxResponse = w.gotInformation
	}
	return httptrace.WithClientTrace(ctx, &w.hooks)
}

// getConn ends a request that was sent before. Over HTTP/1.1, net/http sends a
// write again only if no byte of it was sent.
func (w *watch) getConn(string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.sent || w.asked > maxConnections {
		w.unprocessed = w.netHTTP && w.write && w.sent && w.exclusive(w.conn)
		w.end()
	}
}

// end ends a request that net/http would send again.
func (w *watch) end() {
	w.replay = true
	w.cancel(errReplayed)
}

// gotConn recognises REFUSED_STREAM: after any other reason to send a request
// again, net/http takes another connection. A refused stream was not processed.
//
// It also ends a request that was sent before: net/http does not ask for a
// connection that another request has dialed and not used.
//
// See https://www.rfc-editor.org/rfc/rfc9113#section-8.7
func (w *watch) gotConn(info httptrace.GotConnInfo) {
	w.mu.Lock()
	if w.sent && !w.replay {
		w.end()
	}
	w.unprocessed = w.unprocessed || w.netHTTP && w.replay && w.sent && info.Conn == w.conn
	w.conn, w.connected = info.Conn, true
	w.sent = w.sent || !w.write
	if w.replay && w.exclusive(info.Conn) {
		info.Conn.Close() // over HTTP/1.1, net/http may write a request before it sees that its context has ended
	}
	w.mu.Unlock()
	if w.first != nil {
		w.first.note()
		w.letOthersGo()
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
	defer w.mu.Unlock()
	w.sent = true
}

// gotResponse notes that whatever is sent next is another request.
func (w *watch) gotResponse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent, w.asked = false, 1
}

// gotInformation undoes what gotResponse has noted of a response that is not the
// last one.
func (w *watch) gotInformation(int, textproto.MIMEHeader) error {
	w.wroteHeaders()
	return nil
}

// letOthersGo releases the requests that wait for this one to have a connection.
func (w *watch) letOthersGo() {
	if w.ahead != nil {
		w.first.release(w.ahead)
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
	if w.asked == 0 && !w.connected {
		arrived = !neverSent(err)
	}
	if w.replay && w.first != nil {
		w.first.lost()
	}
	return &noResponse{err: err, arrived: arrived, replay: w.replay}
}
