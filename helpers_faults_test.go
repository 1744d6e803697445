package regret_test

import (
	"net/http"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A fault is how the tests of writes let a request fail.
type fault = func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool

// failing answers with a status, and an error document if there is a code.
func failing(status int, code string) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		if code == "" {
			return fakeregistry.Answer(status, map[string]string{"Content-Type": "text/html"}, "<html><title>Bad Gateway</title>")
		}
		return fakeregistry.Errors(status, code, "failed")
	}
}

func refused(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Refuse()
}

// once is a fault of the first request only.
func once(f fault) fault {
	return func(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		left, answer := 1, f(reg)
		return func(w http.ResponseWriter, req *http.Request) bool {
			if left--; left < 0 {
				return false
			}
			return answer(w, req)
		}
	}
}

// does lets the registry do its work and answers something else.
func does(other fault) fault {
	return func(reg *fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		answer := other(reg)
		return func(w http.ResponseWriter, req *http.Request) bool {
			reg.Serve(&nobody{}, req)
			return answer(w, req)
		}
	}
}

var (
	loseResponse fault = (*fakeregistry.Registry).LoseResponse
	loseRequest  fault = (*fakeregistry.Registry).LoseRequest
	htmlNotFound       = failing(404, "")
)

// A step is what becomes of some requests.
type step struct {
	n      int // how many; 0: all of them
	method string
	fault  fault
}

// play lets the steps of each method happen in their order.
func play(reg *fakeregistry.Registry, steps ...step) {
	for i := len(steps) - 1; i >= 0; i-- { // the newest is asked first
		reg.Intercept(steps[i].n, fakeregistry.On(steps[i].method, "/v2/"), steps[i].fault(reg))
	}
}

// saying is the same answer of every registry.
func saying(answer func(http.ResponseWriter, *http.Request) bool) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool { return answer }
}

// onList answers for the list of tags only.
func onList(answer func(http.ResponseWriter, *http.Request) bool) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			return fakeregistry.On("GET", "/v2/"+repo+"/tags/")(req) && answer(w, req)
		}
	}
}

// onPath answers only where the path has a part.
func onPath(part string, answer func(http.ResponseWriter, *http.Request) bool) fault {
	return func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			return strings.Contains(req.URL.Path, part) && answer(w, req)
		}
	}
}

// nobody is where answers go that nobody gets.
type nobody struct{ header http.Header }

func (n *nobody) Write(p []byte) (int, error) { return len(p), nil }

func (n *nobody) WriteHeader(int) {}

func (n *nobody) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}
