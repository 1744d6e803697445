package regret_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	anonymous := regret.WithCredentials(credentials.Func(
		func(context.Context, string, string) (credentials.Credential, error) {
			return credentials.Credential{}, nil
		}))
	tests := []struct {
		name    string
		opts    []regret.Option
		want    []string
		failure error
	}{
		{"credentials are sent when they are asked for, and then unasked", []regret.Option{regret.WithBasicAuth(account, password)},
			[]string{"HEAD registry 401", "HEAD registry 200", "HEAD registry 200"}, nil},
		{"a wrong password costs two requests a call and is not authorized", []regret.Option{regret.WithBasicAuth(account, "wrong")},
			[]string{"HEAD registry 401", "HEAD registry 401", "HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"without credentials there is nothing to answer with", nil,
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a source may say that it has none", []regret.Option{anonymous},
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a token of the caller's is sent at once and never exchanged", []regret.Option{regret.WithToken("a.caller.s-token")},
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
			reg.PutImage(repo, "hello", "v1")
			network := fakeregistry.NewNetwork()
			network.Handle(registryURL, reg)
			c := newClient(t, network, tt.opts...)
			for range 2 {
				err := resolve(t, c)
				if !errors.Is(err, tt.failure) {
					t.Errorf("error: %v, want %v", err, tt.failure)
				}
				wantNoSecretInError(t, err, password, "a.caller.s-token")
			}
			if diff := cmp.Diff(tt.want, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialsThatStopWorking(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
	reg.PutImage(repo, "hello", "v1")
	c := newClient(t, reg, regret.WithBasicAuth(account, password))
	wantErr(t, resolve(t, c))
	reg.ResetLog()
	reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(401, map[string]string{"WWW-Authenticate": `Basic realm="r"`}, ""))
	wantErr(t, c.Untag(t.Context(), repo, "v1"), regret.ErrUnauthorized)
	wantRequests(t, reg, "DELETE /v2/team/app/manifests/v1 401") // the same would not help
}

func TestWithToken(t *testing.T) {
	t.Parallel()
	t.Run("it is sent with the first request", func(t *testing.T) {
		t.Parallel()
		var sent []string
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			sent = append(sent, req.Header.Get("Authorization"))
			return respond(req, 200, "{}"), nil
		}), regret.WithToken("a.caller.s-token"))
		wantErr(t, c.Ping(t.Context()))
		if diff := cmp.Diff([]string{"Bearer a.caller.s-token"}, sent); diff != "" {
			t.Errorf("Authorization (-want +got):\n%s", diff)
		}
	})
	t.Run("a refusal leads to no token service", func(t *testing.T) {
		t.Parallel()
		p := newPlatform()
		c := newClient(t, p, regret.WithToken("a.caller.s-token"), regret.WithTrustedRealm(authURL))
		wantErr(t, resolve(t, c), regret.ErrUnauthorized)
		if diff := cmp.Diff([]string{"HEAD registry 401"}, traffic(p.Network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestBearerRequestCounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(t *testing.T, p *platform, c *regret.Client)
		want   []string
	}{
		{"a cold resolve and delete cost four", nil,
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 200", "DELETE registry 202"}},
		{"a warm resolve and delete cost two",
			func(t *testing.T, _ *platform, c *regret.Client) { wantErr(t, resolve(t, c)) },
			[]string{"HEAD registry 200", "DELETE registry 202"}},
		{"with a revoked token they cost four",
			func(t *testing.T, p *platform, c *regret.Client) { wantErr(t, resolve(t, c)); p.tokens.RevokeAll() },
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 200", "DELETE registry 202"}},
		{"in another repository they cost three, for what is wanted is known",
			func(t *testing.T, p *platform, c *regret.Client) {
				p.registry.PutImage("team/other", "hi", "v1")
				_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
				wantErr(t, err)
			},
			[]string{"GET auth 200", "HEAD registry 200", "DELETE registry 202"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			c := p.client(t)
			if tt.before != nil {
				tt.before(t, p, c)
				p.Network.ResetLog()
			}
			dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
			wantErr(t, err)
			wantErr(t, c.DeleteManifest(t.Context(), repo, dgst))
			if diff := cmp.Diff(tt.want, traffic(p.Network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if p.registry.HasManifest(repo, dgst) {
				t.Error("the manifest is still there")
			}
		})
	}
}

func TestChallengeSelectsCredentials(t *testing.T) {
	t.Parallel()
	const bearer = `Bearer realm="` + realm + `",service="s",scope="repository:team/app:pull"`
	tests := []struct {
		name       string
		challenges []string
		want       string // what is sent in the end, "" for nothing
		kind       error
	}{
		{"a token is preferred to the password, in two headers", []string{`Basic realm="r"`, bearer}, "Bearer t0ken", nil},
		{"a token is preferred to the password, in one header", []string{`Basic realm="r", ` + bearer}, "Bearer t0ken", nil},
		{"what is not known is passed over, in two headers", []string{"Negotiate", `Basic realm="r"`}, "Basic", nil},
		{"what is not known is passed over, in one header", []string{`Negotiate, Basic realm="r"`}, "Basic", nil},
		{"schemes are told apart in any case", []string{`BASIC REALM="r"`}, "Basic", nil},
		{"a second token service will do if the first may not be asked",
			[]string{`Bearer realm="https://evil.example.net/token"`, bearer}, "Bearer t0ken", nil},
		{"the password will do if the token service may not be asked",
			[]string{`Bearer realm="https://evil.example.net/token"`, `Basic realm="r"`}, "Basic", nil},
		{"a 401 without a challenge is one", nil, "", regret.ErrUnauthorized},
		{"an empty challenge is none", []string{""}, "", regret.ErrUnauthorized},
		{"only unknown schemes are as good as none", []string{"Negotiate", `Digest realm="r", nonce="n"`}, "", regret.ErrUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(200, nil, `{"token":"t0ken"}`))
			var last string
			p.registry.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
				if last = req.Header.Get("Authorization"); last != "" {
					w.WriteHeader(200)
					return true
				}
				w.Header()["Www-Authenticate"] = slices.Clone(tt.challenges)
				w.WriteHeader(401)
				return true
			})
			err := p.client(t).Ping(t.Context())
			if !errors.Is(err, tt.kind) {
				t.Errorf("error: %v, want %v", err, tt.kind)
			}
			if scheme, _, _ := strings.Cut(last, " "); last != tt.want && scheme != tt.want {
				t.Errorf("sent %q, want %q", last, tt.want)
			}
			wantSecretsOnlyAt(t, p.Network.Requests(), []string{registryURL + ":443", authURL + ":443"}, password)
		})
	}
}

func TestInvalidChallenges(t *testing.T) {
	t.Parallel()
	const bearer = `Bearer realm="` + realm + `"`
	tests := []struct{ name, challenge string }{
		{"junk after a parameter", `Basic realm="r" junk`},
		{"a quote that does not end", `Bearer realm="https://auth.example.com`},
		{"a realm given twice", bearer + `,realm="https://evil.example.net/token"`},
		{"no realm", `Bearer service="s"`},
		{"an empty realm", `Bearer realm=""`},
		{"a challenge of 512 KiB (C20)", `Bearer realm="` + strings.Repeat("a", 512<<10) + `"`},
		{"a realm of 15 KiB", `Bearer realm="` + strings.Repeat("a", 15<<10) + `"`},
		{"nine challenges", strings.Repeat(`Negotiate, `, 8) + bearer},
		{"characters that act on a terminal", "Basic \x1b[31m\u202e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.registry.Intercept(0, fakeregistry.On("", "/"),
				fakeregistry.Answer(401, map[string]string{"Www-Authenticate": tt.challenge}, ""))
			err := p.client(t).DeleteManifest(t.Context(), repo, p.image.Digest)
			wantErr(t, err, regret.ErrNotRegistry)
			if diff := cmp.Diff([]string{"HEAD registry 401"}, traffic(p.Network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			wantSecretsOnlyAt(t, p.Network.Requests(), nil, password)
		})
	}
}

func TestEndless401(t *testing.T) {
	t.Parallel()
	const bearer = `Bearer realm="` + realm + `",service="s",scope="repository:team/app:`
	tests := []struct {
		name      string
		challenge func(i int) string
		want      []string
		kind      error
	}{
		{"a token that never helps is asked for once", func(int) string { return bearer + `pull"` },
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a new scope each time leads no further", func(i int) string { return bearer + strings.Repeat("x", i) + `"` },
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a password that never helps is sent once", func(int) string { return `Basic realm="r"` },
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a token that is said to allow too little is a matter of permission",
			func(i int) string {
				return bearer + `pull",error="` + []string{"invalid_token", "insufficient_scope"}[min(i-1, 1)] + `"`
			},
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 401"}, regret.ErrForbidden},
		{"password after token after password ends as well", func(i int) string {
			return []string{bearer + `pull"`, `Basic realm="r"`}[i%2]
		}, []string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"token after password after token ends as well", func(i int) string {
			return []string{`Basic realm="r"`, bearer + `pull"`}[i%2]
		}, []string{"HEAD registry 401", "GET auth 200", "HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			calls := 0
			p.registry.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, _ *http.Request) bool {
				calls++
				w.Header().Set("WWW-Authenticate", tt.challenge(calls))
				w.WriteHeader(401)
				return true
			})
			err := p.client(t).DeleteManifest(t.Context(), repo, p.image.Digest)
			wantErr(t, err, tt.kind)
			if diff := cmp.Diff(tt.want, traffic(p.Network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingDeletePermission(t *testing.T) {
	t.Parallel()
	for _, jwt := range []bool{false, true} {
		opts := []fakeregistry.TokenOption{fakeregistry.WithUser("reader", password, fakeregistry.Allow("*", "pull"))}
		if jwt {
			opts = append(opts, fakeregistry.WithJWT())
		}
		t.Run("reading works where deleting is forbidden, before and after", func(t *testing.T) {
			t.Parallel()
			p := newPlatform(opts...)
			c := newClient(t, p, regret.WithBasicAuth("reader", password), regret.WithTrustedRealm(authURL))
			wantErr(t, resolve(t, c))
			p.Network.ResetLog()
			err := c.DeleteManifest(t.Context(), repo, p.image.Digest)
			wantErr(t, err, regret.ErrForbidden, regret.CodeUnauthorized)
			wantText(t, err, "the token does not allow delete")
			registry, auth := 0, 0
			for _, line := range traffic(p.Network) {
				if strings.HasPrefix(line, "GET auth") {
					auth++
				} else {
					registry++
				}
			}
			if registry > 2 || auth > 2 {
				t.Errorf("%d requests to the registry and %d for tokens, want at most 2 each", registry, auth)
			}
			wantErr(t, resolve(t, c))
			if !p.registry.HasManifest(repo, p.image.Digest) {
				t.Error("the manifest is gone")
			}
		})
	}
}
