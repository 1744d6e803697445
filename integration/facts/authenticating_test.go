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

func authenticating() section {
	basic := registry.Setup{Users: map[string]string{"derek": "secret"}}
	token := registry.Setup{Accounts: map[string]registry.Account{
		"derek":  {Password: "secret", Actions: []string{"pull", "push", "delete"}},
		"reader": {Password: "secret", Actions: []string{"pull"}},
	}}
	unknown := "manifests/" + digest.FromString("never pushed").String()

	return section{"authenticating", []fact{
		{
			name:  "basic: GET without credentials",
			setup: basic,
			observe: func(t *testing.T, r repo) string {
				return withChallenge(r, r.Do(t, http.MethodGet, unknown, wire.AcceptAll()))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Basic realm="integration"`,
		},
		{
			name:  "basic: DELETE with a wrong password",
			setup: basic,
			observe: func(t *testing.T, r repo) string {
				r.Authorization = basicAuth("derek", "wrong")
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Basic realm="integration"`,
		},
		{
			name:  "basic: DELETE with the right password",
			setup: basic,
			observe: func(t *testing.T, r repo) string {
				r.Authorization = basicAuth("derek", "secret")
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name:  "token: GET of /v2/ without a token",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				return withChallenge(r, r.Send(t, http.MethodGet, r.URL+"/v2/", nil))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration"`,
		},
		{
			name:  "token: HEAD without a token",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				return withChallenge(r, r.Do(t, http.MethodHead, "manifests/latest", wire.AcceptAll()))
			},
			on2: `401; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:pull"`,
		},
		{
			name:  "token: DELETE without a token",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete"`,
		},
		{
			name:  "token: body of that response",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				return strings.TrimSpace(string(r.Do(t, http.MethodDelete, unknown).Body))
			},
			on2: `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"derek/busybox","Action":"delete"}]}]}`,
		},
		{
			name:  "token: GET of the tag list without a token",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				return withChallenge(r, r.Do(t, http.MethodGet, "tags/list"))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:pull"`,
		},
		{
			name:  "token: GET of the catalog without a token",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				return withChallenge(r, r.Send(t, http.MethodGet, r.URL+"/v2/_catalog", nil))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="registry:catalog:*"`,
		},
		{
			name:  "token: DELETE with an invalid token",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				r.Authorization = "Bearer nonsense"
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete",error="invalid_token"`,
		},
		{
			name:  "token: DELETE with a token that allows only pull",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				r.Authorization = bearer(t, r, "reader", "repository:derek/busybox:pull,delete")
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete",error="insufficient_scope"`,
		},
		{
			name:  "token: DELETE with a token for another repository",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				r.Authorization = bearer(t, r, "derek", "repository:derek/other:pull,delete")
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `401 UNAUTHORIZED "authentication required"; WWW-Authenticate: Bearer realm="URL",service="registry.integration",scope="repository:derek/busybox:delete",error="insufficient_scope"`,
		},
		{
			name:  "token: DELETE with a token that allows delete",
			setup: token,
			observe: func(t *testing.T, r repo) string {
				r.Authorization = bearer(t, r, "derek", "repository:derek/busybox:delete")
				return withChallenge(r, r.Do(t, http.MethodDelete, unknown))
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
	}}
}

// withChallenge describes a response with its challenge. It replaces the URL of the token service,
// which differs in each run.
func withChallenge(r repo, answer wire.Answer) string {
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

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func bearer(t *testing.T, r repo, user, scope string) string {
	t.Helper()
	token, err := r.server.Tokens.Token(user, scope)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}
