package regret_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A client that lives longer than a testing/synctest bubble, as one of a caller's
// own tests may, works on both sides of it although the clocks differ by decades.
func TestAttackR8AClientIsUsedInsideAndOutsideOfABubble(t *testing.T) {
	t.Parallel()
	read := func(t *testing.T, c *regret.Client) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.ResolveDigest(ctx, repo, "v1"); err != nil {
			t.Errorf("resolve: %v", err)
		}
		if _, err := collect(t, c.Tags(ctx, repo)); err != nil {
			t.Errorf("list: %v", err)
		}
	}
	for _, test := range []struct {
		rule  string
		make  func(t *testing.T) *regret.Client
		first func(t *testing.T, c *regret.Client)
	}{
		{"without credentials", func(t *testing.T) *regret.Client {
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			return newClient(t, reg)
		}, read},
		{"with tokens", func(t *testing.T) *regret.Client { return newPlatform().client(t) }, read},
		{"with an identity token", func(t *testing.T) *regret.Client {
			c, _ := newPlatform(fakeregistry.WithRefreshRotation()).identityClient(t)
			return c
		}, read},
		{"while requests are held back", func(t *testing.T) *regret.Client {
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			play(reg, step{1, "", withRetryAfter(429, "30")})
			never := regret.DefaultRetries()
			never.Max = 0
			return newClient(t, reg, regret.WithRetries(never))
		}, func(t *testing.T, c *regret.Client) {
			wantErr(t, c.Ping(t.Context()), regret.ErrRateLimited)
		}},
	} {
		for _, insideFirst := range []bool{true, false} {
			rule := test.rule + ", outside first"
			if insideFirst {
				rule = test.rule + ", inside first"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				c := test.make(t)
				steps := []func(*testing.T){
					func(t *testing.T) { test.first(t, c) },
					func(t *testing.T) { read(t, c) },
				}
				for i, step := range steps {
					if inside := (i == 0) == insideFirst; inside {
						synctest.Test(t, step)
					} else {
						step(t)
					}
				}
			})
		}
	}
}
