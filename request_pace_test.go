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

func TestRequestsAreHeldTogether(t *testing.T) {
	t.Parallel()
	t.Run("until the last one's Retry-After is over", func(t *testing.T) {
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
					<-time.After(time.Millisecond) // all but the first come while it is held
					wantErr(t, resolve(t, c))
					if took := time.Since(start); took < 5*time.Second {
						t.Errorf("a request went out after %s", took)
					}
				})
			}
			wantErr(t, resolve(t, c))
			wg.Wait()
		})
	})
	t.Run("and a shorter one does not cut a longer one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg)
			gates := map[string]chan struct{}{"5": make(chan struct{}), "30": make(chan struct{})}
			for seconds, gate := range gates {
				reg.Intercept(1, fakeregistry.On("HEAD", "/"), func(w http.ResponseWriter, req *http.Request) bool {
					hold(gate)(w, req)
					return fakeregistry.Answer(429, map[string]string{"Retry-After": seconds}, "")(w, req)
				})
			}
			var wg sync.WaitGroup
			start := time.Now()
			for range 2 {
				wg.Go(func() {
					wantErr(t, resolve(t, c))
					if took := time.Since(start); took < 30*time.Second {
						t.Errorf("a request went out after %s", took)
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
	t.Run("but not beyond a deadline", func(t *testing.T) {
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
				t.Errorf("after %s: retry after %s", time.Since(start), e.RetryAfter)
			}
			cancelled, cancelNow := context.WithCancel(t.Context())
			wg.Go(func() { wantErr(t, c.Untag(cancelled, repo, "v1"), context.Canceled) })
			synctest.Wait()
			cancelNow()
			wg.Wait()
			if writes := reg.Writes(); len(writes) != 0 {
				t.Errorf("writes: %v", writes)
			}
		})
	})
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	limits := regret.DefaultLimits()
	limits.ReadTimeout, limits.WriteTimeout = 3*time.Second, 7*time.Second
	tests := []struct {
		name string
		call func(ctx context.Context, c *regret.Client) error
		took time.Duration
		kind error
	}{
		{"a read that is not answered in time is not available", func(ctx context.Context, c *regret.Client) error {
			return c.Ping(ctx)
		}, 3 * time.Second, regret.ErrUnavailable},
		{"a write is given its own time, and its outcome is not known", func(ctx context.Context, c *regret.Client) error {
			return c.Untag(ctx, repo, "v1")
		}, 7*time.Second + 3*time.Second, regret.ErrOutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg := fakeregistry.New()
				reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
				c := newClient(t, reg, regret.WithLimits(limits), regret.WithRetries(regret.Retries{}))
				start := time.Now()
				wantErr(t, tt.call(t.Context(), c), tt.kind)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %s, want %s", took, tt.took)
				}
			})
		})
	}
}

func TestAnswerThatComesTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := regret.DefaultLimits()
		limits.ReadTimeout = 3 * time.Second
		body := &flood{}
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			<-time.After(5 * time.Second) // whatever the context says
			resp := respond(req, 200, "")
			resp.Body = body
			return resp, nil
		}), regret.WithLimits(limits), regret.WithRetries(regret.Retries{}))
		err := c.Ping(t.Context())
		wantErr(t, err, regret.ErrUnavailable)
		wantText(t, err, "no response within the time-out")
		wantNot(t, err, context.Canceled)
		if !body.closed {
			t.Error("the answer was left open")
		}
	})
}
