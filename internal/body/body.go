// Package body reads HTTP bodies within bounds of bytes and time. It knows
// nothing about what is in them.
//
// Invariant: no function reads more than its limit and one buffer, and every
// body it is given is closed when it returns.
package body

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
)

const (
	drainBytes = 4 << 10
	drainTime  = 250 * time.Millisecond

	// errorTime is how long an error response may take. A registry that drips it
	// is not waited for: the status already says what matters most.
	errorTime = 2 * time.Second
)

// A TooLargeError is a body that exceeds its limit.
type TooLargeError struct{ Limit int64 }

// Error names the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the response exceeds the limit of %d bytes", e.Limit)
}

// ReadAll reads a body to its end and closes it. A body beyond the limit is a
// [*TooLargeError]; it is never cut.
func ReadAll(body io.ReadCloser, limit int64) ([]byte, error) {
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, min(limit, math.MaxInt64-1)+1))
	if err == nil && int64(len(raw)) > limit {
		err = &TooLargeError{limit}
	}
	return raw, err
}

// ReadError reads the body of an error response, as much as there is within the
// limit and two seconds, and closes it. It reports whether that was all of it.
func ReadError(body io.ReadCloser, limit int64) (raw []byte, whole bool) {
	defer body.Close()
	timer := time.AfterFunc(errorTime, func() { body.Close() })
	defer timer.Stop()
	raw, err := io.ReadAll(io.LimitReader(body, limit))
	return raw, err == nil && int64(len(raw)) < limit
}

// Discard reads the little that may be left of a body, so that the connection
// can be reused, and closes it without waiting for a slow rest.
func Discard(body io.ReadCloser) {
	if body == http.NoBody {
		return
	}
	timer := time.AfterFunc(drainTime, func() { body.Close() })
	defer timer.Stop()
	// Only the reuse of the connection depends on whether this succeeds.
	io.CopyN(io.Discard, body, drainBytes)
	body.Close()
}
