package regret_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// exchanges returns every request in short form, with the scheme of its credentials or,
// if it is for a token, its scope: "HEAD 401", "token pull,delete 200", "DELETE 202 Bearer".
func exchanges(t testing.TB, n *fakeregistry.Network) []string {
	t.Helper()
	lines := []string{}
	for _, r := range n.Requests() {
		if !strings.Contains(r.Path, "/token") {
			scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %s", r.Method, r.Status, scheme)))
			continue
		}
		q, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("token %s %d", strings.ReplaceAll(strings.Join(q["scope"], " "), "repository:"+repo+":", ""), r.Status))
	}
	return lines
}

// TestKnownTokenServices resolves a tag and deletes its manifest with imitations of real
// token services. The client requests scopes that each service understands, with as few
// requests as possible.
func TestKnownTokenServices(t *testing.T) {
	t.Parallel()
	const lifetime = 5 * time.Minute
	type service struct {
		rule    string
		tokens  []fakeregistry.TokenOption
		options []fakeregistry.Option
		setUp   func(p *platform)
		pause   time.Duration // between resolving and deleting
		want    []string
		err     error
	}
	for _, test := range []service{
		{
			rule:   "distribution: one token serves both requests",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithJWT()},
			want:   []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule:   "distribution: an expired token is replaced",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithJWT(), fakeregistry.WithTokenExpiry(lifetime)}, pause: lifetime,
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "token pull,delete 200", "DELETE 202 Bearer"},
		},
		{
			rule:   "Docker Hub: a token without expires_in lives a minute",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithoutExpiresIn()}, pause: 49 * time.Second,
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule:   "Docker Hub: the token is replaced ten seconds before the minute is over",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithoutExpiresIn()}, pause: 50 * time.Second,
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "token pull,delete 200", "DELETE 202 Bearer"},
		},
		{
			rule:    "Quay: the service does not know the action delete, and deleting needs push",
			tokens:  []fakeregistry.TokenOption{fakeregistry.WithScopeActions("push", "pull", "*"), fakeregistry.WithTokenExpiry(time.Hour)},
			options: []fakeregistry.Option{fakeregistry.WithDeleteActions("pull", "push")},
			want: []string{"HEAD 401", "token pull,delete 400", "token pull 200", "HEAD 200 Bearer",
				"DELETE 401", "token pull,push 200", "DELETE 202 Bearer"},
		},
		{
			rule:   "Harbor: the registry responds to an insufficient token with a Basic challenge, and Basic is sent once",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithTokenExpiry(30 * time.Minute), fakeregistry.WithUser(account, password, fakeregistry.Allow("*", "pull"))},
			setUp: func(p *platform) {
				p.registry.Intercept(0, fakeregistry.On("DELETE", "/v2/"), fakeregistry.Answer(401, map[string]string{"Www-Authenticate": `Basic realm="harbor"`},
					`{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: team/app, action: delete"}]}`))
			},
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 401 Bearer", "DELETE 401 Basic"},
			err:  regret.ErrUnauthorized,
		},
		{
			rule: "GitLab: the action * is not requested, because its token could not even read",
			setUp: func(p *platform) {
				p.tokens.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
					if !strings.HasSuffix(req.URL.Query().Get("scope"), ":*") {
						return false
					}
					fmt.Fprint(w, `{"token":"opaque-and-useless"}`)
					return true
				})
			},
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule: "Gitea: the challenges are Basic and Bearer without a usable scope",
			setUp: func(p *platform) {
				p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") == "" }, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Add("WWW-Authenticate", `Bearer realm="`+realm+`",service="container_registry",scope="*"`)
					w.Header().Add("WWW-Authenticate", `Basic realm="Gitea Container Registry"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				})
				p.tokens.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
					query := req.URL.Query()
					query["scope"] = []string{"repository:" + repo + ":pull,delete"} // Gitea ignores the scope
					clone := req.Clone(req.Context())
					clone.URL.RawQuery = query.Encode()
					p.tokens.Serve(w, clone)
					return true
				})
			},
			want: []string{"HEAD 401", "token * pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule:   "a service that grants less than requested gets one more request, with the scope of the challenge",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithJWT(), fakeregistry.WithUser(account, password, fakeregistry.Allow("*", "pull"))},
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer",
				"DELETE 401 Bearer", "token delete,pull 200", "token delete 200", "DELETE 401 Bearer"},
			err: regret.ErrForbidden,
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlatform(test.tokens...)
				p.registry = fakeregistry.New(append(test.options, fakeregistry.WithTokenAuth(p.tokens))...)
				p.registry.PutImage(repo, "hello", "v1")
				p.Handle(registryURL, p.registry)
				if test.setUp != nil {
					test.setUp(p)
				}
				c := p.client(t)
				dgst, err := c.ResolveDigest(t.Context(), repo, "v1")
				wantErr(t, err)
				<-time.After(test.pause)
				err = c.DeleteManifest(t.Context(), repo, dgst)
				if test.err == nil {
					wantErr(t, err)
				} else {
					wantErr(t, err, test.err)
				}
				if diff := cmp.Diff(test.want, exchanges(t, p.Network)); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if p.registry.HasManifest(repo, dgst) != (test.err != nil) {
					t.Errorf("the manifest is there: %t, but the error is %v", test.err == nil, err)
				}
				wantSecretsOnlyAt(t, p.Network.Requests(), []string{registryURL + ":443", authURL + ":443"}, password)
			})
		})
	}
}
