package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ownCode = `{"errors":[{"code":"UNAVAILABLE"}]}`

func TestWhichResponsesAreRetried(t *testing.T) {
	t.Parallel()
	const always, repeatable, never = "always", "if repeatable", "never"
	for _, test := range []struct {
		status    int
		body      string
		after     string // Retry-After
		retried   string
		ambiguous bool
	}{
		{status: 400, retried: never},
		{status: 401, retried: never},
		{status: 403, retried: never},
		{status: 404, retried: never},
		{status: 405, retried: never},
		{status: 408, retried: repeatable},
		{status: 409, retried: never},
		{status: 425, retried: repeatable},
		{status: 429, retried: always},
		{status: 429, after: "1", retried: always},
		{status: 429, after: "61", retried: never},
		{status: 500, retried: repeatable, ambiguous: true},
		{status: 500, body: ownCode, retried: repeatable, ambiguous: true},
		{status: 501, retried: never},
		{status: 502, retried: repeatable, ambiguous: true},
		{status: 503, retried: repeatable, ambiguous: true},
		{status: 503, body: ownCode, retried: always},
		{status: 503, after: "1", retried: repeatable},
		{status: 504, retried: repeatable, ambiguous: true},
		{status: 505, retried: never},
		{status: 507, retried: never},
		{status: 520, retried: repeatable, ambiguous: true},
		{status: 524, retried: repeatable, ambiguous: true},
		{status: 599, retried: repeatable, ambiguous: true},
	} {
		t.Run(fmt.Sprintf("%d %q after %q is retried %s", test.status, test.body, test.after, test.retried), func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]*Request{"repeatable": get(), "not repeatable": untag()} {
				synctest.Test(t, func(t *testing.T) {
					var fields []string
					if test.after != "" {
						fields = []string{"Retry-After", test.after}
					}
					s := newServer(respond(test.status, test.body, fields...))
					f := refuse(t, t.Context(), newClient(s), r)
					want := 1
					if test.retried == always || test.retried == repeatable && r.Repeatable {
						want = 4
					}
					if f.Attempts != want || len(s.requests()) != want {
						t.Errorf("%s: %d attempts, %d requests, want %d", name, f.Attempts, len(s.requests()), want)
					}
					if f.Ambiguous != test.ambiguous || f.StatusCode != test.status || f.Err != nil || string(f.Body) != test.body || !f.Whole {
						t.Errorf("%s: %+v", name, f)
					}
				})
			}
		})
	}
}

func TestWhichErrorsAreRetried(t *testing.T) {
	t.Parallel()
	const always, repeatable, never = "always", "if repeatable", "never"
	for _, test := range []struct {
		rule      string
		err       error
		retried   string
		ambiguous bool
	}{
		{"a refused connection", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, always, false},
		{"a proxy that does not connect", &net.OpError{Op: "proxyconnect", Err: errReset}, always, false},
		{"a name server that fails for now", &net.DNSError{IsTemporary: true}, always, false},
		{"a host that does not exist", &net.DNSError{IsNotFound: true}, never, false},
		{"a host that does not exist, in a dial", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, never, false},
		{"a certificate that is not trusted", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, never, false},
		{"a server that does not speak TLS", tls.RecordHeaderError{Msg: "no TLS"}, never, false},
		{"plain http", http.ErrSchemeMismatch, never, false},
		{"a reset connection", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, repeatable, true},
		{"a broken pipe", &net.OpError{Op: "write", Err: syscall.EPIPE}, repeatable, true},
		{"the end of the connection", io.EOF, repeatable, true},
		{"an unknown error", errReset, repeatable, true},
		{"a context of the transport's own", context.Canceled, repeatable, true},
	} {
		t.Run(test.rule+" is retried "+test.retried, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]*Request{"repeatable": get(), "not repeatable": untag()} {
				synctest.Test(t, func(t *testing.T) {
					s := newServer(fail(test.err))
					f := refuse(t, t.Context(), newClient(s), r)
					want := 1
					if test.retried == always || test.retried == repeatable && r.Repeatable {
						want = 4
					}
					if f.Attempts != want || len(s.requests()) != want {
						t.Errorf("%s: %d attempts, %d requests, want %d", name, f.Attempts, len(s.requests()), want)
					}
					if f.Ambiguous != test.ambiguous || f.StatusCode != 0 || f.Canceled || !errors.Is(f.Err, test.err) {
						t.Errorf("%s: %+v", name, f)
					}
				})
			}
		})
	}
}

func TestAnAmbiguousAttemptIsRemembered(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		steps []step
		want  bool
	}{
		{"by a refusal after it", []step{respond(502, ""), respond(404, "")}, true},
		{"by a failed dial after it", []step{fail(errReset), fail(&net.DNSError{IsNotFound: true})}, true},
		{"but a rate limit before a refusal is none", []step{respond(429, ""), respond(404, "")}, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := refuse(t, t.Context(), newClient(newServer(test.steps...)), get())
				if f.Ambiguous != test.want || f.Attempts != 2 {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

// The waits are drawn at random; these are the least and the most.
func TestWaitsWithFullJitter(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, test := range []struct {
		rule        string
		min, max    time.Duration
		least, most []time.Duration
	}{
		{"the span doubles up to the longest wait", 250 * ms, 10 * time.Second,
			[]time.Duration{250 * ms, 250 * ms, 250 * ms, 250 * ms, 250 * ms, 250 * ms, 250 * ms},
			[]time.Duration{500 * ms, 750 * ms, 1250 * ms, 2250 * ms, 4250 * ms, 8250 * ms, 10 * time.Second}},
		{"without a shortest wait the first span is 100 ms", 0, time.Second,
			[]time.Duration{0, 0, 0, 0, 0, 0, 0},
			[]time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, time.Second, time.Second, time.Second}},
		{"a shortest wait that is the longest is the wait", 2 * time.Second, 2 * time.Second,
			[]time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second},
			[]time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}},
		{"no wait at all", 0, 0, []time.Duration{0, 0}, []time.Duration{0, 0}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for _, draw := range []struct {
				want   []time.Duration
				random func(n int64) int64
			}{
				{test.least, func(int64) int64 { return 0 }},
				{test.most, func(n int64) int64 { return n - 1 }},
			} {
				synctest.Test(t, func(t *testing.T) {
					s := newServer(respond(500, ""))
					c := newClient(s, withRetries(func(r *Retries) {
						*r = Retries{Max: len(draw.want), WaitMin: test.min, WaitMax: test.max, Budget: time.Hour}
					}))
					c.random = draw.random
					refuse(t, t.Context(), c, get())
					if diff := cmp.Diff(draw.want, waits(s)); diff != "" {
						t.Errorf("waits (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

// waits are the times between requests.
func waits(s *server) []time.Duration {
	waits := []time.Duration{}
	times := s.times()
	for i := 1; i < len(times); i++ {
		waits = append(waits, times[i]-times[i-1])
	}
	return waits
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		rule     string
		after    func() string
		deadline time.Duration // of the context; 0 for none
		wait     time.Duration
		returned time.Duration // if there is no retry
	}{
		{rule: "seconds are waited for", after: func() string { return "7" }, wait: 7 * time.Second},
		{rule: "a date is waited for", after: func() string { return date(9 * time.Second) }, wait: 9 * time.Second},
		{rule: "a date in the past is no wait of its own", after: func() string { return date(-time.Hour) }, wait: 2 * time.Second},
		{rule: "no wait is shorter than the shortest", after: func() string { return "1" }, wait: 2 * time.Second},
		{rule: "zero asks for nothing", after: func() string { return "0" }, wait: 2 * time.Second},
		{rule: "what cannot be parsed asks for nothing", after: func() string { return "soon" }, wait: 2 * time.Second},
		{rule: "the longest is waited for", after: func() string { return "60" }, wait: time.Minute},
		{rule: "a longer one is returned", after: func() string { return "61" }, returned: 61 * time.Second},
		{rule: "one beyond the deadline is returned", after: func() string { return "7" }, deadline: 6 * time.Second, returned: 7 * time.Second},
		{rule: "one that ends with the deadline is waited for", after: func() string { return "7" }, deadline: 7*time.Second + 1, wait: 7 * time.Second},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(test.rule, " after ", status), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newServer(respond(status, ownCode, "Retry-After", test.after()), respond(404, ""))
					c := newClient(s, withRetries(func(r *Retries) { r.WaitMin, r.WaitMax = 2*time.Second, 2*time.Second }))
					ctx := t.Context()
					if test.deadline > 0 {
						ctx = within(t, test.deadline)
					}
					f := refuse(t, ctx, c, untag())
					want := []time.Duration{0}
					if test.returned == 0 {
						want = append(want, test.wait)
					}
					if diff := cmp.Diff(want, s.times()); diff != "" {
						t.Errorf("times (-want +got):\n%s", diff)
					}
					if f.RetryAfter != test.returned || f.Canceled {
						t.Errorf("%+v", f)
					}
				})
			})
		}
	}
}

func TestTheBudgetBoundsTheStartOfTheLastAttempt(t *testing.T) {
	t.Parallel()
	const s = time.Second
	slow := func(d time.Duration) step {
		return func(req *http.Request) (*http.Response, error) {
			time.Sleep(d)
			return respond(500, "")(req)
		}
	}
	for _, test := range []struct {
		rule   string
		budget time.Duration
		step   step
		want   []time.Duration
	}{
		{"waits within it are not shortened", 30 * s, respond(500, ""), []time.Duration{0, 10 * s, 20 * s, 30 * s}},
		{"the last wait is shortened", 25 * s, respond(500, ""), []time.Duration{0, 10 * s, 20 * s, 25 * s}},
		{"a slow attempt uses it up", 25 * s, slow(30 * s), []time.Duration{0}},
		{"zero means no retries", 0, respond(500, ""), []time.Duration{0}},
		{"a Retry-After is not shortened", 19 * s, respond(429, "", "Retry-After", "20"), []time.Duration{0}},
		{"a Retry-After that ends with it is waited for", 20 * s, respond(429, "", "Retry-After", "20"), []time.Duration{0, 20 * s}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := newServer(test.step)
				c := newClient(server, withRetries(func(r *Retries) { r.WaitMin, r.WaitMax, r.Budget = 10*s, 10*s, test.budget }))
				refuse(t, t.Context(), c, get())
				if diff := cmp.Diff(test.want, server.times()); diff != "" {
					t.Errorf("times (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestNoRetries(t *testing.T) {
	t.Parallel()
	s := newServer(respond(500, ""))
	f := refuse(t, t.Context(), newClient(s, withRetries(func(r *Retries) { r.Max = 0 })), get())
	if f.Attempts != 1 || len(s.requests()) != 1 {
		t.Errorf("%+v", f)
	}
}

func TestAClientRetriesOneInTenRequestsAndTwentyBeyondThat(t *testing.T) {
	t.Parallel()
	const calls = 1000
	s := newServer(respond(500, ""))
	c := newClient(s, withRetries(func(r *Retries) { atOnce(r); r.Max = 1 }))
	for range calls {
		refuse(t, t.Context(), c, get())
	}
	retries := len(s.requests()) - calls
	if most := calls/10 + retryReserve; retries > most || retries < most-10 {
		t.Errorf("%d retries, want about %d at most", retries, most)
	}
}

func TestTheAllowanceIsEarnedBack(t *testing.T) {
	t.Parallel()
	s := newServer(respond(500, ""))
	c := newClient(s, withRetries(func(r *Retries) { atOnce(r); r.Max = 1000 }))
	if f := refuse(t, t.Context(), c, get()); f.Attempts != 1+retryReserve {
		t.Errorf("%d attempts of the first request", f.Attempts)
	}
	s.steps = []step{respond(200, "")}
	for range retryReserve * retryShare {
		succeed(t, c, get())
	}
	s.steps = []step{respond(500, "")}
	if f := refuse(t, t.Context(), c, get()); f.Attempts != 1+retryReserve {
		t.Errorf("%d attempts after %d requests without a retry", f.Attempts, retryReserve*retryShare)
	}
}

func TestTheEndOfTheContextEndsACall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule      string
		step      step
		status    int
		ambiguous bool
	}{
		{"in the wait for the next attempt", respond(500, ""), 500, true},
		{"in the wait that the server asked for", respond(429, "", "Retry-After", "20"), 429, false},
		{"before the response", hang, 0, true},
		{"together with the response", func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return respond(500, "")(req)
		}, 500, true},
		{"in the middle of a refusal's body", func(req *http.Request) (*http.Response, error) {
			resp, err := respond(403, "")(req)
			resp.Body = untilDone{req.Context()}
			return resp, err
		}, 403, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer(test.step)
				c := newClient(s, withRetries(func(r *Retries) { r.WaitMin, r.WaitMax = 10*time.Second, 10*time.Second }))
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				f := refuse(t, ctx, c, get())
				if took := time.Since(start); took != time.Second {
					t.Errorf("it took %v", took)
				}
				if !f.Canceled || !errors.Is(f.Err, context.Canceled) || f.Attempts != 1 || f.StatusCode != test.status || f.Ambiguous != test.ambiguous {
					t.Errorf("%+v", f)
				}
				if len(s.requests()) != 1 {
					t.Errorf("requests %q", s.lines())
				}
			})
		})
	}
}

// untilDone is a body that ends with its context.
type untilDone struct{ ctx context.Context }

func (b untilDone) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func (untilDone) Close() error { return nil }

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newServer(respond(200, ""))
	f := refuse(t, ctx, newClient(s), get())
	if diff := cmp.Diff(&Failure{Canceled: true, Err: context.Canceled}, f, sameErrors); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
	if len(s.requests()) != 0 {
		t.Errorf("requests %q", s.lines())
	}
}

// sameErrors compares errors by identity.
var sameErrors = cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) })
