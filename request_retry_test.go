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
	repeated := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true, 520: true, 524: true, 599: true}
	for _, status := range []int{
		400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428,
		429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 524, 599,
	} {
		want, rule := 1, "is the answer"
		if repeated[status] {
			want, rule = 4, "is repeated three times"
		}
		t.Run(fmt.Sprint(status, " ", rule), func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("GET", "/v2/"), fakeregistry.Answer(status, nil, ""))
			err := newClient(t, reg).Ping(t.Context())
			e := wantRegretError(t, err)
			if e.StatusCode != status || e.Attempts != want {
				t.Errorf("%+v", e)
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
		{"never, if no repetition is allowed", 0, 1},
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
	const free = time.Second // what a wait takes that nobody asked for
	for _, test := range []struct {
		rule   string
		faults []step
		took   time.Duration
	}{
		{"7 twice takes exactly 14 s", []step{{2, "", withRetryAfter(429, "7")}}, 14 * time.Second},
		{"7 of a 503 twice takes exactly 14 s", []step{{2, "", withRetryAfter(503, "7")}}, 14 * time.Second},
		{"a date in 9 s takes exactly 9 s", []step{{1, "", withRetryAfter(429, "Sat, 01 Jan 2000 00:00:09 GMT")}}, 9 * time.Second},
		{"the cap itself is waited for", []step{{1, "", withRetryAfter(429, "60")}}, time.Minute},
		{"the longer of two counts", []step{{1, "", withRetryAfter(429, "3", "5")}}, 5 * time.Second},
		{"less than the least wait is the least wait", []step{{1, "", withRetryAfter(429, "0")}}, free},
		{"a date that has passed is the least wait", []step{{1, "", withRetryAfter(429, "Fri, 31 Dec 1999 00:00:00 GMT")}}, free},
		{"a negative one is the least wait", []step{{1, "", withRetryAfter(429, "-5")}}, free},
		{"nonsense is the least wait", []step{{1, "", withRetryAfter(429, "soon")}}, free},
		{"without it there is the least wait", []step{{2, "", withRetryAfter(429)}}, 2 * free},
		{"every failure has its own wait", []step{{1, "", withRetryAfter(429, "7")}, {1, "", withRetryAfter(503)}, {1, "", withRetryAfter(503, "2")}}, 7*time.Second + free + 2*time.Second},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				play(reg, test.faults...)
				c := newClient(t, reg, withConstantWait(free))
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
		{"a second more than the cap", "61", time.Hour, 61 * time.Second},
		{"a day", "86400", 100 * time.Hour, 24 * time.Hour},
		{"a day, as a date", "Sun, 02 Jan 2000 00:00:00 GMT", 100 * time.Hour, 24 * time.Hour},
		{"more than a duration can be", "9223372036854775807", time.Hour, 1<<63 - 1},
		{"what overflows when it is nanoseconds", "9223372037", time.Hour, 1<<63 - 1},
		{"the year 9999", "Fri, 31 Dec 9999 23:59:59 GMT", time.Hour, 1<<63 - 1},
		{"beyond the deadline", "7", 6 * time.Second, 7 * time.Second},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, status := range []int{429, 503} { // TOOMANYREQUESTS, both
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
						t.Errorf("%d requests", n)
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
		spans       []time.Duration // beyond the least
	}{
		{"by default", 250 * time.Millisecond, 10 * time.Second, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}},
		{"up to the longest", time.Second, 2500 * time.Millisecond, []time.Duration{time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond}},
		{"from nothing", 0, time.Second, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}},
		{"unless both are the same", time.Second, time.Second, []time.Duration{0, 0, 0}},
		{"and never overflow", 100 * time.Hour, 1<<63 - 1, []time.Duration{100 * time.Hour, 200 * time.Hour, 400 * time.Hour}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var total time.Duration
				for range 5 {
					total += measureWaits(t, test.least, test.most, test.spans)
				}
				if total == 0 && test.spans[0] > 0 {
					t.Error("no wait was longer than the least")
				}
			})
		})
	}
}

// waits lets a request fail until it is given up, and wants each wait to be
// the least and at most its span more. It returns what they were more.
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
		{"nothing is sent after it", time.Minute, failing(500, ""), 2 * time.Minute, 3, 2 * time.Minute},
		{"a Retry-After is never shortened", time.Second, withRetryAfter(429, "50"), 2 * time.Minute, 3, 100 * time.Second},
		{"a Retry-After may use all of it", time.Second, withRetryAfter(429, "60"), 2 * time.Minute, 3, 2 * time.Minute},
		{"without one there is no repetition", time.Second, failing(500, ""), 0, 1, 0},
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
		"and saves nothing up in good times beyond what it had at first": 1000,
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
			// The first call earns nothing: it finds all there is.
			if got, want := len(reg.Requests())-calls, 20+(calls-1)/10; got != want {
				t.Errorf("%d repetitions of %d calls, want %d", got, calls, want)
			}
		})
	}
}
