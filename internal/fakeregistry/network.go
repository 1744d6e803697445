package fakeregistry

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Network is a transport that connects several handlers, each under its own origin. A request to
// any other origin fails because the host does not exist. The log contains all requests, including
// those that fail, so that a test can prove that no credentials were sent to another host.
type Network struct {
	requestLog
	mu    sync.RWMutex
	hosts map[string]http.Handler
}

// NewNetwork returns a network without hosts.
func NewNetwork() *Network { return &Network{hosts: map[string]http.Handler{}} }

// Handle registers a handler for an origin, which is scheme://host or scheme://host:port. It panics
// if origin has another form.
func (n *Network) Handle(origin string, h http.Handler) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		panic(fmt.Sprintf("fakeregistry: %q is not an origin", origin))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[canonicalOrigin(u.Scheme, u.Host)] = h
}

// RoundTrip implements [http.RoundTripper]. It passes the request to the handler of its origin.
func (n *Network) RoundTrip(req *http.Request) (*http.Response, error) {
	return RoundTripper(http.HandlerFunc(func(w http.ResponseWriter, server *http.Request) {
		// Log the host of the URL, not the Host header field, which a client may set to anything.
		rec, server := n.record(w, server, req.URL.Host)
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

// noSuchHost returns the error for dialing a host that does not exist.
func noSuchHost(host string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// canonicalOrigin returns scheme://host:port in lower case, with the default port if host has none.
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
