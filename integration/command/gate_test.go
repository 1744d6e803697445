package command_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// A gate stands before a registry: it keeps its address when the registry is started again, counts
// requests, and can hold them up.
type gate struct {
	*httptest.Server

	mu     sync.Mutex
	target *url.URL
	seen   []string // methods and paths
	before func(n int, r *http.Request)
}

// newGate starts a gate before a registry.
func newGate(t *testing.T, target string) *gate {
	t.Helper()
	g := &gate{}
	g.lead(t, target)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			g.mu.Lock()
			defer g.mu.Unlock()
			// A client that goes away ends no request that has reached the registry: distribution would
			// delete a manifest and leave its tags.
			r.Out = r.Out.WithContext(context.WithoutCancel(r.In.Context()))
			r.SetURL(g.target)
			r.Out.Host = r.In.Host // so that links lead to the gate
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that are killed
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.seen = append(g.seen, r.Method+" "+r.URL.Path)
		n, before := len(g.seen), g.before
		g.mu.Unlock()
		if before != nil {
			before(n, r)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// lead makes the gate lead to another registry.
func (g *gate) lead(t *testing.T, target string) {
	t.Helper()
	parsed, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = parsed
}

// watch calls a function before each request, with its number since watch. Nil ends that. It
// returns the requests before.
func (g *gate) watch(before func(n int, r *http.Request)) (seen []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen, g.seen, g.before = g.seen, nil, before
	return seen
}

// isWrite reports whether a request changes something.
func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }
