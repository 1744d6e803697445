package regret_test

import (
	"context"
	"errors"
	"fmt"
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
		{"credentials are sent after a challenge, and then with every request", []regret.Option{regret.WithBasicAuth(account, password)},
			[]string{"HEAD registry 401", "HEAD registry 200", "HEAD registry 200"}, nil},
		{"a wrong password costs two requests per call and is unauthorized", []regret.Option{regret.WithBasicAuth(account, "wrong")},
			[]string{"HEAD registry 401", "HEAD registry 401", "HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"without credentials the challenge is final", nil,
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a source may have no credentials", []regret.Option{anonymous},
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"the token of WithToken is sent at once and never exchanged", []regret.Option{regret.WithToken("a.caller.s-token")},
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
	wantRequests(t, reg, "DELETE /v2/team/app/manifests/v1 401") // the same credentials are not sent again
}

func TestWithToken(t *testing.T) {
	t.Parallel()
	t.Run("the token is sent with the first request", func(t *testing.T) {
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
	t.Run("no other token is requested if the registry refuses it", func(t *testing.T) {
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
		{"resolve and delete without a token take four requests", nil,
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 200", "DELETE registry 202"}},
		{"resolve and delete with a token take two requests",
			func(t *testing.T, _ *platform, c *regret.Client) { wantErr(t, resolve(t, c)) },
			[]string{"HEAD registry 200", "DELETE registry 202"}},
		{"resolve and delete with a revoked token take four requests",
			func(t *testing.T, p *platform, c *regret.Client) { wantErr(t, resolve(t, c)); p.tokens.RevokeAll() },
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 200", "DELETE registry 202"}},
		{"in another repository they take three requests, because the challenge is known",
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
		want       string // the last Authorization, or its scheme; empty for none
		kind       error
	}{
		{"Bearer is preferred to Basic, in two header fields", []string{`Basic realm="r"`, bearer}, "Bearer t0ken", nil},
		{"Bearer is preferred to Basic, in one header field", []string{`Basic realm="r", ` + bearer}, "Bearer t0ken", nil},
		{"an unknown scheme is skipped, in two header fields", []string{"Negotiate", `Basic realm="r"`}, "Basic", nil},
		{"an unknown scheme is skipped, in one header field", []string{`Negotiate, Basic realm="r"`}, "Basic", nil},
		{"schemes are case-insensitive", []string{`BASIC REALM="r"`}, "Basic", nil},
		{"the second token service is used if the first is not trusted",
			[]string{`Bearer realm="https://evil.example.net/token"`, bearer}, "Bearer t0ken", nil},
		{"Basic is used if the token service is not trusted",
			[]string{`Bearer realm="https://evil.example.net/token"`, `Basic realm="r"`}, "Basic", nil},
		{"a 401 without a challenge is unauthorized", nil, "", regret.ErrUnauthorized},
		{"a 401 with an empty challenge is unauthorized", []string{""}, "", regret.ErrUnauthorized},
		{"a 401 with unknown schemes only is unauthorized", []string{"Negotiate", `Digest realm="r", nonce="n"`}, "", regret.ErrUnauthorized},
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
				t.Errorf("the last request has the Authorization %q, want %q", last, tt.want)
			}
			wantSecretsOnlyAt(t, p.Network.Requests(), []string{registryURL + ":443", authURL + ":443"}, password)
		})
	}
}

func TestInvalidChallenges(t *testing.T) {
	t.Parallel()
	const bearer = `Bearer realm="` + realm + `"`
	tests := []struct{ name, challenge string }{
		{"junk after a parameter", bearer + ` junk`},
		{"an unterminated quoted string", `Bearer realm="https://auth.example.com`},
		{"a realm given twice", bearer + `,realm="https://evil.example.net/token"`},
		{"no realm", `Bearer service="s"`},
		{"an empty realm", `Bearer realm=""`},
		{"a challenge of 512 KiB (C20)", `Bearer realm="` + strings.Repeat("a", 512<<10) + `"`},
		{"a realm of 15 KiB", `Bearer realm="` + strings.Repeat("a", 15<<10) + `"`},
		{"nine challenges", strings.Repeat(`Negotiate, `, 8) + bearer},
		{"escape sequences and direction overrides", "Basic \x1b[31m\u202e"},
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
		{"a refused token is requested once", func(int) string { return bearer + `pull"` },
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a new scope in each challenge leads to no more requests", func(i int) string { return bearer + strings.Repeat("x", i) + `"` },
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a refused password is sent once", func(int) string { return `Basic realm="r"` },
			[]string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"a challenge with insufficient_scope means permission denied",
			func(i int) string {
				return bearer + `pull",error="` + []string{"invalid_token", "insufficient_scope"}[min(i-1, 1)] + `"`
			},
			[]string{"HEAD registry 401", "GET auth 200", "HEAD registry 401"}, regret.ErrForbidden},
		{"alternating challenges that begin with Basic end", func(i int) string {
			return []string{bearer + `pull"`, `Basic realm="r"`}[i%2]
		}, []string{"HEAD registry 401", "HEAD registry 401"}, regret.ErrUnauthorized},
		{"alternating challenges that begin with Bearer end", func(i int) string {
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
		t.Run(fmt.Sprintf("resolving works before and after a forbidden deletion, JWT %t", jwt), func(t *testing.T) {
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
