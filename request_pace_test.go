package regret_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestConcurrentRequestsWaitForRetryAfter(t *testing.T) {
	t.Parallel()
	t.Run("all requests wait until Retry-After is over", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg)
			reg.Intercept(1, fakeregistry.On("HEAD", "/"), fakeregistry.Answer(429, map[string]string{"Retry-After": "5"}, ""))
			var wg sync.WaitGroup
			start := time.Now()
			for range 8 {
				wg.Go(func() {
					<-time.After(time.Millisecond) // these calls begin during the wait of the first
					wantErr(t, resolve(t, c))
					if took := time.Since(start); took < 5*time.Second {
						t.Errorf("a request was sent after %s", took)
					}
				})
			}
			wantErr(t, resolve(t, c))
			wg.Wait()
		})
	})
	t.Run("a shorter Retry-After does not shorten a longer one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg)
			gates := map[string]chan struct{}{"5": make(chan struct{}), "30": make(chan struct{})}
			for seconds, gate := range gates {
				reg.Intercept(1, fakeregistry.On("HEAD", "/"), func(w http.ResponseWriter, req *http.Request) bool {
					blockUntil(gate)(w, req)
					return fakeregistry.Answer(429, map[string]string{"Retry-After": seconds}, "")(w, req)
				})
			}
			var wg sync.WaitGroup
			start := time.Now()
			for range 2 {
				wg.Go(func() {
					wantErr(t, resolve(t, c))
					if took := time.Since(start); took < 30*time.Second {
						t.Errorf("a request was sent after %s", took)
					}
				})
			}
			for _, seconds := range []string{"30", "5"} {
				synctest.Wait()
				close(gates[seconds])
			}
			wg.Wait()
		})
	})
	t.Run("a call does not wait beyond its deadline or cancellation", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg)
			reg.Intercept(1, fakeregistry.On("HEAD", "/"), fakeregistry.Answer(429, map[string]string{"Retry-After": "30"}, ""))
			var wg sync.WaitGroup
			wg.Go(func() { wantErr(t, resolve(t, c)) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			e := wantErr(t, c.Untag(ctx, repo, "v1"), regret.ErrRateLimited)
			if e.RetryAfter != 30*time.Second || time.Since(start) != 0 {
				t.Errorf("the call returned after %s with a Retry-After of %s", time.Since(start), e.RetryAfter)
			}
			cancelled, cancelNow := context.WithCancel(t.Context())
			wg.Go(func() { wantErr(t, c.Untag(cancelled, repo, "v1"), context.Canceled) })
			synctest.Wait()
			cancelNow()
			wg.Wait()
			if writes := reg.Writes(); len(writes) != 0 {
				t.Errorf("writes %v, want none", writes)
			}
		})
	})
}

// newHeldBackClient returns a client that received a Retry-After of 7 s one second ago, its
// registry with an empty log, and the first call, which may still wait.
func newHeldBackClient(t *testing.T, opts ...regret.Option) (*fakeregistry.Registry, *regret.Client, *sync.WaitGroup) {
	t.Helper()
	reg := fakeregistry.New()
	reg.PutImage(repo, "hello", "v1")
	play(reg, step{1, "", withRetryAfter(429, "7")})
	c := newClient(t, reg, append([]regret.Option{withConstantWait(time.Second)}, opts...)...)
	var first sync.WaitGroup
	first.Go(func() {
		err := c.Ping(t.Context())
		if err != nil && len(opts) == 0 {
			t.Errorf("the first call failed: %v", err)
		}
	})
	<-time.After(time.Second)
	reg.ResetLog()
	return reg, c, &first
}

func TestRetryAfterHoldsBackOtherCalls(t *testing.T) {
	t.Parallel()
	never := regret.DefaultRetries()
	never.Max = 0
	for _, test := range []struct {
		rule string
		opts []regret.Option
		call func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client)
	}{
		{"other calls of the client wait too", nil, func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client) {
			wantDuration(t, 6*time.Second, func() { wantErr(t, c.Untag(t.Context(), repo, "v1")) })
		}},
		{"other calls wait even if the first call does not retry", []regret.Option{regret.WithRetries(never)},
			func(t *testing.T, _ *fakeregistry.Registry, c *regret.Client) {
				wantDuration(t, 6*time.Second, func() { wantErr(t, c.Ping(t.Context())) })
			}},
		{"a call with an earlier deadline fails at once", nil, func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client) {
			ctx, cancel := withTimeout(t, 5*time.Second)
			defer cancel()
			wantDuration(t, 0, func() {
				e := wantErr(t, c.Ping(ctx), regret.ErrRateLimited)
				if e.RetryAfter != 6*time.Second {
					t.Errorf("Retry-After is %v, want 6s", e.RetryAfter)
				}
			})
			wantRequests(t, reg)
		}},
		{"a canceled call returns at once", nil, func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(2*time.Second, cancel)
			wantDuration(t, 2*time.Second, func() {
				err := c.Untag(ctx, repo, "v1")
				wantErr(t, err, context.Canceled)
				wantNot(t, err, regret.ErrOutcomeUnknown, regret.ErrUnavailable)
			})
			wantRequests(t, reg)
		}},
		{"another client does not wait", nil, func(t *testing.T, reg *fakeregistry.Registry, _ *regret.Client) {
			wantDuration(t, 0, func() { wantErr(t, newClient(t, reg).Ping(t.Context())) })
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg, c, first := newHeldBackClient(t, test.opts...)
				test.call(t, reg, c)
				first.Wait()
			})
		})
	}
}

func TestTooLongRetryAfterHoldsBackNoOtherCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.New()
		play(reg, step{1, "", withRetryAfter(429, "3600")})
		c := newClient(t, reg)
		wantErr(t, c.Ping(t.Context()), regret.ErrRateLimited)
		wantDuration(t, 0, func() { wantErr(t, c.Ping(t.Context())) })
	})
}

func TestRequestsAreSentAtTheRateOfTheOption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.New()
		reg.PutImage(repo, "hello", "v1")
		c := newClient(t, reg, regret.WithRequestRate(4))
		var wg sync.WaitGroup
		start := time.Now()
		for range 9 { // the first is sent at once
			wg.Go(func() { wantErr(t, resolve(t, c)) })
		}
		wg.Wait()
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("nine requests took %s", took)
		}
	})
}
