package regret_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestRequestedScopes(t *testing.T) {
	t.Parallel()
	quay := []fakeregistry.TokenOption{fakeregistry.WithScopeActions("push", "pull", "*")}
	const wide, own = "repository:team/app:pull,delete", "repository:team/app:pull"
	tests := []struct {
		name    string
		service []fakeregistry.TokenOption
		call    func(t *testing.T, p *platform, c *regret.Client) error
		want    []string
	}{
		{"resolving also requests delete", nil,
			func(t *testing.T, _ *platform, c *regret.Client) error { return resolve(t, c) }, []string{wide}},
		{"deleting also requests pull", nil,
			func(t *testing.T, _ *platform, c *regret.Client) error { return c.Untag(t.Context(), repo, "v1") },
			[]string{"repository:team/app:delete,pull"}},
		{"pushing also requests pull", nil,
			func(t *testing.T, _ *platform, c *regret.Client) error {
				return c.PutManifest(t.Context(), repo, "v2", helloManifest(t))
			}, []string{"repository:team/app:pull,push"}},
		{"the catalog has a scope of its own", nil,
			func(t *testing.T, _ *platform, c *regret.Client) error {
				_, err := collect(t, c.Repositories(t.Context()))
				return err
			}, []string{"registry:catalog:*"}},
		{"a ping requests no scope", nil,
			func(t *testing.T, _ *platform, c *regret.Client) error { return c.Ping(t.Context()) }, []string{""}},
		{"the scope of the challenge is requested if the service does not know the action delete", quay,
			func(t *testing.T, _ *platform, c *regret.Client) error { return resolve(t, c) }, []string{wide, own}},
		{"the client requests no delete for the next repository if the service does not know it", quay,
			func(t *testing.T, p *platform, c *regret.Client) error {
				p.registry.PutImage("team/other", "hello", "v1")
				if err := resolve(t, c); err != nil {
					return err
				}
				_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
				return err
			}, []string{wide, own, "repository:team/other:pull"}},
		{"the action * is requested if the service knows no other",
			[]fakeregistry.TokenOption{fakeregistry.WithScopeActions("*")},
			func(t *testing.T, _ *platform, c *regret.Client) error { return resolve(t, c) },
			[]string{wide, own, "repository:team/app:*"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(tt.service...)
			wantErr(t, tt.call(t, p, p.client(t)))
			if diff := cmp.Diff(tt.want, scopes(p.tokens)); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRegistryRequiresPushToDelete(t *testing.T) {
	t.Parallel()
	p := newPlatform(fakeregistry.WithScopeActions("push", "pull", "*"))
	reg := fakeregistry.New(fakeregistry.WithTokenAuth(p.tokens), fakeregistry.WithDeleteActions("pull", "push"))
	image := reg.PutImage(repo, "hello", "v1")
	p.Handle(registryURL, reg)
	c := p.client(t)
	wantErr(t, resolve(t, c))
	wantErr(t, c.DeleteManifest(t.Context(), repo, image.Digest))
	want := []string{"repository:team/app:pull,delete", "repository:team/app:pull", "repository:team/app:pull,push"}
	if diff := cmp.Diff(want, scopes(p.tokens)); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
}

// jwt returns a token with this access claim.
func jwt(access string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{"access":`+access+`}`)) + ".unsigned"
}

func TestTokenAccessClaim(t *testing.T) {
	t.Parallel()
	const pulls = `[{"type":"repository","name":"team/app","actions":["pull"]}]`
	tests := []struct {
		name       string
		wide, own  string // the token for pull,delete, and the one for the challenge's scope, pull
		wantScopes int
		wantSent   string
	}{
		{"a token without the access of the challenge is exchanged for one with the challenge's scope", jwt(`[]`), jwt(pulls), 2, jwt(pulls)},
		{"so is a token for another repository", jwt(`[{"type":"repository","name":"team/other","actions":["pull"]}]`), jwt(pulls), 2, jwt(pulls)},
		{"the first token is sent if the second lacks the access too", jwt(`[]`), jwt(`[{}]`), 2, jwt(`[]`)},
		{"a token with the access is sent", jwt(pulls), "", 1, jwt(pulls)},
		{"a token with the action * is sent", jwt(strings.Replace(pulls, `"pull"`, `"*"`, 1)), "", 1, jwt(strings.Replace(pulls, `"pull"`, `"*"`, 1))},
		{"an opaque token is sent", "opaque", "", 1, "opaque"},
		{"a token whose claims are not JSON is sent", jwt(`x`), "", 1, jwt(`x`)},
		{"a token whose payload is not base64 is sent", "a.b~c.d", "", 1, "a.b~c.d"},
		{"a token without an access claim is sent", jwt(`null`), "", 1, jwt(`null`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.tokens.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
				token := tt.own
				if strings.Contains(req.URL.Query().Get("scope"), "delete") {
					token = tt.wide
				}
				fmt.Fprintf(w, `{"token":%q}`, token)
				return true
			})
			var sent string
			p.registry.Intercept(0, fakeregistry.On("", "/"), func(_ http.ResponseWriter, req *http.Request) bool {
				sent = strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
				return false
			})
			wantErr(t, resolve(t, p.client(t)), regret.ErrUnauthorized) // the registry did not issue these
			if got := scopes(p.tokens); len(got) != tt.wantScopes {
				t.Errorf("requested scopes: %q, want %d", got, tt.wantScopes)
			}
			if sent != tt.wantSent {
				t.Errorf("the registry received the token %q, want %q", sent, tt.wantSent)
			}
		})
	}
}

func TestWiderScopeYieldsUselessToken(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	p.tokens.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Query().Get("scope"), "delete") {
			return false
		}
		fmt.Fprint(w, `{"token":"opaque-and-useless"}`)
		return true
	})
	c := p.client(t)
	wantErr(t, resolve(t, c), regret.ErrUnauthorized)
	wantErr(t, resolve(t, c))
	want := []string{"repository:team/app:pull,delete", "repository:team/app:pull"}
	if diff := cmp.Diff(want, scopes(p.tokens)); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	const name = "repository:team/app"
	tests := []struct {
		name, challenge string
		want            string // path and query
	}{
		{"the query has the service, the scope and the account", `Bearer realm="` + realm + `",service="a b&c",scope="` + name + `:pull"`,
			"/token?account=ann&scope=repository%3Ateam%2Fapp%3Apull%2Cdelete&service=a+b%26c"},
		{"a challenge may name neither service nor scope", `Bearer realm="` + realm + `"`,
			"/token?account=ann&scope=repository%3Ateam%2Fapp%3Apull%2Cdelete"},
		{"the query of the realm is kept", `Bearer realm="` + realm + `?tenant=7",scope="` + name + `:pull"`,
			"/token?account=ann&scope=repository%3Ateam%2Fapp%3Apull%2Cdelete&tenant=7"},
		{"other resources in the challenge's scope are requested unchanged", `Bearer realm="` + realm + `",scope="repository:a:pull ` + name + `:pull,push registry:catalog:*"`,
			"/token?account=ann&scope=repository%3Aa%3Apull&scope=registry%3Acatalog%3A%2A&scope=repository%3Ateam%2Fapp%3Apull%2Cpush%2Cdelete"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.registry.Intercept(1, fakeregistry.On("", "/"),
				fakeregistry.Answer(401, map[string]string{"Www-Authenticate": tt.challenge}, ""))
			wantErr(t, resolve(t, p.client(t)))
			got := p.tokens.Requests()[0]
			if diff := cmp.Diff(tt.want, got.Path+"?"+got.Query); diff != "" {
				t.Errorf("token request (-want +got):\n%s", diff)
			}
			if user, pass, _ := (&http.Request{Header: got.Header}).BasicAuth(); user != account || pass != password {
				t.Errorf("the token request has the credentials %q %q", user, pass)
			}
		})
	}
}

func TestRefusedScopesAreRequestedOnce(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	p.registry.Intercept(0, fakeregistry.On("", "/"),
		fakeregistry.Answer(401, map[string]string{"Www-Authenticate": `Bearer realm="` + realm + `"`}, ""))
	p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Errors(400, "INVALID_REQUEST", "no"))
	c := p.client(t)
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrUnauthorized, regret.Code("INVALID_REQUEST"))
	want := []string{"repository:team/app:pull,delete", "repository:team/app:*"}
	if diff := cmp.Diff(want, scopes(p.tokens)); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	p.tokens.ResetLog()
	wantErr(t, c.Ping(t.Context()), regret.ErrUnauthorized)
	if diff := cmp.Diff([]string{""}, scopes(p.tokens)); diff != "" {
		t.Errorf("scopes of the ping (-want +got):\n%s", diff)
	}
}

func TestTokenWithoutAccess(t *testing.T) {
	t.Parallel()
	p := newPlatform(fakeregistry.WithScopeActions("*"), fakeregistry.WithJWT(), fakeregistry.WithUser("guest", password))
	c := newClient(t, p, regret.WithBasicAuth("guest", password), regret.WithTrustedRealm(authURL))
	wantErr(t, resolve(t, c), regret.ErrForbidden)
	want := []string{"repository:team/app:pull,delete", "repository:team/app:pull", "repository:team/app:*"}
	if diff := cmp.Diff(want, scopes(p.tokens)); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
}

func TestAnonymousToken(t *testing.T) {
	t.Parallel()
	p := newPlatform(fakeregistry.WithAnonymous(fakeregistry.Allow("team/*", "pull")))
	c := newClient(t, p, regret.WithTrustedRealm(authURL))
	wantErr(t, resolve(t, c))
	wantErr(t, c.DeleteManifest(t.Context(), repo, p.image.Digest), regret.ErrUnauthorized)
	if !p.registry.HasManifest(repo, p.image.Digest) {
		t.Error("the manifest is gone")
	}
	for _, r := range p.tokens.Requests() {
		if r.Header.Get("Authorization") != "" || strings.Contains(r.Query, "account") {
			t.Errorf("a token request is not anonymous: %s %v", r, r.Header)
		}
	}
}
