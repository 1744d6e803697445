package regret

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

var errSlowHandshake = errors.New("no TLS handshake within the time-out")

// A dialer opens the connections of the client's own pool, each when the queue
// says that it is due.
type dialer struct {
	reach func(ctx context.Context, network, address string) (net.Conn, error)
	tls   *tls.Config
	queue dialQueue
}

// newDialer takes the configuration of the connection pool, to which net/http
// adds what protocols it will speak before it dials for the first time.
func newDialer(config *tls.Config) *dialer {
	plain := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &dialer{reach: plain.DialContext, tls: config}
}

// dial opens a connection in the clear: to a registry that is spoken to in
// plain http, or to a proxy.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return d.open(ctx, origin{"http", address}, func(h *host) (net.Conn, error) { return d.connect(ctx, network, address, h) })
}

// dialTLS opens a connection with TLS. The handshake is made here, for only its
// end tells whether others can share the connection.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return d.open(ctx, origin{"https", address}, func(h *host) (net.Conn, error) {
		raw, err := d.connect(ctx, network, address, h)
		if err != nil {
			return nil, err
		}
		config := d.tls
		if config.ServerName == "" {
			config = config.Clone()
			config.ServerName, _, err = net.SplitHostPort(address)
			if err != nil {
				raw.Close()
				return nil, err
			}
		}
		ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, errSlowHandshake)
		defer cancel()
		conn := tls.Client(raw, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			if context.Cause(ctx) == errSlowHandshake {
				err = errSlowHandshake
			}
			return nil, err
		}
		d.queue.agreed(h, conn.ConnectionState().NegotiatedProtocol != "h2")
		return conn, nil
	})
}

// connect opens a connection that counts until it is closed.
func (d *dialer) connect(ctx context.Context, network, address string, h *host) (net.Conn, error) {
	conn, err := d.reach(ctx, network, address)
	if err != nil {
		d.queue.failed(h)
		return nil, err
	}
	d.queue.opened()
	return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { d.queue.gone(h) })}, nil
}

// open dials when that is due.
func (d *dialer) open(ctx context.Context, to origin, dial func(*host) (net.Conn, error)) (net.Conn, error) {
	h, p, err := d.queue.turn(ctx, to.normal())
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		return dial(nil)
	}
	defer d.queue.dialled(h, p)
	return dial(h)
}

// A countedConn tells once that it was closed.
type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
