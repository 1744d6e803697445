package fakeregistry

import (
	"net/http"
	"sync"
)

// hook is the function of BeforeEach.
type hook struct {
	mu sync.Mutex // also serializes the calls
	fn func(*http.Request)
}

func (h *hook) call(req *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fn != nil {
		h.fn(req)
	}
}

// BeforeEach calls fn for every request after it is logged, and before an interceptor or the server
// sees it, so that a test can do what happens between two requests. It replaces the function that was
// set before; nil removes it. The calls are made one at a time, in order of arrival, but a request that
// has been passed on is served concurrently with later ones. fn must not read the body. To push and
// delete like another client it uses OtherClient; a logged request from within fn would wait
// for fn itself.
func (s *server) BeforeEach(fn func(req *http.Request)) {
	s.before.mu.Lock()
	defer s.before.mu.Unlock()
	s.before.fn = fn
}

// OtherClient returns a transport for the requests of another client than the one under test. They have
// all the effects that the options give them, but are neither logged nor intercepted, and are not
// passed to the function of BeforeEach.
func (s *server) OtherClient() http.RoundTripper { return RoundTripper(http.HandlerFunc(s.Serve)) }
