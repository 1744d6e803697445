package fakeregistry_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const (
	realm   = "https://auth.example.com/token"
	service = "registry.example.com"
)

// tokenResponse is the response of a token service, for any kind of request.
type tokenResponse struct {
	Status       int    `json:"-"`
	Token        string `json:"token"`
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"`
	IssuedAt     string `json:"issued_at"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	Error        string `json:"error"`
}

// send sends a request through rt and returns the response with its body. header alternates names
// and values.
func send(t *testing.T, rt http.RoundTripper, method, target string, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(content)
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// getToken requests a token by GET. credentials is the value of Authorization, or empty.
func getToken(t *testing.T, ts *fakeregistry.TokenService, credentials string, scopes ...string) tokenResponse {
	t.Helper()
	var header []string
	if credentials != "" {
		header = []string{"Authorization", credentials}
	}
	query := url.Values{"service": {service}, "scope": scopes}
	resp, body := send(t, ts, "GET", realm+"?"+query.Encode(), "", header...)
	got := unmarshal[tokenResponse](t, body)
	got.Status = resp.StatusCode
	return got
}

// postToken requests a token by OAuth2.
func postToken(t *testing.T, ts *fakeregistry.TokenService, form url.Values) tokenResponse {
	t.Helper()
	form.Set("service", service)
	form.Set("client_id", "test")
	resp, body := send(t, ts, "POST", realm, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	got := tokenResponse{}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		got = unmarshal[tokenResponse](t, body)
	}
	got.Status = resp.StatusCode
	return got
}

// newSecuredRegistry returns a client of a registry with two images, and the token service whose
// tokens the registry requires.
func newSecuredRegistry(t *testing.T, opts ...fakeregistry.TokenOption) (*client, *fakeregistry.TokenService) {
	t.Helper()
	ts := fakeregistry.NewTokenService(realm, service, append([]fakeregistry.TokenOption{
		fakeregistry.WithUser("user", "pass", fakeregistry.Allow("team/*", "pull", "delete"), fakeregistry.Allow("registry:catalog", "*")),
		fakeregistry.WithUser("admin", "pass", fakeregistry.Allow("*", "*")),
		fakeregistry.WithAnonymous(fakeregistry.Allow("public/*", "pull")),
	}, opts...)...)
	c := newRoundTripClient(t, fakeregistry.WithTokenAuth(ts))
	c.reg.PutImage("team/app", "x", "v1")
	c.reg.PutImage("public/app", "x", "v1")
	return c, ts
}

func TestChallengesNameTheRequiredScope(t *testing.T) {
	t.Parallel()
	c, ts := newSecuredRegistry(t)
	const base = `Bearer realm="https://auth.example.com/token",service="registry.example.com"`
	pullOnly := getToken(t, ts, basicAuth("user", "pass"), "repository:team/app:pull").Token
	for _, test := range []struct{ method, path, token, want string }{
		{"GET", "/v2/", "", ``},
		{"GET", "/v2/team/app/manifests/v1", "", `,scope="repository:team/app:pull"`},
		{"HEAD", "/v2/team/app/manifests/v1", "", `,scope="repository:team/app:pull"`},
		{"GET", "/v2/team/app/tags/list", "", `,scope="repository:team/app:pull"`},
		{"GET", "/v2/team/app/referrers/" + absentDigest, "", `,scope="repository:team/app:pull"`},
		{"PUT", "/v2/team/app/manifests/v1", "", `,scope="repository:team/app:pull,push"`},
		{"POST", "/v2/team/app/blobs/uploads/", "", `,scope="repository:team/app:pull,push"`},
		{"POST", "/v2/team/app/blobs/uploads/?mount=" + absentDigest + "&from=b", "", `,scope="repository:team/app:pull,push repository:b:pull"`},
		{"DELETE", "/v2/team/app/manifests/v1", "", `,scope="repository:team/app:delete"`},
		{"DELETE", "/v2/team/app/blobs/" + absentDigest, "", `,scope="repository:team/app:delete"`},
		{"GET", "/v2/_catalog", "", `,scope="registry:catalog:*"`},
		{"DELETE", "/v2/team/app/manifests/v1", "nonsense", `,scope="repository:team/app:delete",error="invalid_token"`},
		{"DELETE", "/v2/team/app/manifests/v1", pullOnly, `,scope="repository:team/app:delete",error="insufficient_scope"`},
		{"GET", "/v2/team/other/tags/list", pullOnly, `,scope="repository:team/other:pull",error="insufficient_scope"`},
	} {
		t.Run(test.method+" "+test.path+" "+test.want, func(t *testing.T) {
			var header []string
			if test.token != "" {
				header = []string{"Authorization", "Bearer " + test.token}
			}
			c.do(test.method, test.path, "", header...).want(t, 401, "WWW-Authenticate", base+test.want)
		})
	}
	c.do("DELETE", "/v2/team/app/manifests/v1", "").want(t, 401, "Docker-Distribution-Api-Version", "registry/2.0").
		wantBody(t, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"team/app","Action":"delete"}]}]}`+"\n")
	if _, ok := c.reg.Tag("team/app", "v1"); !ok {
		t.Error("something was deleted")
	}
}

func TestTokensGrantRequestedAndAllowedAccess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, credentials string
		scopes            []string
		allows, refuses   []string
	}{
		{"requested and allowed access is granted", basicAuth("user", "pass"), []string{"repository:team/app:pull,delete"},
			[]string{"GET /v2/", "GET /v2/team/app/tags/list", "DELETE /v2/team/app/manifests/" + absentDigest}, []string{"PUT /v2/team/app/manifests/v1", "GET /v2/public/app/tags/list"}},
		{"access that was not requested is not granted", basicAuth("admin", "pass"), []string{"repository:team/app:pull"},
			[]string{"GET /v2/team/app/tags/list"}, []string{"DELETE /v2/team/app/manifests/" + absentDigest, "GET /v2/public/app/tags/list"}},
		{"access that is not allowed is not granted", basicAuth("user", "pass"), []string{"repository:team/app:pull,push,delete", "repository:other:pull"},
			[]string{"DELETE /v2/team/app/manifests/" + absentDigest}, []string{"POST /v2/team/app/blobs/uploads/", "GET /v2/other/tags/list"}},
		{"several scopes in one parameter are granted", basicAuth("admin", "pass"), []string{"repository:team/app:pull repository:public/app:pull"},
			[]string{"GET /v2/team/app/tags/list", "GET /v2/public/app/tags/list"}, nil},
		{"a requested star grants all allowed actions", basicAuth("user", "pass"), []string{"repository:team/app:*"},
			[]string{"GET /v2/team/app/tags/list", "DELETE /v2/team/app/manifests/" + absentDigest}, []string{"POST /v2/team/app/blobs/uploads/"}},
		{"a requested and allowed star grants all actions", basicAuth("admin", "pass"), []string{"repository:team/app:*"},
			[]string{"DELETE /v2/team/app/manifests/" + absentDigest, "POST /v2/team/app/blobs/uploads/"}, nil},
		{"access to the catalog is granted", basicAuth("user", "pass"), []string{"registry:catalog:*"}, []string{"GET /v2/_catalog"}, nil},
		{"a repository called catalog is not the catalog", basicAuth("admin", "pass"), []string{"repository:catalog:*"},
			[]string{"GET /v2/catalog/tags/list"}, []string{"GET /v2/_catalog"}},
		{"an anonymous client is granted public access", "", []string{"repository:public/app:pull,push", "repository:team/app:pull"},
			[]string{"GET /v2/", "GET /v2/public/app/tags/list"}, []string{"GET /v2/team/app/tags/list", "POST /v2/public/app/blobs/uploads/"}},
	} {
		for _, shape := range []string{"opaque", "jwt"} {
			t.Run(test.name+", "+shape, func(t *testing.T) {
				t.Parallel()
				var opts []fakeregistry.TokenOption
				if shape == "jwt" {
					opts = append(opts, fakeregistry.WithJWT())
				}
				c, ts := newSecuredRegistry(t, opts...)
				got := getToken(t, ts, test.credentials, test.scopes...)
				if got.Status != 200 || got.Token == "" || got.Token != got.AccessToken || got.ExpiresIn != 300 {
					t.Fatalf("token %+v", got)
				}
				if (strings.Count(got.Token, ".") == 2) != (shape == "jwt") {
					t.Errorf("token %q is not %s", got.Token, shape)
				}
				for _, request := range append(test.allows, test.refuses...) {
					method, path, _ := strings.Cut(request, " ")
					status := c.do(method, path, "", "Authorization", "bearer "+got.Token).StatusCode
					if (status == 401) != slices.Contains(test.refuses, request) {
						t.Errorf("%s: %d", request, status)
					}
				}
			})
		}
	}
}

func TestWrongCredentialsGetNoToken(t *testing.T) {
	t.Parallel()
	_, ts := newSecuredRegistry(t)
	for _, credentials := range []string{basicAuth("user", "wrong"), basicAuth("nobody", "pass"), basicAuth("", "")} {
		if got := getToken(t, ts, credentials, "repository:team/app:pull"); got.Status != 401 || got.Token != "" {
			t.Errorf("%s: %+v", credentials, got)
		}
	}
	_, strict := newSecuredRegistry(t, fakeregistry.WithCredentialsRequired())
	if got := getToken(t, strict, "", "repository:public/app:pull"); got.Status != 401 {
		t.Errorf("without credentials: %+v", got)
	}
	if resp, _ := send(t, ts, "DELETE", realm, ""); resp.StatusCode != 405 {
		t.Errorf("DELETE: %s", resp.Status)
	}
}

func TestJWTsCarryTheAccessClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, ts := newSecuredRegistry(t, fakeregistry.WithJWT())
		got := getToken(t, ts, basicAuth("user", "pass"), "repository:team/app:pull,push")
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(got.Token, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := json.Unmarshal(raw, &claims); err != nil {
			t.Fatal(err)
		}
		delete(claims, "jti")
		now := float64(time.Now().Unix())
		want := map[string]any{
			"iss": "fakeregistry", "sub": "user", "aud": service, "iat": now, "nbf": now, "exp": now + 300,
			"access": []any{map[string]any{"type": "repository", "name": "team/app", "actions": []any{"pull"}}},
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
	})
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, ts := newSecuredRegistry(t, fakeregistry.WithTokenExpiry(time.Minute))
		got := getToken(t, ts, basicAuth("user", "pass"), "repository:team/app:pull")
		issued, err := time.Parse(time.RFC3339, got.IssuedAt)
		if err != nil || !issued.Equal(time.Now()) || got.ExpiresIn != 60 {
			t.Errorf("token %+v, %v", got, err)
		}
		try := func() response {
			return c.do("GET", "/v2/team/app/tags/list", "", "Authorization", "Bearer "+got.Token)
		}
		wait := func(d time.Duration) { <-time.After(d) }
		try().want(t, 200)
		wait(time.Minute - time.Nanosecond)
		try().want(t, 200)
		wait(time.Nanosecond)
		if header := try().want(t, 401).Header.Get("WWW-Authenticate"); !strings.HasSuffix(header, `error="invalid_token"`) {
			t.Errorf("challenge %s", header)
		}
	})
}

func TestWithoutExpiresIn(t *testing.T) {
	t.Parallel()
	_, ts := newSecuredRegistry(t, fakeregistry.WithoutExpiresIn())
	if got := getToken(t, ts, "", "repository:public/app:pull"); got.ExpiresIn != 0 || got.IssuedAt != "" || got.Token == "" {
		t.Errorf("token %+v", got)
	}
}

func TestRevokedTokensAreInvalid(t *testing.T) {
	t.Parallel()
	c, ts := newSecuredRegistry(t)
	got := getToken(t, ts, basicAuth("user", "pass"), "repository:team/app:pull")
	refresh := ts.IssueRefreshToken("user")
	ts.RevokeAll()
	c.do("GET", "/v2/team/app/tags/list", "", "Authorization", "Bearer "+got.Token).want(t, 401)
	if got := postToken(t, ts, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); got.Status != 400 {
		t.Errorf("refreshed: %+v", got)
	}
	again := getToken(t, ts, basicAuth("user", "pass"), "repository:team/app:pull")
	c.do("GET", "/v2/team/app/tags/list", "", "Authorization", "Bearer "+again.Token).want(t, 200)
}

func TestMalformedScopesAreRejected(t *testing.T) {
	t.Parallel()
	_, ts := newSecuredRegistry(t, fakeregistry.WithScopeActions("push", "pull", "*"))
	for scope, want := range map[string]int{
		"repository:team/app:pull": 200, "repository:team/app:pull,push": 200, "repository:team/app:*": 200,
		"repository:team/app:pull,delete": 400, "repository:team/app:": 400, "repository": 400,
	} {
		if got := getToken(t, ts, basicAuth("user", "pass"), scope); got.Status != want {
			t.Errorf("%s: %d, want %d", scope, got.Status, want)
		}
	}
	_, body := send(t, ts, "GET", realm+"?scope=repository:a:pull,delete", "")
	want := `{"errors":[{"code":"INVALID_REQUEST","detail":{},"message":"Unable to decode repository and actions: repository:a:pull,delete"}]}` + "\n"
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestDeleteActionsAreRequired(t *testing.T) {
	t.Parallel()
	ts := fakeregistry.NewTokenService(realm, service, fakeregistry.WithUser("user", "pass", fakeregistry.Allow("*", "pull", "push")))
	c := newRoundTripClient(t, fakeregistry.WithTokenAuth(ts), fakeregistry.WithDeleteActions("pull", "push"))
	image := c.reg.PutImage("a", "x", "v1")
	header := c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 401).Header.Get("WWW-Authenticate")
	if !strings.HasSuffix(header, `scope="repository:a:pull,push"`) {
		t.Errorf("challenge %s", header)
	}
	token := getToken(t, ts, basicAuth("user", "pass"), "repository:a:pull,push").Token
	c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "", "Authorization", "Bearer "+token).want(t, 202)
}

func TestBasicAndTokenAuthSendBothChallenges(t *testing.T) {
	t.Parallel()
	ts := fakeregistry.NewTokenService(realm, service, fakeregistry.WithUser("user", "pass", fakeregistry.Allow("*", "*")))
	c := newRoundTripClient(t, fakeregistry.WithTokenAuth(ts), fakeregistry.WithBasicAuth("user", "pass"))
	resp := c.do("GET", "/v2/", "").want(t, 401)
	want := []string{`Bearer realm="https://auth.example.com/token",service="registry.example.com"`, `Basic realm="registry"`}
	if diff := cmp.Diff(want, resp.Header.Values("WWW-Authenticate")); diff != "" {
		t.Errorf("challenges (-want +got):\n%s", diff)
	}
	c.do("GET", "/v2/", "", "Authorization", basicAuth("user", "pass")).want(t, 200)
	c.do("GET", "/v2/", "", "Authorization", "Bearer "+getToken(t, ts, basicAuth("user", "pass")).Token).want(t, 200)
}

func TestRegistryServesTokensWithoutRealm(t *testing.T) {
	t.Parallel()
	ts := fakeregistry.NewTokenService("", service, fakeregistry.WithUser("user", "pass", fakeregistry.Allow("*", "*")))
	overBothTransports(t, []fakeregistry.Option{fakeregistry.WithTokenAuth(ts)}, func(t *testing.T, c *client) {
		c.do("GET", "/v2/", "").want(t, 401, "WWW-Authenticate", `Bearer realm="`+c.base+`/token",service="registry.example.com"`)
		got := unmarshal[tokenResponse](t, c.do("GET", "/token?service="+service, "", "Authorization", basicAuth("user", "pass")).want(t, 200).body)
		c.do("GET", "/v2/", "", "Authorization", "Bearer "+got.Token).want(t, 200)
	})
}

func TestSetRealm(t *testing.T) {
	t.Parallel()
	c, ts := newSecuredRegistry(t)
	srv := httptest.NewServer(ts)
	defer srv.Close()
	ts.SetRealm(srv.URL + "/token")
	c.do("GET", "/v2/", "").want(t, 401, "WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="registry.example.com"`)
	resp, body := send(t, srv.Client().Transport, "GET", srv.URL+"/token", "")
	c.do("GET", "/v2/", "", "Authorization", "Bearer "+unmarshal[tokenResponse](t, body).Token).want(t, 200)
	resp.Body.Close()
}

func TestTokenServicesHaveLogAndInterceptors(t *testing.T) {
	t.Parallel()
	_, ts := newSecuredRegistry(t)
	ts.Intercept(1, fakeregistry.On("GET", "/token"), fakeregistry.Errors(503, "UNAVAILABLE", ""))
	if got := getToken(t, ts, "", "repository:a:pull"); got.Status != 503 {
		t.Errorf("intercepted: %+v", got)
	}
	getToken(t, ts, "")
	want := []string{"GET /token?scope=repository%3Aa%3Apull&service=registry.example.com 503", "GET /token?service=registry.example.com 200"}
	if diff := cmp.Diff(want, logLines(ts.Requests())); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestTokensAreDeterministic(t *testing.T) {
	t.Parallel()
	_, first := newSecuredRegistry(t)
	_, second := newSecuredRegistry(t)
	a, b, c := getToken(t, first, "").Token, getToken(t, second, "").Token, getToken(t, first, "").Token
	if a != b || a == c {
		t.Errorf("tokens %q, %q and %q, want the first two equal", a, b, c)
	}
}
