// Package retryafter determines how long a client should wait before it retries, from Retry-After
// and from the header fields in which registries report their rate limits.
//
// It knows the fields, but not who retries or how long a wait is acceptable.
//
// Invariants: a wait is never negative and never overflows; a value that cannot be parsed asks for
// no wait.
package retryafter

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// maxDate is the length of the longest valid date.
const maxDate = len("Wednesday, 02-Jan-06 15:04:05 GMT")

// fromRetryAfter returns the longest wait of the Retry-After lines of header. ok is false if none
// of them can be parsed.
func fromRetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	for _, line := range header["Retry-After"] {
		if d, valid := Parse(line, now); valid {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

// Parse returns the wait in the value of a Retry-After field: seconds, or the date at which the
// wait ends. For a date in the past it is 0, and a wait that overflows time.Duration is the longest
// one. The caller decides how long a wait is acceptable.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
func Parse(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.Trim(value, " \t")
	if value != "" && strings.Trim(value, "0123456789") == "" {
		return seconds(value), true
	}
	date, ok := parseDate(value)
	if !ok {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}

// seconds converts any number of decimal digits.
func seconds(digits string) time.Duration {
	const most = math.MaxInt64 / int64(time.Second)
	var n int64
	for i := range len(digits) {
		if n = n*10 + int64(digits[i]-'0'); n > most {
			return math.MaxInt64
		}
	}
	return time.Duration(n) * time.Second
}

// parseDate parses the three formats of https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7.
// http.ParseTime does, too, but accepts any time zone in the second format, and interprets its name
// in the local time zone.
func parseDate(value string) (time.Time, bool) {
	if len(value) > maxDate {
		return time.Time{}, false
	}
	for _, layout := range [...]string{http.TimeFormat, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if date, err := time.Parse(layout, value); err == nil {
			return date, true
		}
	}
	return time.Time{}, false
}
