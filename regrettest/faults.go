package regrettest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A Fault serves a request in place of the registry. The registry itself is next: a Fault may call it
// or not, before or after something else. Any function of this kind is a Fault; it may be called for
// several requests at once. To drop the connection, it panics with [http.ErrAbortHandler].
type Fault func(w http.ResponseWriter, req *http.Request, next http.Handler)

// Inject applies a fault to the next n requests with a method and a path; if n is not positive, to
// all. An empty method is any method. In the path, as in "/v2/team/app/manifests/*", each "*" matches
// any characters, slashes included; the path does not include the query. Of several faults that match,
// the one that was injected last applies, until it is used up. A nil fault leaves its requests alone.
func (r *Registry) Inject(n int, method, path string, fault Fault) {
	matches := fakeregistry.On(method, path)
	next := registryItself{r.fake}
	if fault == nil {
		fault = func(w http.ResponseWriter, req *http.Request, registry http.Handler) { registry.ServeHTTP(w, req) }
	}
	r.fake.Intercept(n, func(req *http.Request) bool {
		return matches(req) && (strings.Contains(path, "*") || path == req.URL.Path)
	}, func(w http.ResponseWriter, req *http.Request) bool {
		fault(w, req, next)
		return true
	})
}

// registryItself serves requests without recording them and without faults.
type registryItself struct{ fake *fakeregistry.Registry }

// ServeHTTP implements [http.Handler].
func (r registryItself) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.fake.Serve(w, req) }

// Respond refuses a request with a status code and an error document with this error code, such as
// "DENIED", and a message. Without a code the response has no body, as from a proxy.
func Respond(status int, code, message string) Fault {
	respond := fakeregistry.Errors(status, code, message)
	if code == "" {
		respond = fakeregistry.Answer(status, nil, "")
	}
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) { respond(w, req) }
}

// Throttle refuses a request with 429 TOOMANYREQUESTS and a Retry-After of whole seconds, rounded up.
func Throttle(retryAfter time.Duration) Fault {
	respond := Respond(http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests")
	seconds := max(0, retryAfter+time.Second-1) / time.Second
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		respond(w, req, next)
	}
}

// LoseRequest drops the connection before the request has an effect. The client cannot tell it from
// LoseResponse.
func LoseRequest() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// LoseResponse lets the request have its effect and drops the connection in place of a response. The
// recorded request has the status that was lost.
func LoseResponse() Fault {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if registry, ok := next.(registryItself); ok {
			registry.fake.LoseResponse()(w, req) // records the status
		}
		next.ServeHTTP(discard{}, req)
		panic(http.ErrAbortHandler)
	}
}

// discard is a response that goes nowhere.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// Hang never responds. The request ends when the client gives up or the server is closed, and has no
// effect.
func Hang() Fault {
	hang := fakeregistry.Hang()
	return func(w http.ResponseWriter, req *http.Request, _ http.Handler) { hang(w, req) }
}
