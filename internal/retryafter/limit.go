package retryafter

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A family is a set of header fields that describe the same limit, by their canonical names.
type family struct{ remaining, reset, window string }

// families are the header fields that registries send: RateLimit-… by zot and Docker Hub,
// X-RateLimit-… by GitHub, Keppel and Docker Hub's other API, X-Rate-Limit-… by zot.
var families = [...]family{
	{"Ratelimit-Remaining", "Ratelimit-Reset", ""},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""},
	{"X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "X-Rate-Limit-Duration"},
}

// leastUnixTime is the least number that is a Unix time rather than a duration. It is a day in
// 1985, or more than 15 years.
const leastUnixTime = time.Duration(5e8) * time.Second

// FromResponse returns how long to wait after a response: the longest Retry-After that can be
// parsed or, for the status codes 429, 503 and 403 (GitHub's), the time until an exhausted rate limit
// is reset.
// Other status codes say nothing about a limit, because some registries report what remains of it
// with every response, and waiting does not help after a 404. A 429 means that a limit is exhausted
// even if no field says so, unless one says that something remains: zot sends only the length of
// the window. ok is false if the response asks for no wait.
func FromResponse(resp *http.Response, now time.Time) (wait time.Duration, ok bool) {
	if wait, ok = fromRetryAfter(resp.Header, now); ok {
		return wait, true
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden:
	default:
		return 0, false
	}
	return fromLimits(resp.Header, now, resp.StatusCode == http.StatusTooManyRequests && !anyRemains(resp.Header))
}

// fromLimits returns the longest wait that the exhausted limits of header ask for. exceeded says
// that a limit is exhausted although its remaining field is missing. X-Retry-After, which Docker
// Hub once sent, is a Unix time. ok is false if no limit is exhausted.
//
// See https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-03
func fromLimits(header http.Header, now time.Time, exceeded bool) (wait time.Duration, ok bool) {
	for _, f := range families {
		if d, valid := f.wait(header, now, exceeded); valid {
			wait, ok = max(wait, d), true
		}
	}
	for _, line := range header["X-Retry-After"] {
		if d, valid := untilReset(line, now); valid {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

// wait returns the time until the reset of an exhausted limit. If no field names it, that is the
// whole window, as in "0;w=21600": no field says how much of the window has passed.
func (f family) wait(header http.Header, now time.Time, exceeded bool) (wait time.Duration, ok bool) {
	window, exhausted := parseRemaining(header[f.remaining])
	if !exhausted && (!exceeded || len(header[f.remaining]) > 0) {
		return 0, false
	}
	for _, line := range header[f.reset] {
		if d, valid := untilReset(line, now); valid {
			wait, ok = max(wait, d), true
		}
	}
	if ok {
		return wait, true
	}
	if f.window != "" {
		for _, line := range header[f.window] {
			if d, valid := untilReset(line, now); valid {
				window = max(window, d)
			}
		}
	}
	return window, window > 0
}

// anyRemains reports whether a field says that something remains of a limit.
func anyRemains(header http.Header) bool {
	return slices.ContainsFunc(families[:], func(f family) bool {
		return slices.ContainsFunc(header[f.remaining], func(line string) bool {
			left, _, _ := strings.Cut(line, ";")
			left = strings.Trim(left, " \t")
			return strings.Trim(left, "0") != "" && strings.Trim(left, "0123456789") == ""
		})
	})
}

// parseRemaining reports whether nothing remains according to one of the lines, each of which is
// "n" or "n;w=seconds", and returns the longest window of these lines.
func parseRemaining(lines []string) (window time.Duration, exhausted bool) {
	for _, line := range lines {
		left, params, _ := strings.Cut(line, ";")
		left = strings.Trim(left, " \t")
		if left == "" || strings.Trim(left, "0") != "" {
			continue
		}
		exhausted = true
		for param := range strings.SplitSeq(params, ";") {
			name, value, _ := strings.Cut(strings.Trim(param, " \t"), "=")
			if name == "w" && value != "" && strings.Trim(value, "0123456789") == "" {
				window = max(window, seconds(value))
			}
		}
	}
	return window, exhausted
}

// untilReset parses a duration in seconds, or the Unix time at which it ends, in seconds or
// milliseconds. A number of 13 or 14 digits is in milliseconds, and is a time from 2001 to 5138.
func untilReset(value string, now time.Time) (time.Duration, bool) {
	value = strings.Trim(value, " \t")
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	value = strings.TrimLeft(value, "0")
	if n := len(value); n == 13 || n == 14 {
		value = value[:n-3]
	}
	d := seconds(value)
	if d < leastUnixTime {
		return d, true
	}
	return max(0, time.Unix(int64(d/time.Second), 0).Sub(now)), true
}
