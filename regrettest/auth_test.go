package regrettest_test

import (
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// tokenFor gets a token, for an anonymous client if user is empty.
func tokenFor(c *client, user, password, scope string) string {
	c.t.Helper()
	header := []string{"Authorization", basic(user, password)}
	if user == "" {
		header = nil
	}
	resp := c.do("GET", "/token?service=registry&scope="+url.QueryEscape(scope), "", header...).want(200)
	return "Bearer " + decode[struct{ Token string }](c.t, resp.body).Token
}

var pullTeam = regrettest.Grant{Repository: "team/*", Actions: []string{"pull"}}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	c := connect(t, regrettest.WithBasicAuth("ann", "secret"),
		regrettest.WithBasicAuth("bob", "secret", pullTeam, regrettest.Grant{Repository: "registry:catalog", Actions: []string{"*"}}))
	c.reg.PutImage("team/a", regrettest.Image{}, "v1")
	c.reg.PutImage("b", regrettest.Image{}, "v1")
	c.do("GET", "/v2/", "").want(401, "WWW-Authenticate", `Basic realm="registry"`)
	c.do("GET", "/v2/", "", "Authorization", basic("ann", "wrong")).want(401)
	for _, test := range []struct {
		user, method, path string
		want               int
	}{
		{"bob", "GET", "/v2/team/a/manifests/v1", 200},
		{"bob", "GET", "/v2/_catalog", 200},
		{"bob", "GET", "/v2/b/manifests/v1", 403},
		{"bob", "DELETE", "/v2/team/a/manifests/v1", 403},
		{"ann", "GET", "/v2/_catalog", 200},
		{"ann", "DELETE", "/v2/team/a/manifests/v1", 202},
	} {
		c.do(test.method, test.path, "", "Authorization", basic(test.user, "secret")).want(test.want)
	}
}

func TestTokenAuth(t *testing.T) {
	t.Parallel()
	t.Run("tokens grant what the user may do and the client asks for", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithTokenAuth("ann", "secret"),
			regrettest.WithTokenAuth("bob", "secret", pullTeam, regrettest.Grant{Repository: "registry:catalog", Actions: []string{"*"}}))
		c.reg.PutImage("team/a", regrettest.Image{}, "v1")
		c.do("DELETE", "/v2/team/a/manifests/v1", "").
			want(401, "WWW-Authenticate", `Bearer realm="https://registry.example.com/token",service="registry",scope="repository:team/a:delete"`)
		c.do("GET", "/token?scope=repository:a:pull", "", "Authorization", basic("ann", "wrong")).want(401)
		c.do("GET", "/token?scope=repository:a:pull", "").want(401)
		for _, test := range []struct {
			user, scope, method, path string
			want                      int
		}{
			{"bob", "repository:team/a:pull,delete", "GET", "/v2/team/a/manifests/v1", 200},
			{"bob", "repository:team/a:pull,delete", "DELETE", "/v2/team/a/manifests/v1", 401},
			{"bob", "registry:catalog:*", "GET", "/v2/_catalog", 200},
			{"ann", "repository:team/a:pull", "DELETE", "/v2/team/a/manifests/v1", 401},
			{"ann", "repository:team/a:delete", "DELETE", "/v2/team/a/manifests/v1", 202},
		} {
			c.do(test.method, test.path, "", "Authorization", tokenFor(c, test.user, "secret", test.scope)).want(test.want)
		}
	})
	t.Run("clients without credentials get what is granted to them", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithAnonymousTokens(pullTeam), regrettest.WithTokenAuth("ann", "secret"))
		c.reg.PutImage("team/a", regrettest.Image{}, "v1")
		anonymous := tokenFor(c, "", "", "repository:team/a:pull,delete")
		c.do("GET", "/v2/team/a/manifests/v1", "").want(401)
		c.do("GET", "/v2/team/a/manifests/v1", "", "Authorization", anonymous).want(200)
		c.do("DELETE", "/v2/team/a/manifests/v1", "", "Authorization", anonymous).want(401)
		c.do("DELETE", "/v2/team/a/manifests/v1", "", "Authorization", tokenFor(c, "ann", "secret", "repository:team/a:delete")).want(202)
	})
	t.Run("revoked tokens are refused", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithTokenAuth("ann", "secret"))
		token := tokenFor(c, "ann", "secret", "repository:a:pull")
		c.do("GET", "/v2/a/tags/list", "", "Authorization", token).want(404)
		c.reg.RevokeTokens()
		c.do("GET", "/v2/a/tags/list", "", "Authorization", token).want(401)
		connect(t).reg.RevokeTokens() // has no tokens
	})
	t.Run("a profile that takes both kinds takes both from every user", func(t *testing.T) {
		t.Parallel()
		for _, opt := range []regrettest.Option{regrettest.WithBasicAuth("ann", "secret"), regrettest.WithTokenAuth("ann", "secret")} {
			c := connect(t, opt, regrettest.WithProfile(profile(t, "gitea")))
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.do("GET", "/v2/a/tags/list", "", "Authorization", basic("ann", "secret")).want(200)
			c.do("GET", "/v2/a/tags/list", "", "Authorization", tokenFor(c, "ann", "secret", "repository:a:pull")).want(200)
			c.do("GET", "/v2/a/tags/list", "").want(401)
		}
	})
	t.Run("at Quay, a user who may delete gets what a deletion needs there", func(t *testing.T) {
		t.Parallel()
		c := connect(t, regrettest.WithProfile(profile(t, "quay")),
			regrettest.WithTokenAuth("ann", "secret", regrettest.Grant{Repository: "a", Actions: []string{"delete"}}))
		c.reg.PutImage("a", regrettest.Image{}, "v1")
		c.do("DELETE", "/v2/a/manifests/v1", "", "Authorization", tokenFor(c, "ann", "secret", "repository:a:pull,push")).want(202)
	})
}
