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

// dialogue is every request of a network with what it was asked for: "HEAD 401",
// "token pull,delete 200", "DELETE 202".
func exchanges(t testing.TB, n *fakeregistry.Network) []string {
	t.Helper()
	lines := []string{}
	for _, r := range n.Requests() {
		if !strings.Contains(r.Path, "/token") {
			how, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %s", r.Method, r.Status, how)))
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

// Token services as they are: each is asked for what it understands, and no more
// often than it must be, to resolve a tag and delete what it stood for.
func TestKnownTokenServices(t *testing.T) {
	t.Parallel()
	const minutes = 5 * time.Minute
	type service struct {
		rule    string
		tokens  []fakeregistry.TokenOption
		options []fakeregistry.Option
		set     func(p *platform)
		pause   time.Duration // between the two
		want    []string
		err     error
	}
	for _, test := range []service{
		{
			rule:   "distribution's takes one scope for both",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithJWT()},
			want:   []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule:   "distribution's gives another one after its time",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithJWT(), fakeregistry.WithTokenExpiry(minutes)}, pause: minutes,
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "token pull,delete 200", "DELETE 202 Bearer"},
		},
		{
			rule:   "Docker Hub's says nothing of its time, which is a minute",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithoutExpiresIn()}, pause: 49 * time.Second,
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule:   "Docker Hub's is asked again before the minute is over",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithoutExpiresIn()}, pause: 50 * time.Second,
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "token pull,delete 200", "DELETE 202 Bearer"},
		},
		{
			rule:    "Quay's knows no delete, and its registry wants push for it",
			tokens:  []fakeregistry.TokenOption{fakeregistry.WithScopeActions("push", "pull", "*"), fakeregistry.WithTokenExpiry(time.Hour)},
			options: []fakeregistry.Option{fakeregistry.WithDeleteActions("pull", "push")},
			want: []string{"HEAD 401", "token pull,delete 400", "token pull 200", "HEAD 200 Bearer",
				"DELETE 401", "token pull,push 200", "DELETE 202 Bearer"},
		},
		{
			rule:   "Harbor's registry asks for Basic where the token allows nothing, and gets it once",
			tokens: []fakeregistry.TokenOption{fakeregistry.WithTokenExpiry(30 * time.Minute), fakeregistry.WithUser(account, password, fakeregistry.Allow("*", "pull"))},
			set: func(p *platform) {
				p.registry.Intercept(0, fakeregistry.On("DELETE", "/v2/"), fakeregistry.Answer(401, map[string]string{"Www-Authenticate": `Basic realm="harbor"`},
					`{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized to access repository: team/app, action: delete"}]}`))
			},
			want: []string{"HEAD 401", "token pull,delete 200", "HEAD 200 Bearer", "DELETE 401 Bearer", "DELETE 401 Basic"},
			err:  regret.ErrUnauthorized,
		},
		{
			rule: "GitLab's is not asked for everything, which would not even read",
			set: func(p *platform) {
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
			rule: "Gitea's is offered beside Basic and without a scope",
			set: func(p *platform) {
				p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") == "" }, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Add("WWW-Authenticate", `Bearer realm="`+realm+`",service="container_registry",scope="*"`)
					w.Header().Add("WWW-Authenticate", `Basic realm="Gitea Container Registry"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				})
				p.tokens.Intercept(0, fakeregistry.On("", "/"), func(w http.ResponseWriter, req *http.Request) bool {
					query := req.URL.Query()
					query["scope"] = []string{"repository:" + repo + ":pull,delete"} // it looks at none
					clone := req.Clone(req.Context())
					clone.URL.RawQuery = query.Encode()
					p.tokens.Serve(w, clone)
					return true
				})
			},
			want: []string{"HEAD 401", "token * pull,delete 200", "HEAD 200 Bearer", "DELETE 202 Bearer"},
		},
		{
			rule:   "one that grants less than asked is asked once more, in the words of the refusal",
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
				if test.set != nil {
					test.set(p)
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
					t.Error("the manifest is not as the answer says")
				}
				wantSecretsOnlyAt(t, p.Network.Requests(), []string{registryURL + ":443", authURL + ":443"}, password)
			})
		})
	}
}
