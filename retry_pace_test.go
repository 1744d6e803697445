package regret_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// timeout is the context of a test with a deadline.
func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// slowedDown is a client that was told 1 s ago to wait for 7 s, and what its
// registry has seen since.
func slowedDown(t *testing.T, opts ...regret.Option) (*fakeregistry.Registry, *regret.Client, *sync.WaitGroup) {
	t.Helper()
	reg := fakeregistry.New()
	reg.PutImage(repo, "hello", "v1")
	play(reg, step{1, "", after(429, "7")})
	c := newClient(t, reg, append([]regret.Option{patiently(time.Second)}, opts...)...)
	var first sync.WaitGroup
	first.Go(func() {
		err := c.Ping(t.Context())
		if err != nil && len(opts) == 0 {
			t.Errorf("the first call: %v", err)
		}
	})
	<-time.After(time.Second)
	reg.ResetLog()
	return reg, c, &first
}

func TestARegistryThatAsksForTimeIsLeftAlone(t *testing.T) {
	t.Parallel()
	never := regret.DefaultRetries()
	never.Max = 0
	for _, test := range []struct {
		rule string
		opts []regret.Option
		call func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client)
	}{
		{"other calls of the client wait too", nil, func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client) {
			took(t, 6*time.Second, func() { wantErr(t, c.Untag(t.Context(), repo, "v1")) })
		}},
		{"even if the one that was told does not repeat", []regret.Option{regret.WithRetries(never)},
			func(t *testing.T, _ *fakeregistry.Registry, c *regret.Client) {
				took(t, 6*time.Second, func() { wantErr(t, c.Ping(t.Context())) })
			}},
		{"a call with less time is refused at once", nil, func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client) {
			ctx, cancel := timeout(t, 5*time.Second)
			defer cancel()
			took(t, 0, func() {
				e := wantErr(t, c.Ping(ctx), regret.ErrRateLimited)
				if e.RetryAfter != 6*time.Second {
					t.Errorf("Retry-After is %v", e.RetryAfter)
				}
			})
			wantRequests(t, reg)
		}},
		{"a call that is cancelled returns at once", nil, func(t *testing.T, reg *fakeregistry.Registry, c *regret.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(2*time.Second, cancel)
			took(t, 2*time.Second, func() {
				err := c.Untag(ctx, repo, "v1")
				wantErr(t, err, context.Canceled)
				wantNot(t, err, regret.ErrOutcomeUnknown, regret.ErrUnavailable)
			})
			wantRequests(t, reg)
		}},
		{"another client does not know", nil, func(t *testing.T, reg *fakeregistry.Registry, _ *regret.Client) {
			took(t, 0, func() { wantErr(t, newClient(t, reg).Ping(t.Context())) })
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reg, c, first := slowedDown(t, test.opts...)
				test.call(t, reg, c)
				first.Wait()
			})
		})
	}
}

func TestARegistryThatAsksForTooMuchTimeHoldsNobodyElseBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.New()
		play(reg, step{1, "", after(429, "3600")})
		c := newClient(t, reg)
		wantErr(t, c.Ping(t.Context()), regret.ErrRateLimited)
		took(t, 0, func() { wantErr(t, c.Ping(t.Context())) })
	})
}

func TestATokenServiceThatAsksForTimeGetsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := fakeregistry.NewTokenService("https://auth.example.com/token", host,
			fakeregistry.WithAnonymous(fakeregistry.Allow("*", "pull", "delete")))
		tokens.Intercept(2, fakeregistry.On("", "/"), after(429, "7")(nil))
		reg := fakeregistry.New(fakeregistry.WithTokenAuth(tokens))
		reg.PutImage(repo, "hello", "v1")
		network := fakeregistry.NewNetwork()
		network.Handle("https://"+host, reg)
		network.Handle("https://auth.example.com", tokens)
		c := newClient(t, network, patiently(time.Second), regret.WithTrustedRealm("https://auth.example.com"))
		took(t, 14*time.Second, func() {
			_, err := c.ResolveDigest(t.Context(), repo, "v1")
			wantErr(t, err)
		})
		if n := len(tokens.Requests()); n != 3 {
			t.Errorf("%d token requests", n)
		}
	})
}

// Some registries tell with every answer what is left of a limit: that says
// nothing about why this one was refused.
func TestALimitThatIsUsedUpIsNoReasonByItself(t *testing.T) {
	t.Parallel()
	used := map[string]string{"Ratelimit-Remaining": "0;w=21600"}
	reg := fakeregistry.New()
	dgst := reg.PutImage(repo, "hello", "v1").Digest
	c := newClient(t, reg)
	wantErr(t, resolve(t, c))
	reg.Intercept(1, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(500, used, ""))
	wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
	reg.Intercept(0, fakeregistry.On("", manifestPath("v2")), fakeregistry.Answer(404, used, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`))
	_, err := c.ResolveDigest(t.Context(), repo, "v2")
	if e := wantErr(t, err, regret.ErrNotFound); e.RetryAfter != 0 {
		t.Errorf("to be tried again after %v", e.RetryAfter)
	}
}
