package regret_test

import (
	"net/http"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A fault returns an interceptor that makes requests to a registry fail.
type fault = func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool

// failing responds with a status, and with an error document if there is a code or else with
// the HTML page of a proxy.
func failing(status int, code string) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		if code == "" {
			return fakeregistry.Answer(status, map[string]string{"Content-Type": "text/html"}, "<html><title>Bad Gateway</title>")
		}
		return fakeregistry.Errors(status, code, "failed")
	}
}

// refused refuses the connection.
func refused(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Refuse()
}

// once applies a fault to the first request only.
func once(f fault) fault {
	return func(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		left, respond := 1, f(reg)
		return func(w http.ResponseWriter, req *http.Request) bool {
			if left--; left < 0 {
				return false
			}
			return respond(w, req)
		}
	}
}

// does lets the registry carry out the request, but sends another response.
func does(other fault) fault {
	return func(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		respond := other(reg)
		return func(w http.ResponseWriter, req *http.Request) bool {
			reg.Serve(&nobody{}, req)
			return respond(w, req)
		}
	}
}

var (
	loseResponse fault = (*fakeregistry.Registry).LoseResponse
	loseRequest  fault = (*fakeregistry.Registry).LoseRequest
	htmlNotFound       = failing(404, "") // of a proxy
)

// A step is a fault of a number of requests.
type step struct {
	n      int // the number; 0 for all requests
	method string
	fault  fault
}

// play applies the steps to the requests with their method, in order.
func play(reg *fakeregistry.Registry, steps ...step) {
	for i := len(steps) - 1; i >= 0; i-- { // the interceptor added last is called first
		reg.Intercept(steps[i].n, fakeregistry.On(steps[i].method, "/v2/"), steps[i].fault(reg))
	}
}

// responding makes a fault of an interceptor that does not depend on the registry.
func responding(respond func(http.ResponseWriter, *http.Request) bool) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool { return respond }
}

// onTagList applies an interceptor to requests for the list of tags only.
func onTagList(respond func(http.ResponseWriter, *http.Request) bool) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			return fakeregistry.On("GET", "/v2/"+repo+"/tags/")(req) && respond(w, req)
		}
	}
}

// onPath applies an interceptor only to requests whose path contains part.
func onPath(part string, respond func(http.ResponseWriter, *http.Request) bool) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			return strings.Contains(req.URL.Path, part) && respond(w, req)
		}
	}
}

// nobody is a ResponseWriter that discards the response.
type nobody struct{ header http.Header }

func (n *nobody) Write(p []byte) (int, error) { return len(p), nil }

func (n *nobody) WriteHeader(int) {}

func (n *nobody) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}
