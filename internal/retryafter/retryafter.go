// Package retryafter reads the headers with which a server says how long to leave it alone: Retry-After, and the dialects
// in which registries speak of their limits.
package retryafter

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// maxDate is the length of the longest date there is.
const maxDate = len("Wednesday, 02-Jan-06 15:04:05 GMT")

// fromRetryAfter returns the longest wait that any Retry-After line of header asks for. It is not ok if there is none
// that can be read.
func fromRetryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	for _, line := range header["Retry-After"] {
		if d, valid := Parse(line, now); valid {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

// Parse returns the wait that value asks for, in seconds or as the date at which it ends:
// https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3. It is never negative: a date that has passed asks for no wait.
// Neither does it overflow: what is too long for a time.Duration is the longest one. How much of that to honour is for
// the caller to decide.
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

// seconds converts decimal digits, however many.
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

// parseDate knows the three formats of https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7. http.ParseTime would too,
// but accepts any time zone in the second, and looks its name up in the zone of this machine.
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
