package fakeregistry

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Network is a transport that reaches several handlers, each under its origin, and nothing else: any other origin is a
// host that does not exist. Its log has every request that a client handed to it, those to nowhere included, so that
// a test can prove that no credential went to another host.
type Network struct {
	requestLog
	mu    sync.RWMutex
	hosts map[string]http.Handler
}

// NewNetwork makes a network without hosts.
func NewNetwork() *Network { return &Network{hosts: map[string]http.Handler{}} }

// Handle puts a handler under an origin: scheme://host or scheme://host:port. It panics if that is not an origin.
func (n *Network) Handle(origin string, h http.Handler) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		panic(fmt.Sprintf("fakeregistry: %q is not an origin", origin))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[canonicalOrigin(u.Scheme, u.Host)] = h
}

// RoundTrip takes a request to the handler of its origin.
func (n *Network) RoundTrip(req *http.Request) (*http.Response, error) {
	return RoundTripper(http.HandlerFunc(func(w http.ResponseWriter, server *http.Request) {
		rec, server := n.record(w, server, req.URL.Host) // a client may send any Host header
		returned := false
		defer func() { rec.finish(returned) }()
		n.mu.RLock()
		h, ok := n.hosts[canonicalOrigin(req.URL.Scheme, req.URL.Host)]
		n.mu.RUnlock()
		if !ok {
			dropConnection(rec, noSuchHost(req.URL.Hostname()))
		}
		h.ServeHTTP(rec, server)
		returned = true
	})).RoundTrip(req)
}

func noSuchHost(host string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// canonicalOrigin is scheme://host:port in lower case, the port always there.
func canonicalOrigin(scheme, host string) string {
	u := url.URL{Scheme: strings.ToLower(scheme), Host: strings.ToLower(host)}
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}
