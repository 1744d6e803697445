package regret_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A script is a server that gives one response after the other, the last one again
// and again, and records what it was sent.
type script struct {
	responses []scripted
	mu        sync.Mutex
	sent      []string // "HEAD /v2/team/app/manifests/v1", with " Basic" or " Bearer" if it had credentials
	headers   []http.Header
}

type scripted struct {
	status int
	body   string
	fields []string // pairs of a name and a value
}

func newScript(responses ...scripted) *script { return &script{responses: responses} }

func reply(status int, body string, fields ...string) scripted {
	return scripted{status, body, fields}
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.responses[min(len(s.sent), len(s.responses)-1)]
	line := req.Method + " " + req.URL.RequestURI()
	if scheme, _, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok {
		line += " " + scheme
	}
	s.sent, s.headers = append(s.sent, line), append(s.headers, req.Header)
	body := next.body
	if req.Method == http.MethodHead {
		body = ""
	}
	return respond(req, next.status, body, next.fields...), nil
}

// want compares everything that was sent.
func (s *script) want(t *testing.T, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, s.sent); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// authorizations returns the different Authorization headers that were sent, in order.
func (s *script) authorizations() []string {
	var all []string
	for _, h := range s.headers {
		if a := h.Get("Authorization"); a != "" && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}
