package transport

import (
	"errors"
	"net/http"
	"time"
)

// A Problem is a kind of failure that this package finds by itself.
type Problem int

// The problems.
const (
	Redirected Problem = iota + 1 // a redirect that is not followed
	Encoded                       // a response in a content encoding that was not accepted
	TooLarge                      // a body beyond its limit
	Held                          // a wait that the server asked for exceeds the deadline; see RetryAfter
)

// A Fault is a response or request that this package refuses.
type Fault struct {
	Problem    Problem
	RetryAfter time.Duration // of Held
	err        error
	resp       *http.Response // whose response it is about, closed; nil if there is none
}

// Error says what is wrong.
func (f *Fault) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.err }

// OutOfTime reports whether the request was not sent because its caller could
// not wait: another caller may have more time.
func (f *Fault) OutOfTime() bool { return f.Problem == Held }

var (
	errSlowHeader = errors.New("no response within the time-out")
	errReplayed   = errors.New("the connection was lost before the response")
	errHeld       = errors.New("all requests were asked to wait beyond the deadline")
)

// A noResponse is a request that was sent, or was to be sent, without a
// response.
type noResponse struct {
	err     error
	arrived bool // the server may have received it
	replay  bool // net/http would have sent it again at once
}

func (n *noResponse) Error() string { return n.err.Error() }

func (n *noResponse) Unwrap() error { return n.err }

// MayHaveArrived reports whether the server may have received the request.
func (n *noResponse) MayHaveArrived() bool { return n.arrived }

// A transientError is an error of an [Authorization] that says whether the
// attempt may be repeated, and after what time.
type transientError interface {
	error
	Transient() bool
	Wait() time.Duration
}
