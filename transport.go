package regret

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// A transport turns one exchange into HTTP requests. Its layers, outermost
// first, each with one job:
//
//	retry       go-retryablehttp with the policy of retry.go
//	authorizer  adds credentials, answers one challenge (auth.go)
//	redirector  follows what may be followed, without credentials (redirect.go)
//	wire        pacing, time-outs, trace and log of every request (wire.go)
//	base        the connection pool, or what WithTransport gave
type transport struct {
	origin origin
	config *config
	client *retryablehttp.Client
	auth   *authorizer
	wire   *wire
	draw   func(n int64) int64 // a random number below n
	spare  allowance           // repetitions that may be made

	spoken, accepting atomic.Pointer[spokenHeader] // by requests without and with Accept
}

func newTransport(o origin, cfg *config) *transport {
	w := &wire{next: cfg.base, config: cfg}
	w.reads.after, w.writes.after = cfg.limits.ReadTimeout, cfg.limits.WriteTimeout
	if cfg.base == nil {
		d := newDialer(tlsConfig(cfg.tls))
		w.queue = &d.queue
		pool := newBase(d)
		d.queue.idle.closeIdle = pool.CloseIdleConnections
		w.next = pool
		w.reads.keep, w.writes.keep = true, true
	}
	auth := newAuthorizer(o, cfg, w)
	// No layer below returns a redirect, so that the inner client has none to
	// follow; and none has a CloseIdleConnections method, so that one failed
	// request does not close the connections of all others.
	client := newRetrier(&http.Client{Transport: auth}, cfg.retries)
	return &transport{origin: o, config: cfg, client: client, auth: auth, wire: w, draw: randomBelow}
}

// newBase is the connection pool: enough idle connections for 256 callers,
// HTTP/2 where it is offered, no compression (digests are of the bytes sent),
// proxies as the environment says, and no header of more than 256 KiB.
func newBase(d *dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		TLSClientConfig:        d.tls, // for what is reached through a proxy
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    256,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 256 << 10,
		ExpectContinueTimeout:  time.Second,
	}
}
