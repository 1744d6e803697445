package facts_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func authenticating() chapter {
	basic := registry.Setup{Users: map[string]string{"derek": "secret"}}
	token := registry.Setup{Accounts: map[string]registry.Account{
		"derek":  {Password: "secret", Actions: []string{"pull", "push", "delete"}},
		"reader": {Password: "secret", Actions: []string{"pull"}},
	}}
	unknown := "manifests/" + digest.FromString("nobody's").String()

	return chapter{"authenticating", []fact{
		{
			name:  "basic: GET without credentials",
			setup: basic,
			ask: func(t *testing.T, r site) string {
				return challenged(r, r.Do(t, http.MethodGet, unknown, wire.AcceptAll()))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Basic realm="integration"`,
		},
		{
			name:  "basic: DELETE with a wrong password",
			setup: basic,
			ask: func(t *testing.T, r site) string {
				r.Authorization = userinfo("derek", "wrong")
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Basic realm="integration"`,
		},
		{
			name:  "basic: DELETE with the right password",
			setup: basic,
			ask: func(t *testing.T, r site) string {
				r.Authorization = userinfo("derek", "secret")
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name:  "token: GET of /v2/ without a token",
			setup: token,
			ask: func(t *testing.T, r site) string {
				return challenged(r, r.Send(t, http.MethodGet, r.URL+"/v2/", nil))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration"`,
		},
		{
			name:  "token: HEAD without a token",
			setup: token,
			ask: func(t *testing.T, r site) string {
				return challenged(r, r.Do(t, http.MethodHead, "manifests/latest", wire.AcceptAll()))
			},
			on2: `401; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:pull"`,
		},
		{
			name:  "token: DELETE without a token",
			setup: token,
			ask: func(t *testing.T, r site) string {
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete"`,
		},
		{
			name:  "token: the body of that answer",
			setup: token,
			ask: func(t *testing.T, r site) string {
				return strings.TrimSpace(string(r.Do(t, http.MethodDelete, unknown).Body))
			},
			on2: `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"derek/busybox","Action":"delete"}]}]}`,
		},
		{
			name:  "token: the tag list without a token",
			setup: token,
			ask: func(t *testing.T, r site) string {
				return challenged(r, r.Do(t, http.MethodGet, "tags/list"))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:pull"`,
		},
		{
			name:  "token: the catalog without a token",
			setup: token,
			ask: func(t *testing.T, r site) string {
				return challenged(r, r.Send(t, http.MethodGet, r.URL+"/v2/_catalog", nil))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="registry:catalog:*"`,
		},
		{
			name:  "token: DELETE with something that is no token",
			setup: token,
			ask: func(t *testing.T, r site) string {
				r.Authorization = "Bearer nonsense"
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete",error="invalid_token"`,
		},
		{
			name:  "token: DELETE with a token that allows pull",
			setup: token,
			ask: func(t *testing.T, r site) string {
				r.Authorization = bearer(t, r, "reader", "repository:derek/busybox:pull,delete")
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete",error="insufficient_scope"`,
		},
		{
			name:  "token: DELETE with a token for another repository",
			setup: token,
			ask: func(t *testing.T, r site) string {
				r.Authorization = bearer(t, r, "derek", "repository:derek/other:pull,delete")
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete",error="insufficient_scope"`,
		},
		{
			name:  "token: DELETE with a token that allows delete",
			setup: token,
			ask: func(t *testing.T, r site) string {
				r.Authorization = bearer(t, r, "derek", "repository:derek/busybox:delete")
				return challenged(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
	}}
}

// challenged adds the challenge to an answer. The address of the token service is another each time.
func challenged(r site, answer wire.Answer) string {
	challenges := answer.Header.Values("WWW-Authenticate")
	if challenges == nil {
		return answer.String()
	}
	text := answer.String() + "; WWW-Authenticate: " + strings.Join(challenges, " and ")
	if r.server.Tokens != nil {
		text = strings.ReplaceAll(text, r.server.Tokens.URL, "URL")
	}
	return text
}

func userinfo(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func bearer(t *testing.T, r site, user, scope string) string {
	t.Helper()
	token, err := r.server.Tokens.Token(user, scope)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}
