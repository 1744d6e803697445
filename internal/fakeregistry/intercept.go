package fakeregistry

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Matcher reports whether an interceptor applies to a request.
type Matcher func(*http.Request) bool

// On matches a method and a path. The empty method matches every method. A path without "*" matches
// as a prefix. A path with "*" must match the whole path, where each "*" matches any run of
// characters, including slashes.
func On(method, path string) Matcher {
	return func(req *http.Request) bool {
		if method != "" && method != req.Method {
			return false
		}
		if !strings.Contains(path, "*") {
			return strings.HasPrefix(req.URL.Path, path)
		}
		return glob(path, req.URL.Path)
	}
}

// glob reports whether s matches pattern, in which each "*" matches any run of characters.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}

// server is the common part of the registry and the token service: the log, the interceptors, and
// the handler that serves the remaining requests.
type server struct {
	requestLog
	inner  http.HandlerFunc
	before hook

	interceptMu  sync.Mutex
	interceptors []*interceptor
}

type interceptor struct {
	remaining int // responses left; negative means no limit
	matches   Matcher
	handle    func(http.ResponseWriter, *http.Request) bool
}

// Intercept calls fn for requests that match. fn either responds and returns true, or returns false
// to leave the request to the next interceptor and finally to the server. It may call Serve to run
// code before or after the server's own response. The interceptor added last is called first. An
// interceptor is removed once it has responded to n requests; if n is not positive, it stays.
func (s *server) Intercept(n int, match Matcher, fn func(w http.ResponseWriter, req *http.Request) bool) {
	if n <= 0 {
		n = -1
	}
	s.interceptMu.Lock()
	defer s.interceptMu.Unlock()
	s.interceptors = append(s.interceptors, &interceptor{n, match, fn})
}

// ServeHTTP logs a request, calls the interceptors, and serves the request if none of them
// responded.
func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	rec, req := s.record(w, req, req.Host)
	returned := false
	defer func() { rec.finish(returned) }()
	s.before.call(req)
	if !s.runInterceptors(rec, req) {
		s.inner(rec, req)
	}
	returned = true
}

// Serve serves a request without logging it and without calling interceptors. Interceptors use it
// to run code before or after the server's own response.
func (s *server) Serve(w http.ResponseWriter, req *http.Request) { s.inner(w, req) }

// RoundTrip implements [http.RoundTripper] without a socket; see [RoundTripper].
func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	return RoundTripper(s).RoundTrip(req)
}

// runInterceptors calls the interceptors that match and reports whether one of them responded.
func (s *server) runInterceptors(w http.ResponseWriter, req *http.Request) bool {
	s.interceptMu.Lock()
	candidates := slices.Clone(s.interceptors)
	s.interceptMu.Unlock()
	for _, i := range slices.Backward(candidates) {
		if i.matches(req) && s.tryInterceptor(i, w, req) {
			return true
		}
	}
	return false
}

// tryInterceptor calls one interceptor. It reserves one of the remaining responses before the call
// and returns it afterwards if it was not used, so that concurrent requests never get more
// responses than the interceptor may give.
func (s *server) tryInterceptor(i *interceptor, w http.ResponseWriter, req *http.Request) bool {
	if !s.acquire(i) {
		return false
	}
	handled := true // stays true if fn panics to drop the connection
	defer func() { s.release(i, handled) }()
	handled = i.handle(w, req)
	return handled
}

// acquire reserves one response of the interceptor and reports whether there was one left.
func (s *server) acquire(i *interceptor) bool {
	s.interceptMu.Lock()
	defer s.interceptMu.Unlock()
	if i.remaining == 0 {
		return false
	}
	i.remaining--
	return true
}

// release ends a call that acquire allowed. It returns the reserved response if the interceptor did
// not use it, and removes the interceptor if none are left.
func (s *server) release(i *interceptor, handled bool) {
	s.interceptMu.Lock()
	defer s.interceptMu.Unlock()
	if !handled || i.remaining < 0 {
		i.remaining++
	}
	if i.remaining == 0 {
		s.interceptors = slices.DeleteFunc(s.interceptors, func(other *interceptor) bool { return other == i })
	}
}
