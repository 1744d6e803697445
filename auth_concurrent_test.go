package regret_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestConcurrentCallersFetchOneToken(t *testing.T) {
	t.Parallel()
	for name, revoked := range map[string]bool{"without a token": false, "after the token was revoked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, gate := newPlatform(), make(chan struct{})
				c := p.client(t)
				if revoked {
					wantErr(t, resolve(t, c))
					p.tokens.RevokeAll()
					p.Network.ResetLog()
					p.tokens.ResetLog()
				}
				p.tokens.Intercept(0, fakeregistry.On("", "/"), blockUntil(gate))
				var wg sync.WaitGroup
				for range 64 {
					wg.Go(func() { wantErr(t, resolve(t, c)) })
				}
				synctest.Wait()
				close(gate)
				wg.Wait()
				if got := len(p.tokens.Requests()); got != 1 {
					t.Errorf("%d token requests, want 1", got)
				}
				if got := len(p.Network.Requests()); got > 64+1+64 {
					t.Errorf("%d requests, want at most %d", got, 64+1+64)
				}
			})
		})
	}
}

func TestWaiterTakesOverTokenRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		p.tokens.Intercept(1, fakeregistry.On("", "/"), fakeregistry.Hang())
		c := p.client(t, regret.WithRetries(regret.Retries{})) // the waiters must not need a retry
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.ResolveDigest(ctx, repo, "v1")
			wantErr(t, err, context.Canceled)
		})
		synctest.Wait()
		for range 8 {
			wg.Go(func() { wantErr(t, resolve(t, c)) })
		}
		synctest.Wait()
		if got := len(p.tokens.Requests()); got != 1 {
			t.Errorf("%d token requests before the cancellation, want 1", got)
		}
		cancel()
		wg.Wait()
		if got := len(p.tokens.Requests()); got != 2 {
			t.Errorf("%d token requests, want 2", got)
		}
	})
}

func TestWaitersKeepTheirOwnDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
		c := p.client(t)
		start := time.Now()
		leader, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.ResolveDigest(leader, repo, "v1")
			wantErr(t, err, context.Canceled)
		})
		synctest.Wait()
		for i := range 5 {
			wg.Go(func() {
				timeout := time.Duration(i+1) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_, err := c.ResolveDigest(ctx, repo, "v1")
				wantErr(t, err, context.DeadlineExceeded)
				if took := time.Since(start); took != timeout {
					t.Errorf("it took %s, want %s", took, timeout)
				}
			})
		}
		<-time.After(10 * time.Second)
		cancel()
		wg.Wait()
	})
}

func TestWaiterWithMoreTimeWaitsLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		slow := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) {
			<-time.After(2 * time.Second)
			return credentials.Credential{Username: account, Password: password}, nil
		})
		c := newClient(t, p, regret.WithCredentials(slow), regret.WithTrustedRealm(authURL))
		p.registry.PutImage("team/other", "hello", "v1")
		p.tokens.Intercept(1, fakeregistry.On("", "/"), fakeregistry.Answer(429, map[string]string{"Retry-After": "30"}, ""))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
			wantErr(t, err)
		})
		<-time.After(time.Second) // this call sends its first request before the call above gets the 429
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := c.ResolveDigest(ctx, repo, "v1")
			wantErr(t, err, regret.ErrRateLimited)
		})
		synctest.Wait()
		wg.Go(func() { wantErr(t, resolve(t, c)) })
		wg.Wait()
	})
}

func TestWaitersShareAFailure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
	}{
		{"an error of the source reaches every waiter", errors.New("the vault is sealed")},
		{"the source's own time-out reaches every waiter, although no caller has a deadline", context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, gate := newPlatform(), make(chan struct{})
				var calls atomic.Int32
				source := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) {
					calls.Add(1)
					<-gate
					return credentials.Credential{}, tt.err
				})
				c := newClient(t, p, regret.WithCredentials(source), regret.WithTrustedRealm(authURL))
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() { wantErr(t, resolve(t, c), regret.ErrUnauthorized, tt.err) })
				}
				synctest.Wait()
				close(gate)
				wg.Wait()
				if calls.Load() != 1 || len(p.tokens.Requests()) != 0 {
					t.Errorf("the source was called %d times, the token service %d times", calls.Load(), len(p.tokens.Requests()))
				}
			})
		})
	}
}

func TestCredentialSourcePanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, gate := newPlatform(), make(chan struct{})
		var calls atomic.Int32
		c := newClient(t, p, regret.WithTrustedRealm(authURL), regret.WithCredentials(credentials.Func(
			func(context.Context, string, string) (credentials.Credential, error) {
				if calls.Add(1) == 1 {
					<-gate
					panic("boom")
				}
				return credentials.Credential{Username: account, Password: password}, nil
			})))
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not reach the caller")
				}
			}()
			_, err := c.ResolveDigest(t.Context(), repo, "v1")
			t.Errorf("the call returned: %v", err)
		})
		synctest.Wait()
		// This caller waits for the one that panics, and then calls the source itself.
		wg.Go(func() { wantErr(t, resolve(t, c)) })
		synctest.Wait()
		close(gate)
		wg.Wait()
	})
}
