package retryafter

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A family is the names that belong together, in their canonical form.
type family struct{ remaining, reset, window string }

// families are the dialects that registries speak: RateLimit-… of zot and Docker Hub, X-RateLimit-… of GitHub, Keppel and
// Docker Hub's other API, X-Rate-Limit-… of zot.
var families = [...]family{
	{"Ratelimit-Remaining", "Ratelimit-Reset", ""},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Reset", ""},
	{"X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "X-Rate-Limit-Duration"},
}

// epoch is the least number that is taken for a time, in seconds since 1970, rather than for a duration: a day in 1985, or
// more than 15 years.
const epoch = time.Duration(5e8) * time.Second

// FromResponse returns how long an answer asks to be left alone: the longest Retry-After that can be read, or else, with
// 429 and 503, how long it takes until a limit that is used up is not any more. With other statuses a limit says nothing:
// some registries tell with every answer what is left, and an image that is not found is none the sooner found for
// waiting. 429 says by itself that a limit is used up, unless the header knows of something left: zot tells no more than
// how long the window is. It is not ok if nothing asks.
func FromResponse(resp *http.Response, now time.Time) (wait time.Duration, ok bool) {
	if wait, ok = fromRetryAfter(resp.Header, now); ok {
		return wait, true
	}
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	return fromLimit(resp.Header, now, resp.StatusCode == http.StatusTooManyRequests && !somethingLeft(resp.Header))
}

// fromLimit reads RateLimit-Reset or one of its relatives, in seconds or as a Unix time, or else the whole window of
// "0;w=21600", for where in it the limit stands is not said. X-Retry-After, once Docker Hub's, is a Unix time. It is not
// ok if no limit is said to be used up; over says that one is of which the header does not say what is left.
//
// https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-03
func fromLimit(header http.Header, now time.Time, over bool) (wait time.Duration, ok bool) {
	for _, f := range families {
		if d, told := f.wait(header, now, over); told {
			wait, ok = max(wait, d), true
		}
	}
	for _, line := range header["X-Retry-After"] {
		if d, told := moment(line, now); told {
			wait, ok = max(wait, d), true
		}
	}
	return wait, ok
}

func (f family) wait(header http.Header, now time.Time, over bool) (wait time.Duration, ok bool) {
	window, exhausted := usedUp(header[f.remaining])
	if !exhausted && (!over || len(header[f.remaining]) > 0) {
		return 0, false
	}
	for _, line := range header[f.reset] {
		if d, told := moment(line, now); told {
			wait, ok = max(wait, d), true
		}
	}
	if ok {
		return wait, true
	}
	if f.window != "" {
		for _, line := range header[f.window] {
			if d, told := moment(line, now); told {
				window = max(window, d)
			}
		}
	}
	return window, window > 0
}

// somethingLeft says whether any limit is told to have something left.
func somethingLeft(header http.Header) bool {
	return slices.ContainsFunc(families[:], func(f family) bool {
		return slices.ContainsFunc(header[f.remaining], func(line string) bool {
			left, _, _ := strings.Cut(line, ";")
			left = strings.Trim(left, " \t")
			return strings.Trim(left, "0") != "" && strings.Trim(left, "0123456789") == ""
		})
	})
}

// usedUp says whether nothing is left in any of the lines, each "n" or "n;w=seconds", and how long the window of those is.
func usedUp(lines []string) (window time.Duration, exhausted bool) {
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

// moment reads a duration in seconds, or the Unix time at which it ends, in seconds or milliseconds: so many digits are
// milliseconds from 2001 until 5138.
func moment(value string, now time.Time) (time.Duration, bool) {
	value = strings.Trim(value, " \t")
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	value = strings.TrimLeft(value, "0")
	if n := len(value); n == 13 || n == 14 {
		value = value[:n-3]
	}
	d := seconds(value)
	if d < epoch {
		return d, true
	}
	return max(0, time.Unix(int64(d/time.Second), 0).Sub(now)), true
}
