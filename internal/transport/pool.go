package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/origin"
)

const (
	dialTimeout = 10 * time.Second // and of the TLS handshake after it
	idleTimeout = 90 * time.Second // after which a connection without requests is closed
)

// newPool returns net/http's connection pool with enough idle connections for
// 256 callers, HTTP/2 where it is offered, no compression (digests are of the
// bytes sent), proxies from the environment, and headers of at most 256 KiB.
func newPool(config *tls.Config) *http.Transport {
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// maxFirstWait bounds how long requests wait for the first connection: it saves
// connections, and must not cost a response.
const maxFirstWait = 2 * time.Second

// A firstConnection lets the first request to the registry go ahead until it is
// written. Only the handshake tells whether all others can share its connection
// by HTTP/2; without this, a burst of callers would open one connection each.
type firstConnection struct {
	origin origin.Origin

	mu    sync.Mutex
	ahead chan struct{} // closed when the request that went ahead is written or has failed; nil if there is none
	used  time.Time     // when a request was written last
}

// newFirstConnection returns nil for plain http, where connections are never
// shared.
func newFirstConnection(o origin.Origin) *firstConnection {
	if o.Scheme != "https" {
		return nil
	}
	return &firstConnection{origin: o}
}

// enter returns when a request may be sent. The function that it returns must be
// called when the request has been written, and again when it has ended.
func (f *firstConnection) enter(ctx context.Context, to origin.Origin) (progress func(written bool)) {
	if to != f.origin {
		return func(bool) {}
	}
	patience := time.NewTimer(maxFirstWait)
	defer patience.Stop()
	for {
		ahead, first := f.join()
		switch {
		case first:
			release := sync.OnceFunc(func() { f.release(ahead) })
			return func(written bool) { f.note(written); release() }
		case ahead == nil:
			return f.note
		}
		select {
		case <-ahead:
		case <-patience.C:
			return f.note
		case <-ctx.Done(): // the request will fail by itself
			return f.note
		}
	}
}

// join returns nothing if there is a connection, else the request to wait for,
// which is the caller's own if it is the first.
func (f *firstConnection) join() (ahead chan struct{}, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case time.Since(f.used) < idleTimeout:
		return nil, false
	case f.ahead == nil:
		f.ahead = make(chan struct{})
		return f.ahead, true
	}
	return f.ahead, false
}

func (f *firstConnection) note(written bool) {
	if written {
		f.mu.Lock()
		f.used = time.Now()
		f.mu.Unlock()
	}
}

func (f *firstConnection) release(ahead chan struct{}) {
	f.mu.Lock()
	f.ahead = nil
	f.mu.Unlock()
	close(ahead)
}
