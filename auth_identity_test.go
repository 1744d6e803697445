package regret_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestIdentityTokenRequest(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	c, identity := p.identityClient(t)
	wantErr(t, resolve(t, c))
	wantErr(t, c.Untag(t.Context(), repo, "v1"))
	want := []string{"HEAD registry 401", "POST auth 200", "HEAD registry 200", "DELETE registry 202"}
	if diff := cmp.Diff(want, traffic(p.Network)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	r := p.tokens.Requests()[0]
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	wantForm := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {identity}, "service": {"the registry"},
		"client_id": {"regret"}, "scope": {"repository:team/app:pull,delete"},
	}
	if diff := cmp.Diff(wantForm, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if r.Path != "/token" || r.Query != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("POST %s?%s with Content-Type %q, want a form at the realm", r.Path, r.Query, r.Header.Get("Content-Type"))
	}
	if slices.Contains(slices.Collect(maps.Keys(r.Header)), "Authorization") {
		t.Error("the request has an Authorization header")
	}
	wantSecretsOnlyAt(t, p.Network.Requests(), []string{registryURL + ":443", authURL + ":443"}, identity)
	for _, r := range p.registry.Requests() {
		wantNoSecretIn(t, "a request to the registry", fmt.Sprintf("%+v", r), identity)
	}
}

func TestIdentityTokenWithoutServiceAndScope(t *testing.T) {
	t.Parallel()
	var form url.Values
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Path == "/token":
			if err := req.ParseForm(); err != nil {
				t.Error(err)
			}
			form = req.PostForm
			return respond(req, 200, `{"access_token":"t0ken"}`), nil
		case req.Header.Get("Authorization") == "Bearer t0ken":
			return respond(req, 200, "{}"), nil
		}
		return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="`+registryURL+`/token"`), nil
	}), regret.WithCredentials(credentials.Static(credentials.Credential{IdentityToken: "r3fresh"})))
	wantErr(t, c.Ping(t.Context()))
	want := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r3fresh"}, "client_id": {"regret"}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
}

func TestIdentityTokenFallsBackToGET(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405} {
		t.Run(fmt.Sprintf("a %d leads to GET for this and all later token requests", status), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(fakeregistry.WithUser("ann2", "id3ntity", fakeregistry.Allow("*", "*")), fakeregistry.WithoutOAuth2(status))
			c := newClient(t, p, regret.WithTrustedRealm(authURL),
				regret.WithCredentials(credentials.Static(credentials.Credential{Username: "ann2", IdentityToken: "id3ntity"})))
			wantErr(t, resolve(t, c))
			wantErr(t, listTags(t, c, "team/other"))
			want := []string{fmt.Sprint("POST auth ", status), "GET auth 200", "GET auth 200"}
			if diff := cmp.Diff(want, tokenTraffic(p.Network)); diff != "" {
				t.Errorf("token requests (-want +got):\n%s", diff)
			}
			if r := p.tokens.Requests()[1]; len(r.Body) > 0 || !strings.Contains(r.Query, "scope=") {
				t.Errorf("GET with the body %q and the query %q, want no body and a scope", r.Body, r.Query)
			}
		})
	}
	t.Run("the error is that of the GET, and contains no secret", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithoutOAuth2(404))
		c, identity := p.identityClient(t)
		err := c.Untag(t.Context(), repo, "v1")
		if e := wantErr(t, err, regret.ErrUnauthorized, regret.CodeUnauthorized); e.StatusCode != 401 || e.Method != "GET" {
			t.Errorf("%s %d, want GET 401", e.Method, e.StatusCode)
		}
		wantNoSecretInError(t, err, identity)
	})
	for _, status := range []int{401, 403, 500} {
		t.Run(fmt.Sprintf("a %d does not lead to a GET", status), func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			c, _ := p.identityClient(t, regret.WithRetries(regret.Retries{}))
			p.tokens.Intercept(0, fakeregistry.On("POST", "/"), fakeregistry.Answer(status, nil, serviceSecret))
			err := c.Untag(t.Context(), repo, "v1")
			if e := wantRegretError(t, err); e.StatusCode != status || e.Method != "POST" {
				t.Errorf("%s %d, want POST %d", e.Method, e.StatusCode, status)
			}
			wantNoSecretInError(t, err, serviceSecret)
			for _, r := range p.tokens.Requests() {
				if r.Method != "POST" {
					t.Errorf("token request %s, want only POST", r)
				}
			}
		})
	}
}

// tokenTraffic returns the part of the traffic that goes to the token service.
func tokenTraffic(n *fakeregistry.Network) []string {
	return slices.DeleteFunc(traffic(n), func(line string) bool { return !strings.Contains(line, " auth ") })
}

func TestIdentityTokenScopes(t *testing.T) {
	t.Parallel()
	scopes := func(ts *fakeregistry.TokenService) []string {
		lines := []string{}
		for _, r := range ts.Requests() {
			form, err := url.ParseQuery(string(r.Body))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprint(form.Get("scope"), " ", r.Status))
		}
		return lines
	}
	t.Run("the scope of the challenge is requested if the service does not know the action delete", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithScopeActions("pull", "push", "*"))
		c, _ := p.identityClient(t)
		wantErr(t, resolve(t, c))
		want := []string{"repository:team/app:pull,delete 400", "repository:team/app:pull 200"}
		if diff := cmp.Diff(want, scopes(p.tokens)); diff != "" {
			t.Errorf("scopes (-want +got):\n%s", diff)
		}
		wantErr(t, c.Untag(t.Context(), repo, "v1"))
		want = append(want, "repository:team/app:delete 400", "repository:team/app:* 200")
		if diff := cmp.Diff(want, scopes(p.tokens)); diff != "" {
			t.Errorf("scopes (-want +got):\n%s", diff)
		}
	})
	t.Run("a refused token is not sent for other scopes", func(t *testing.T) {
		t.Parallel()
		p := newPlatform()
		c, _ := p.identityClient(t)
		p.tokens.RevokeAll()
		wantErr(t, c.Untag(t.Context(), repo, "v1"), regret.ErrUnauthorized, regret.Code("invalid_grant"))
		if got := scopes(p.tokens); len(got) != 1 {
			t.Errorf("scopes: %q, want one", got)
		}
	})
}

func TestIdentityTokenGoesOnlyToTrustedRealm(t *testing.T) {
	t.Parallel()
	t.Run("a token service that is not trusted receives nothing", func(t *testing.T) {
		t.Parallel()
		p := newPlatform()
		identity := p.tokens.IssueRefreshToken(account)
		c := newClient(t, p, regret.WithCredentials(credentials.Static(credentials.Credential{IdentityToken: identity})))
		wantNoSecretInError(t, c.Untag(t.Context(), repo, "v1"), identity)
		if diff := cmp.Diff([]string{"DELETE registry 401"}, traffic(p.Network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		wantSecretsOnlyAt(t, p.Network.Requests(), nil, identity)
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprintf("a redirect with %d is not followed", status), func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.Handle("https://evil.example.net", p.tokens)
			c, identity := p.identityClient(t)
			p.tokens.Intercept(0, fakeregistry.On("POST", "/token"), fakeregistry.Redirect(status, "https://evil.example.net/steal"))
			err := c.Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrRedirect)
			wantNoSecretInError(t, err, identity)
			if diff := cmp.Diff([]string{"DELETE registry 401", fmt.Sprint("POST auth ", status)}, traffic(p.Network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the token and its replacement are redacted from errors of the registry", func(t *testing.T) {
		t.Parallel()
		p := newPlatform(fakeregistry.WithRefreshRotation())
		c, identity := p.identityClient(t)
		wantErr(t, listTags(t, c, "a"))
		wantErr(t, listTags(t, c, "b"))
		form, err := url.ParseQuery(string(p.tokens.Requests()[1].Body))
		if err != nil {
			t.Fatal(err)
		}
		renewed := form.Get("refresh_token")
		p.registry.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Answer(403, nil, "you are "+identity+" and "+renewed))
		refused := c.Untag(t.Context(), repo, "v1")
		wantErr(t, refused, regret.ErrForbidden)
		wantText(t, refused, "you are [redacted] and [redacted]")
		wantNoSecretInError(t, refused, identity, renewed)
	})
}
