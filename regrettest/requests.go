package regrettest

import (
	"net/http"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A Request is a request that the registry has received, with what became of it.
type Request struct {
	Method string
	Host   string // as the client sent it
	Path   string // escaped, as the client sent it
	Query  string // without "?"
	Header http.Header
	Status int  // of the response; 0 if there was none, or there is none yet
	Lost   bool // the client did not receive the whole response
}

// String returns the request on one line: "DELETE /v2/team/app/manifests/1.0 202". It has the query,
// if there is one, and ends with " lost" if the response was lost.
func (r Request) String() string {
	return fakeregistry.Request{Method: r.Method, Path: r.Path, Query: r.Query, Status: r.Status, Lost: r.Lost}.String()
}

// Requests returns the requests since the last [Registry.ResetRequests], those for tokens included,
// in order of arrival.
func (r *Registry) Requests() []Request { return newRequests(r.fake.Requests()) }

// Writes returns the requests among them whose method is not GET, HEAD or OPTIONS. If there are none,
// the client has not tried to change anything.
func (r *Registry) Writes() []Request { return newRequests(r.fake.Writes()) }

// ResetRequests drops the requests recorded so far.
func (r *Registry) ResetRequests() { r.fake.ResetLog() }

func newRequests(logged []fakeregistry.Request) []Request {
	requests := make([]Request, len(logged))
	for i, l := range logged {
		requests[i] = Request{l.Method, l.Host, l.Path, l.Query, l.Header, l.Status, l.Lost}
	}
	return requests
}
