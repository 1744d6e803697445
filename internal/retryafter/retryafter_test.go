package retryafter_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

// now returns a time 37 seconds before the date in the examples of RFC 9110.
func now() time.Time {
	return time.Date(1994, time.November, 6, 8, 49, 0, 0, time.UTC)
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value string
		want  time.Duration
	}{
		"seconds":                              {"120", 2 * time.Minute},
		"zero":                                 {"0", 0},
		"leading zeros":                        {"007", 7 * time.Second},
		"white space around a number":          {" \t7 ", 7 * time.Second},
		"a day":                                {"86400", 24 * time.Hour},
		"the most seconds that are a duration": {"9223372036", 9223372036 * time.Second},
		"one second more is the longest duration":      {"9223372037", math.MaxInt64},
		"the largest integer is the longest duration":  {"9223372036854775807", math.MaxInt64},
		"a thousand digits are the longest duration":   {strings.Repeat("9", 1000), math.MaxInt64},
		"the preferred date":                           {"Sun, 06 Nov 1994 08:49:37 GMT", 37 * time.Second},
		"the date of RFC 850":                          {"Sunday, 06-Nov-94 08:49:37 GMT", 37 * time.Second},
		"the date of asctime":                          {"Sun Nov  6 08:49:37 1994", 37 * time.Second},
		"a date now":                                   {"Sun, 06 Nov 1994 08:49:00 GMT", 0},
		"a date that has passed":                       {"Sun, 06 Nov 1994 08:48:59 GMT", 0},
		"a date too far ahead is the longest duration": {"Fri, 31 Dec 9999 23:59:59 GMT", math.MaxInt64},
		"a date too far back has passed":               {"Sat, 01 Jan 0000 00:00:00 GMT", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := retryafter.Parse(test.value, now())
			if !ok || got != test.want {
				t.Errorf("%q: got %v, %t, want %v, true", test.value, got, ok, test.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"an empty value":              "",
		"space":                       " ",
		"a negative number":           "-1",
		"a sign":                      "+1",
		"a fraction":                  "1.5",
		"a unit":                      "5s",
		"two numbers":                 "1 2",
		"a list":                      "1, 2",
		"digits that are not ASCII":   "٣",
		"a date of another format":    "1994-11-06T08:49:37Z",
		"a date in another zone":      "Sun, 06 Nov 1994 08:49:37 CET",
		"an old date in another zone": "Sunday, 06-Nov-94 08:49:37 CET",
		"a date that does not exist":  "Sun, 31 Feb 1994 08:49:37 GMT",
		"a date with junk after it":   "Sun, 06 Nov 1994 08:49:37 GMT;",
		"a date with endless digits":  "Sun, 06 Nov 1994 08:49:37." + strings.Repeat("0", 1000) + " GMT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := retryafter.Parse(value, now()); ok || got != 0 {
				t.Errorf("%q: got %v, %t, want 0, false", value, got, ok)
			}
		})
	}
}

func TestRetryAfterLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines []string
		want  time.Duration
		ok    bool
	}{
		"no line asks for no wait":         {nil, 0, false},
		"an invalid line asks for no wait": {[]string{"soon"}, 0, false},
		"zero is a wait":                   {[]string{"0"}, 0, true},
		"invalid lines are ignored":        {[]string{"soon", "7"}, 7 * time.Second, true},
		"the longest wait counts":          {[]string{"7", "Sun, 06 Nov 1994 08:49:37 GMT", "0"}, 37 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := retryafter.FromResponse(&http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": test.lines}}, now())
			if got != test.want || ok != test.ok {
				t.Errorf("got %v, %t, want %v, %t", got, ok, test.want, test.ok)
			}
		})
	}
}
