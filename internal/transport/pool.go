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

// withoutCertificate returns a configuration without its client certificates, and
// whether it had any.
func withoutCertificate(config *tls.Config) (*tls.Config, bool) {
	if config == nil || len(config.Certificates) == 0 && config.GetClientCertificate == nil {
		return nil, false
	}
	config = config.Clone()
	config.Certificates, config.GetClientCertificate = nil, nil
	return config, true
}

// maxFirstWait bounds how long requests wait for the first connection: it saves
// connections, and must not cost a response.
const maxFirstWait = 2 * time.Second

// A firstConnection lets the first request to the registry go ahead until it has
// a connection. Only the handshake tells whether all others can share that by
// HTTP/2; without this, a burst of callers would open one connection each.
type firstConnection struct {
	origin origin.Origin

	mu    sync.Mutex
	ahead chan struct{} // closed when the request that went ahead has a connection or has failed; nil if there is none
	used  time.Time     // when a request was given a connection last
}

// newFirstConnection returns nil for plain http, where connections are never
// shared.
func newFirstConnection(o origin.Origin) *firstConnection {
	if o.Scheme != "https" {
		return nil
	}
	return &firstConnection{origin: o}
}

// enter returns when a request may be sent. If it returns a channel, the request
// goes ahead of others, and the channel must be passed to release.
func (f *firstConnection) enter(ctx context.Context) (ahead chan struct{}) {
	ahead, first := f.join()
	if ahead == nil || first {
		return ahead
	}
	patience := time.NewTimer(maxFirstWait)
	defer patience.Stop()
	for {
		select {
		case <-ahead:
		case <-patience.C:
			return nil
		case <-ctx.Done(): // the request will fail by itself
			return nil
		}
		if ahead, first = f.join(); ahead == nil || first {
			return ahead
		}
	}
}

// join returns nil if there is a connection, else the request to wait for,
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

// note records that a request has a connection.
func (f *firstConnection) note() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used = time.Now()
}

// lost records that a connection is gone, which over HTTP/2 was that of all.
func (f *firstConnection) lost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used = time.Time{}
}

// release lets the others go, once.
func (f *firstConnection) release(ahead chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ahead == ahead {
		f.ahead = nil
		close(ahead)
	}
}
