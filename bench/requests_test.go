package main_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// newRegret returns a regret client with default options.
func newRegret(t *testing.T, bearer bool) *regret.Client {
	t.Helper()
	var opts []regret.Option
	if bearer {
		opts = append(opts, regret.WithBasicAuth(registry.User, registry.Password))
	}
	c, err := regret.New("http://"+address.Hosts[registry.HTTP], opts...)
	succeed(t, err)
	return c
}

func resolve(t *testing.T, c *regret.Client, tag int) regret.Digest {
	t.Helper()
	dgst, err := c.ResolveDigest(t.Context(), registry.Repository, registry.Tag(tag))
	succeed(t, err)
	return dgst
}

func resolveDelete(t *testing.T, c *regret.Client, tag int) {
	t.Helper()
	succeed(t, c.DeleteManifest(t.Context(), registry.Repository, resolve(t, c, tag)))
}

func TestResolveAndDeleteSendsTheFewestRequests(t *testing.T) {
	deletedOne := func(t *testing.T, c *regret.Client) { resolveDelete(t, c, 0) }
	tests := []struct {
		name     string
		bearer   bool
		before   func(*testing.T, *regret.Client)
		requests int64
	}{
		{"two for a new client", false, nil, 2},
		{"two for a client that has deleted before", false, deletedOne, 2},
		{"four for a client that needs a token first", true, nil, 4},
		{"two for a client that has a token", true, deletedOne, 2},
		{"four for a client whose token was revoked", true, func(t *testing.T, c *regret.Client) {
			resolveDelete(t, c, 0)
			succeed(t, address.Revoke(t.Context()))
		}, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reset(t, registry.Settings{Tags: 2, Bearer: test.bearer})
			c := newRegret(t, test.bearer)
			if test.before != nil {
				test.before(t, c)
			}
			before := counts(t).Requests
			resolveDelete(t, c, 1)
			if got := counts(t).Requests - before; got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

func TestDeletingAResolvedDigestSendsOneRequest(t *testing.T) {
	reset(t, registry.Settings{Tags: 1})
	c := newRegret(t, false)
	dgst := resolve(t, c, 0)
	before := counts(t).Requests
	succeed(t, c.DeleteManifest(t.Context(), registry.Repository, dgst))
	if got := counts(t).Requests - before; got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

func TestConcurrentCallersFetchOneToken(t *testing.T) {
	const callers = 64
	for _, protocol := range registry.Protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			reset(t, registry.Settings{Tags: callers, Bearer: true})
			c := openClient(t, clients.Ours, clients.Setup{Protocol: protocol, Callers: callers, Bearer: true})
			succeed(t, measure.Bulk(callers, measure.Tags(callers), func(tag string) error {
				return c.ResolveDelete(t.Context(), registry.Repository, tag)
			}))
			if got := counts(t); got.Tokens != 1 || got.Deleted != callers {
				t.Errorf("%d token requests, want 1; %d deleted, want %d", got.Tokens, got.Deleted, callers)
			}
		})
	}
}
