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

	// dialPatience is how long a dial waits for its turn: as long as a dial that
	// gets no answer. A limit that saves connections must not cost an answer.
	dialPatience = dialTimeout
)

var (
	errSlowHandshake = errors.New("no TLS handshake within the time-out")
	errNotNeeded     = errors.New("the request was served over another connection")
)

// A dialer opens the connections of the client's own pool, and no more to a
// host than there are requests under way. net/http dials for every request that
// finds no idle connection, goes on dialling when that request was served over
// another one, and cannot know before the first handshake that HTTP/2 will need
// one connection only: a burst of callers would open half as many connections
// again over HTTP/1.1, and one for each caller over HTTP/2.
type dialer struct {
	net   net.Dialer
	tls   *tls.Config
	mu    sync.Mutex
	hosts map[origin]*host
}

// A host is what the dialer knows of an origin, as long as there are requests
// or connections.
type host struct {
	origin   origin
	http1    bool          // what the last handshake agreed on; no TLS, no HTTP/2
	fresh    bool          // a handshake for HTTP/2 was made, and no request has ended since
	requests int           // under way
	open     int           // connections, including those being dialled
	dialling int           // of them
	changed  chan struct{} // closed when something of this changes; nil if nobody waits
}

// A want is what the dialer knows of an exchange: of its request under way.
type want struct {
	trip    int   // counts requests begun and ended
	dials   int   // that were asked for by this one
	host    *host // of this one
	watched bool  // it tells whether it has a connection,
	served  bool  // and it does
}

// newDialer takes the configuration of the connection pool, to which net/http
// adds what protocols it will speak before it dials for the first time.
func newDialer(config *tls.Config) *dialer {
	return &dialer{
		net:   net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second},
		tls:   config,
		hosts: make(map[origin]*host),
	}
}

// begin notes that a request is under way. A nil dialer is that of a transport
// that is not ours.
func (d *dialer) begin(x *exchange, o origin) *host {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.hosts[o]
	if h == nil {
		h = &host{origin: o, http1: o.scheme == "http"}
		d.hosts[o] = h
	}
	h.requests++
	x.want.trip++
	x.want.host, x.want.served, x.want.dials = h, false, 0
	return h
}

// serves notes whether the request under way has a connection: while it does,
// what still waits to dial for it is not needed. Only writes are told of, which
// may take long.
func (d *dialer) serves(x *exchange, served bool) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if x.want.served = served; x.want.host != nil {
		x.want.host.wake()
	}
}

// end notes that the request has given its connection back.
func (d *dialer) end(x *exchange, h *host) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h.requests--
	h.fresh = false
	x.want.trip++
	x.want.host = nil
	d.settle(h)
}

// settle lets who waits look again, and forgets a host that nobody speaks to.
func (d *dialer) settle(h *host) {
	h.wake()
	if h.requests == 0 && h.open == 0 && d.hosts[h.origin] == h {
		delete(d.hosts, h.origin)
	}
}

func (h *host) wake() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
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
		d.agreed(h, conn.ConnectionState().NegotiatedProtocol != "h2")
		return conn, nil
	})
}

// connect opens a connection that counts until it is closed.
func (d *dialer) connect(ctx context.Context, network, address string, h *host) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, address)
	if h == nil {
		return conn, err
	}
	if err != nil {
		d.gone(h)
		return nil, err
	}
	return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { d.gone(h) })}, nil
}

// open dials when that is due. What no request was noted for (a proxy) is
// dialled at once.
func (d *dialer) open(ctx context.Context, to origin, dial func(*host) (net.Conn, error)) (net.Conn, error) {
	h, err := d.turn(ctx, to.normal())
	if err != nil {
		return nil, err
	}
	if h == nil {
		return dial(nil)
	}
	conn, err := dial(h)
	d.mu.Lock()
	defer d.mu.Unlock()
	h.dialling--
	h.wake()
	return conn, err
}

// turn waits until a connection more is due, and notes it. A dial that hangs is
// not waited for longer than its time-out, and a request that is known to have
// no connection not longer either, whatever the reason.
func (d *dialer) turn(ctx context.Context, to origin) (*host, error) {
	x := exchangeOf(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.hosts[to]
	if h == nil || x == nil {
		return nil, nil
	}
	trip := x.want.trip
	if x.want.host != h || x.want.served {
		return nil, errNotNeeded
	}
	x.want.dials++
	again := x.want.dials > 1 // the connection that it was given did not serve
	var patience *time.Timer
	for late := false; !(late && (h.dialling > 0 || x.want.watched)) && !h.due(patience != nil, again); {
		if patience == nil {
			patience = time.NewTimer(dialPatience)
			defer patience.Stop()
		}
		if h.changed == nil {
			h.changed = make(chan struct{})
		}
		changed := h.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-patience.C:
			late = true
		case <-ctx.Done():
		}
		d.mu.Lock()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case x.want.trip != trip || x.want.served:
			return nil, errNotNeeded
		}
	}
	h.open++
	h.dialling++
	return h, nil
}

// due says whether a connection may be opened. As long as nobody knows what
// the other side speaks, one dials and all others wait. Over HTTP/2 net/http
// gives a new connection to everybody who waits, a moment after the handshake;
// who has waited for it, or comes in that moment, needs none. Who is not served
// by it asks again.
func (h *host) due(waited, again bool) bool {
	if h.http1 {
		return h.open < h.requests
	}
	return h.dialling == 0 && (h.open == 0 || !waited && (again || !h.fresh))
}

func (d *dialer) agreed(h *host, http1 bool) {
	if h == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h.http1, h.fresh = http1, !http1
}

func (d *dialer) gone(h *host) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h.open--
	d.settle(h)
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
