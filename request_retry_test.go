package regret_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestRetriedStatusCodes(t *testing.T) {
	t.Parallel()
	retried := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true, 520: true, 524: true, 599: true}
	for _, status := range []int{
		400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428,
		429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 524, 599,
	} {
		want, rule := 1, "is not retried"
		if retried[status] {
			want, rule = 4, "is retried three times"
		}
		t.Run(fmt.Sprint(status, " ", rule), func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(status, nil, ""))
			err := newClient(t, reg).Ping(t.Context())
			e := wantRegretError(t, err)
			if e.StatusCode != status || e.Attempts != want {
				t.Errorf("status %d after %d attempts, want %d after %d", e.StatusCode, e.Attempts, status, want)
			}
			if n := len(reg.Requests()); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
		})
	}
}

func TestNumberOfRetries(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		max  int
		want int
	}{
		{"never, if no retry is allowed", 0, 1},
		{"once", 1, 2},
		{"as often as allowed", 7, 8},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/v2/"), fakeregistry.Answer(500, nil, ""))
			retries := regret.DefaultRetries()
			retries.Max, retries.WaitMin, retries.WaitMax = test.max, 0, 0
			wantErr(t, newClient(t, reg, regret.WithRetries(retries)).Ping(t.Context()), regret.ErrUnavailable)
			if n := len(reg.Requests()); n != test.want {
				t.Errorf("%d requests, want %d", n, test.want)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	const least = time.Second // the wait without a Retry-After
	for _, test := range []struct {
		rule  string
		steps []step
		took  time.Duration
	}{
		{"7 twice takes exactly 14 s", []step{{2, "", withRetryAfter(429, "7")}}, 14 * time.Second},
		{"7 of a 503 twice takes exactly 14 s", []step{{2, "", withRetryAfter(503, "7")}}, 14 * time.Second},
		{"a date in 9 s takes exactly 9 s", []step{{1, "", withRetryAfter(429, "Sat, 01 Jan 2000 00:00:09 GMT")}}, 9 * time.Second},
		{"a value of the maximum is waited for", []step{{1, "", withRetryAfter(429, "60")}}, time.Minute},
		{"the longer of two values counts", []step{{1, "", withRetryAfter(429, "3", "5")}}, 5 * time.Second},
		{"a value below the minimum wait means the minimum wait", []step{{1, "", withRetryAfter(429, "0")}}, least},
		{"a date in the past means the minimum wait", []step{{1, "", withRetryAfter(429, "Fri, 31 Dec 1999 00:00:00 GMT")}}, least},
		{"a negative value means the minimum wait", []step{{1, "", withRetryAfter(429, "-5")}}, least},
		{"an invalid value means the minimum wait", []step{{1, "", withRetryAfter(429, "soon")}}, least},
		{"no value means the minimum wait", []step{{2, "", withRetryAfter(429)}}, 2 * least},
		{"every failure has its own wait", []step{{1, "", withRetryAfter(429, "7")}, {1, "", withRetryAfter(503)}, {1, "", withRetryAfter(503, "2")}}, 7*time.Second + least + 2*time.Second},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				play(reg, test.steps...)
				c := newClient(t, reg, withConstantWait(least))
				wantDuration(t, test.took, func() { wantErr(t, c.Ping(t.Context())) })
			})
		})
	}
}

func TestTooLongRetryAfterIsReturnedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule     string
		value    string
		deadline time.Duration
		want     time.Duration
	}{
		{"a second more than the maximum", "61", time.Hour, 61 * time.Second},
		{"a day", "86400", 100 * time.Hour, 24 * time.Hour},
		{"a day, as a date", "Sun, 02 Jan 2000 00:00:00 GMT", 100 * time.Hour, 24 * time.Hour},
		{"the maximum int64", "9223372036854775807", time.Hour, 1<<63 - 1},
		{"a value that overflows in nanoseconds", "9223372037", time.Hour, 1<<63 - 1},
		{"the year 9999", "Fri, 31 Dec 9999 23:59:59 GMT", time.Hour, 1<<63 - 1},
		{"beyond the deadline", "7", 6 * time.Second, 7 * time.Second},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, status := range []int{429, 503} { // both with the code TOOMANYREQUESTS
					reg := fakeregistry.New()
					reg.Intercept(0, fakeregistry.On("", "/"), withRetryAfter(status, test.value)(reg))
					c := newClient(t, reg, withConstantWait(time.Second))
					ctx, cancel := withTimeout(t, test.deadline)
					defer cancel()
					wantDuration(t, 0, func() {
						e := wantErr(t, c.Ping(ctx), regret.ErrRateLimited)
						if e.RetryAfter != test.want || e.Attempts != 1 {
							t.Errorf("Retry-After is %v after %d attempts, want %v", e.RetryAfter, e.Attempts, test.want)
						}
					})
					if n := len(reg.Requests()); n != 1 {
						t.Errorf("%d requests, want 1", n)
					}
				}
			})
		})
	}
}

func TestBackOffDoublesWithJitter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule        string
		least, most time.Duration
		spans       []time.Duration // how much longer than least each wait may be
	}{
		{"by default", 250 * time.Millisecond, 10 * time.Second, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}},
		{"up to the maximum", time.Second, 2500 * time.Millisecond, []time.Duration{time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond}},
		{"from zero", 0, time.Second, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}},
		{"without jitter, if minimum and maximum are equal", time.Second, time.Second, []time.Duration{0, 0, 0}},
		{"without overflow", 100 * time.Hour, 1<<63 - 1, []time.Duration{100 * time.Hour, 200 * time.Hour, 400 * time.Hour}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var total time.Duration
				for range 5 {
					total += measureWaits(t, test.least, test.most, test.spans)
				}
				if total == 0 && test.spans[0] > 0 {
					t.Error("no wait was longer than the minimum")
				}
			})
		})
	}
}

// measureWaits lets all attempts of a call fail, and checks that each wait is between least
// and least plus its span. It returns the sum of what the waits exceed least.
func measureWaits(t *testing.T, least, most time.Duration, spans []time.Duration) (more time.Duration) {
	t.Helper()
	reg := fakeregistry.New()
	reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(500, nil, ""))
	var at []time.Time
	retries := regret.DefaultRetries()
	retries.WaitMin, retries.WaitMax, retries.Budget = least, most, 1<<63-1
	c := newClient(t, reg, regret.WithRetries(retries), regret.WithTrace(func(regret.Attempt) { at = append(at, time.Now()) }))
	wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable)
	if len(at) != len(spans)+1 {
		t.Fatalf("%d attempts, want %d", len(at), len(spans)+1)
	}
	for i, span := range spans {
		wait := at[i+1].Sub(at[i])
		if wait < least || wait > least+span {
			t.Errorf("wait %d is %v, want %v and at most %v more", i+1, wait, least, span)
		}
		more += wait - least
	}
	return more
}

func TestRetryBudgetLimitsStartOfLastAttempt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		wait   time.Duration
		fault  fault
		budget time.Duration
		sent   int
		took   time.Duration
	}{
		{"the last wait is shortened", 50 * time.Second, failing(500, ""), 2 * time.Minute, 4, 2 * time.Minute},
		{"nothing is sent after the budget", time.Minute, failing(500, ""), 2 * time.Minute, 3, 2 * time.Minute},
		{"a Retry-After is never shortened", time.Second, withRetryAfter(429, "50"), 2 * time.Minute, 3, 100 * time.Second},
		{"a Retry-After may use the whole budget", time.Second, withRetryAfter(429, "60"), 2 * time.Minute, 3, 2 * time.Minute},
		{"without a budget there is no retry", time.Second, failing(500, ""), 0, 1, 0},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				play(reg, step{0, "GET", test.fault})
				retries := regret.DefaultRetries()
				retries.Max, retries.Budget, retries.WaitMin, retries.WaitMax = 100, test.budget, test.wait, test.wait
				c := newClient(t, reg, regret.WithRetries(retries))
				wantDuration(t, test.took, func() {
					err := c.Ping(t.Context())
					wantRegretError(t, err)
				})
				if n := len(reg.Requests()); n != test.sent {
					t.Errorf("%d requests, want %d", n, test.sent)
				}
			})
		})
	}
}

func TestClientRetriesAtMostTenthOfRequests(t *testing.T) {
	t.Parallel()
	for rule, before := range map[string]int{
		"from the beginning": 0,
		"after a thousand successes, which add nothing to the initial allowance": 1000,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			c := newClient(t, reg)
			for range before {
				wantErr(t, c.Ping(t.Context()))
			}
			reg.ResetLog()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(500, nil, ""))
			const calls = 200
			for range calls {
				wantErr(t, c.Ping(t.Context()), regret.ErrUnavailable)
			}
			// The first call adds nothing, because the allowance is still full.
			if got, want := len(reg.Requests())-calls, 20+(calls-1)/10; got != want {
				t.Errorf("%d retries of %d calls, want %d", got, calls, want)
			}
		})
	}
}
