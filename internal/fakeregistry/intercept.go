package fakeregistry

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Matcher chooses the requests an interceptor is asked about.
type Matcher func(*http.Request) bool

// On matches a method and a path. The empty method is any method. A path without "*" is a prefix; with "*", each of
// which stands for any run of characters, slashes included, it is the whole path.
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

// glob reports whether s is pattern with each "*" standing for any run of characters.
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

// server is what the registry and the token service have in common: a log, interceptors, and the handler behind them.
type server struct {
	requestLog
	inner http.HandlerFunc

	interceptMu  sync.Mutex
	interceptors []*interceptor
}

type interceptor struct {
	remaining int // calls left; negative: without limit
	matches   Matcher
	handle    func(http.ResponseWriter, *http.Request) bool
}

// Intercept lets fn answer the requests that match, instead of the server or around it (see Serve). fn returns true if
// it has answered; after false the next interceptor is asked, then the server. The newest interceptor is asked first.
// It stays until it has answered n requests, or for ever if n is not positive.
func (s *server) Intercept(n int, match Matcher, fn func(w http.ResponseWriter, req *http.Request) bool) {
	if n <= 0 {
		n = -1
	}
	s.interceptMu.Lock()
	defer s.interceptMu.Unlock()
	s.interceptors = append(s.interceptors, &interceptor{n, match, fn})
}

// ServeHTTP logs a request, asks the interceptors, and then answers it.
func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	rec, req := s.record(w, req, req.Host)
	returned := false
	defer func() { rec.finish(returned) }()
	if !s.runInterceptors(rec, req) {
		s.inner(rec, req)
	}
	returned = true
}

// Serve answers a request without logging it and without asking interceptors: for interceptors that do something
// before or after the server's own answer.
func (s *server) Serve(w http.ResponseWriter, req *http.Request) { s.inner(w, req) }

// RoundTrip serves a request without a socket; see [RoundTripper].
func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	return RoundTripper(s).RoundTrip(req)
}

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

// try asks one interceptor. A call is taken before and given back if it was not used, so that requests at the same
// time never get more answers than there are calls.
func (s *server) tryInterceptor(i *interceptor, w http.ResponseWriter, req *http.Request) bool {
	if !s.acquire(i) {
		return false
	}
	handled := true // also if fn panics to drop the connection
	defer func() { s.release(i, handled) }()
	handled = i.handle(w, req)
	return handled
}

func (s *server) acquire(i *interceptor) bool {
	s.interceptMu.Lock()
	defer s.interceptMu.Unlock()
	if i.remaining == 0 {
		return false
	}
	i.remaining--
	return true
}

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
