package retryafter_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

// later returns a time when Unix times have ten digits.
func later() time.Time { return time.Unix(1_800_000_000, 0) }

func TestLimits(t *testing.T) {
	t.Parallel()
	const unknown = time.Duration(-1)
	for name, test := range map[string]struct {
		header []string // names and values in turn
		want   time.Duration
	}{
		"zot":                                   {[]string{"Ratelimit-Limit", "2", "Ratelimit-Remaining", "0", "Ratelimit-Reset", "1", "X-Rate-Limit-Duration", "1"}, time.Second},
		"zot, with one request remaining":       {[]string{"Ratelimit-Remaining", "1", "Ratelimit-Reset", "1"}, unknown},
		"an older zot":                          {[]string{"X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Duration", "3"}, 3 * time.Second},
		"Docker Hub, for pulls":                 {[]string{"Ratelimit-Limit", "100;w=21600", "Ratelimit-Remaining", "0;w=21600"}, 6 * time.Hour},
		"Docker Hub, with one pull remaining":   {[]string{"Ratelimit-Remaining", "1;w=21600"}, unknown},
		"Docker Hub, with all remaining":        {[]string{"Ratelimit-Remaining", "100;w=21600"}, unknown},
		"Docker Hub, for its other API":         {[]string{"X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1800000060"}, time.Minute},
		"Docker Hub, formerly":                  {[]string{"X-Retry-After", "1800000030"}, 30 * time.Second},
		"Docker Hub, formerly, in milliseconds": {[]string{"X-Retry-After", "1800000030500"}, 30 * time.Second},
		"milliseconds":                          {[]string{"Ratelimit-Remaining", "0", "Ratelimit-Reset", "001800000060000"}, time.Minute},
		"GitHub":                                {[]string{"X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1799999999"}, 0},
		"Keppel":                                {[]string{"X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "7"}, 7 * time.Second},
		"the longest of several limits":         {[]string{"Ratelimit-Remaining", "0;w=3", "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "7"}, 7 * time.Second},
		"the longest window":                    {[]string{"Ratelimit-Remaining", "0;w=3;comment=x", "Ratelimit-Remaining", "00 ; w=9"}, 9 * time.Second},
		"a reset is preferred to a window":      {[]string{"Ratelimit-Remaining", "0;w=21600", "Ratelimit-Reset", "5"}, 5 * time.Second},
		"Retry-After is preferred to limits":    {[]string{"Retry-After", "2", "Ratelimit-Remaining", "0;w=21600"}, 2 * time.Second},
		"a limit if Retry-After is invalid":     {[]string{"Retry-After", "soon", "Ratelimit-Remaining", "0;w=4"}, 4 * time.Second},
		"an exhausted limit without a reset":    {[]string{"Ratelimit-Remaining", "0"}, unknown},
		"a window of zero":                      {[]string{"Ratelimit-Remaining", "0;w=0"}, unknown},
		"a window that is no number":            {[]string{"Ratelimit-Remaining", "0;w=-1"}, unknown},
		"a negative number remaining":           {[]string{"Ratelimit-Remaining", "-1", "Ratelimit-Reset", "1"}, unknown},
		"an empty number remaining":             {[]string{"Ratelimit-Remaining", "", "Ratelimit-Reset", "1"}, unknown},
		"a reset that is no number":             {[]string{"Ratelimit-Remaining", "0", "Ratelimit-Reset", "soon"}, unknown},
		"a reset that overflows":                {[]string{"Ratelimit-Remaining", "0", "Ratelimit-Reset", "99999999999999999999"}, 7_423_372_036 * time.Second},
		"a reset without a number remaining":    {[]string{"Ratelimit-Reset", "5"}, unknown},
		"no header":                             {nil, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for i := 0; i < len(test.header); i += 2 {
				header.Add(test.header[i], test.header[i+1])
			}
			got, ok := retryafter.FromResponse(&http.Response{StatusCode: http.StatusServiceUnavailable, Header: header}, later())
			if !ok {
				got = unknown
			}
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestFromResponse(t *testing.T) {
	t.Parallel()
	exhausted := http.Header{"Ratelimit-Remaining": {"0;w=60"}}
	for name, test := range map[string]struct {
		status int
		header http.Header
		want   time.Duration
		ok     bool
	}{
		"an exhausted limit and 429":              {429, exhausted, time.Minute, true},
		"an exhausted limit and 503":              {503, exhausted, time.Minute, true},
		"an exhausted limit and 404":              {404, exhausted, 0, false},
		"Retry-After with any status":             {500, http.Header{"Retry-After": {"7"}, "Ratelimit-Remaining": {"0;w=60"}}, 7 * time.Second, true},
		"429 alone":                               {429, nil, 0, false},
		"429 and a window":                        {429, http.Header{"X-Rate-Limit-Limit": {"2.00"}, "X-Rate-Limit-Duration": {"3"}}, 3 * time.Second, true},
		"429 and a reset":                         {429, http.Header{"X-Ratelimit-Reset": {"7"}}, 7 * time.Second, true},
		"429, a reset, and one remaining":         {429, http.Header{"X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": {"7"}}, 0, false},
		"429, and one remaining of another limit": {429, http.Header{"Ratelimit-Remaining": {"1;w=60"}, "X-Rate-Limit-Duration": {"3"}}, 0, false},
		"429, and an invalid number remaining":    {429, http.Header{"X-Ratelimit-Remaining": {"-1"}, "X-Ratelimit-Reset": {"7"}}, 0, false},
		"503 and a window":                        {503, http.Header{"X-Rate-Limit-Duration": {"3"}}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := retryafter.FromResponse(&http.Response{StatusCode: test.status, Header: test.header}, later())
			if got != test.want || ok != test.ok {
				t.Errorf("got %v, %t, want %v, %t", got, ok, test.want, test.ok)
			}
		})
	}
}

func FuzzLimits(f *testing.F) {
	for _, seed := range [][3]string{{"0", "1", "2"}, {"0;w=21600", "", ""}, {"0;w=99999999999999999999", "1800000000", "-1"}, {";;w", "0x1", "1e9"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, remaining, reset, again string) {
		header := http.Header{"Ratelimit-Remaining": {remaining}, "Ratelimit-Reset": {reset}, "X-Rate-Limit-Remaining": {remaining},
			"X-Rate-Limit-Duration": {again}, "X-Retry-After": {again}}
		wait, ok := retryafter.FromResponse(&http.Response{StatusCode: http.StatusServiceUnavailable, Header: header}, later())
		if wait < 0 || !ok && wait != 0 {
			t.Errorf("%v, %t", wait, ok)
		}
		if n, err := strconv.Atoi(remaining); err == nil && n > 0 && again == "" && ok {
			t.Errorf("%d remain, but the wait is %v", n, wait)
		}
	})
}
