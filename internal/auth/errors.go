package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/origin"
)

// A Reason says why there is no Authorization header.
type Reason int

// The reasons.
const (
	MalformedChallenge Reason = iota + 1 // the registry's challenge cannot be read
	UntrustedRealm                       // the token service may not be sent credentials; see Error.Realm
	SourceFailed                         // the source of credentials failed, or has an invalid one
	TokenRefused                         // the token service answered with Error.StatusCode
	TokenMalformed                       // the token service's response has no usable token
	NoResponse                           // the token service did not respond
)

// An Error says why there is no Authorization header. Of a token service's
// response it contains only the status, the wait that was asked for, and
// well-known codes: the rest may be a secret.
type Error struct {
	Reason     Reason
	Realm      origin.Origin // of UntrustedRealm, if that is an origin
	Method     string        // of the token request; empty if none was sent
	URL        string        // of the token request, without query
	StatusCode int           // of the token response, or 401 for a challenge
	Codes      []string      // from the token response, well-known ones only
	RetryAfter time.Duration // as the token service asked
	Err        error
}

// Error returns the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return strings.TrimSpace(fmt.Sprintf("the token service answered %d %s", e.StatusCode, http.StatusText(e.StatusCode)))
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Transient reports whether the token request may be sent again, and may succeed
// then. Only a token is requested, so that a retry can do no harm, with one
// exception: a POST that got no response, but that the service may have received. An
// identity token may be good for one use, and some services take the second for
// theft.
func (e *Error) Transient() bool {
	switch e.Reason {
	case NoResponse:
		return e.Method != http.MethodPost || !mayHaveArrived(e.Err)
	case TokenRefused:
		return e.StatusCode >= 500 || e.StatusCode == http.StatusTooManyRequests ||
			e.StatusCode == http.StatusRequestTimeout || e.StatusCode == http.StatusTooEarly
	}
	return false
}

// sourceError names the registry that credentials were wanted for, unless the
// source has named it.
func sourceError(host string, err error) *Error {
	if named, ok := errors.AsType[*credentials.Error](err); !ok || named.Registry == "" {
		err = fmt.Errorf("credentials for %s: %w", host, err)
	}
	return &Error{Reason: SourceFailed, Err: err}
}

// Wait returns how long the token service asked to wait.
func (e *Error) Wait() time.Duration { return e.RetryAfter }

// mayHaveArrived reports whether a server may have received a request that brought
// no response.
func mayHaveArrived(err error) bool {
	lost, ok := errors.AsType[interface {
		error
		MayHaveArrived() bool
	}](err)
	return !ok || lost.MayHaveArrived()
}
