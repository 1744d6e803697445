package auth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/auth"
)

func TestRequestedScopes(t *testing.T) {
	t.Parallel()
	scope := func(kind, name, action string) auth.Scope { return auth.Scope{Type: kind, Name: name, Action: action} }
	for _, tt := range []struct {
		rule       string
		scope      auth.Scope
		challenged string
		want       string
	}{
		{"deleting is asked for together with pulling", pull, "repository:team/app:pull", "GET repository:team/app:pull,delete"},
		{"pulling is asked for together with deleting", remove, "repository:team/app:delete", "GET repository:team/app:delete,pull"},
		{"pulling is asked for together with pushing", scope("repository", "team/app", "push"), "repository:team/app:push", "GET repository:team/app:push,pull"},
		{"what the challenge asks for comes first", pull, "repository:team/app:push,pull", "GET repository:team/app:push,pull,delete"},
		{"a challenge for everything is added to", remove, "repository:team/app:*", "GET repository:team/app:*,pull,delete"},
		{"actions that are named twice or are empty are asked for once", pull, "repository:team/app:pull,,pull repository:team/app:delete", "GET repository:team/app:pull,delete"},
		{"without a scope in the challenge the request's own is asked for", pull, "", "GET repository:team/app:pull,delete"},
		{"other resources of the challenge are asked for as they are", pull, "repository:team/lib:pull repository:team/app:pull", "GET repository:team/lib:pull repository:team/app:pull,delete"},
		{"a challenge about another resource is added to", pull, "repository:team/lib:pull", "GET repository:team/lib:pull repository:team/app:pull,delete"},
		{"a class of repositories is another resource", pull, "repository(plugin):team/app:pull", "GET repository(plugin):team/app:pull repository:team/app:pull,delete"},
		{"a word without a colon is another resource", pull, "openid", "GET openid repository:team/app:pull,delete"},
		{"a name with a port is one resource", on("host:5000/app"), "repository:host:5000/app:pull", "GET repository:host:5000/app:pull,delete"},
		{"the list of repositories has one action", scope("registry", "catalog", "*"), "registry:catalog:*", "GET registry:catalog:*"},
		{"a request about the registry as a whole has the challenge's scope", ping, "repository:team/app:pull openid", "GET repository:team/app:pull openid"},
		{"a request about the registry as a whole may have no scope", ping, "", "GET"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered())
			f.accepted(t, tt.scope, bearer(tt.challenged))
			f.wantScopes(t, tt.want)
		})
	}
}

func TestScopeFallback(t *testing.T) {
	t.Parallel()
	const (
		wide  = "GET repository:team/app:pull,delete"
		exact = "GET repository:team/app:pull"
		star  = "GET repository:team/app:*"
	)
	issue, bad, forbidden := reply(200, `{"token":"t0ken"}`), reply(400, ""), reply(403, "")
	for _, tt := range []struct {
		rule       string
		scope      auth.Scope
		challenged string
		handlers   []handler
		want       []string
		status     int // of the error, 0 for a token
	}{
		{"the challenge's scope follows a 400", pull, "repository:team/app:pull", []handler{bad, issue}, []string{wide, exact}, 0},
		{"the challenge's scope follows a 403", pull, "repository:team/app:pull", []handler{forbidden, issue}, []string{wide, exact}, 0},
		{"every action comes last", pull, "repository:team/app:pull", []handler{bad, forbidden, issue}, []string{wide, exact, star}, 0},
		{"the last refusal is the error", pull, "repository:team/app:pull", []handler{bad, bad, forbidden}, []string{wide, exact, star}, 403},
		{"the challenge's scope is left out where it is the same", pull, "repository:team/app:pull,delete", []handler{bad, issue}, []string{wide, star}, 0},
		{"the challenge's scope is left out where there is none", pull, "", []handler{bad, issue}, []string{wide, star}, 0},
		{"other resources of the challenge stay", pull, "repository:team/lib:pull repository:team/app:pull", []handler{bad, bad, issue},
			[]string{"GET repository:team/lib:pull repository:team/app:pull,delete", "GET repository:team/lib:pull repository:team/app:pull", "GET repository:team/lib:pull repository:team/app:*"}, 0},
		{"a scope that cannot be changed is asked for once", ping, "repository:team/app:pull", []handler{bad}, []string{exact}, 400},
		{"the list of repositories is asked for once", auth.Scope{Type: "registry", Name: "catalog", Action: "*"}, "registry:catalog:*", []handler{bad}, []string{"GET registry:catalog:*"}, 400},
		{"a 401 is not about the scope", pull, "repository:team/app:pull", []handler{reply(401, "")}, []string{wide}, 401},
		{"a 404 is not about the scope", pull, "repository:team/app:pull", []handler{reply(404, "")}, []string{wide}, 404},
		{"a 500 is not about the scope", pull, "repository:team/app:pull", []handler{reply(500, "")}, []string{wide}, 500},
		{"a refused grant is not about the scope", pull, "repository:team/app:pull", []handler{reply(400, `{"error":"invalid_grant"}`)}, []string{wide}, 400},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, inOrder(tt.handlers...))
			z := f.For(tt.scope)
			header, err := z.Answer(t.Context(), http.StatusUnauthorized, bearer(tt.challenged), nil)
			switch {
			case tt.status == 0 && (err != nil || header != "Bearer t0ken"):
				t.Errorf("got %q, %v", header, err)
			case tt.status != 0 && failureOf(t, err).StatusCode != tt.status:
				t.Errorf("got %v, want status %d", err, tt.status)
			}
			f.wantScopes(t, tt.want...)
		})
	}
}

func TestTheScopeThatWorkedIsRemembered(t *testing.T) {
	t.Parallel()
	t.Run("the challenge's own", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(reply(400, ""), reply(200, `{"token":"t0ken"}`)))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		wantHeader(t, f.header(t, remove), "") // only a challenge says what its scope is
		f.accepted(t, on("team/other"), bearer("repository:team/other:pull"))
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/app:pull", "GET repository:team/other:pull")
	})
	t.Run("the challenge's own, which allows what the request needs although the challenge does not say so", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(reply(400, ""), reply(200, `{"token":"t0ken"}`)))
		f.accepted(t, remove, bearer("repository:team/app:pull"))
		wantHeader(t, f.header(t, remove), "Bearer t0ken")
	})
	t.Run("every action", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(reply(400, ""), reply(400, ""), numbered()))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		wantHeader(t, f.header(t, remove), "Bearer t0ken1")
		f.accepted(t, on("team/other"), bearer("repository:team/other:pull"))
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/app:pull", "GET repository:team/app:*", "GET repository:team/other:*")
	})
	t.Run("the challenge's own after a wider token that the registry refused", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		z := f.For(pull)
		answer(t, &z, bearer("repository:team/app:pull"))
		answer(t, &z, bearer("repository:team/app:pull"))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/app:pull")
	})
	t.Run("the wider one where the registry has accepted one before", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		z := f.For(on("team/other"))
		answer(t, &z, bearer("repository:team/other:pull"))
		answer(t, &z, bearer("repository:team/other:pull"))
		f.accepted(t, on("team/third"), bearer("repository:team/third:pull"))
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/other:pull,delete", "GET repository:team/third:pull,delete")
	})
	t.Run("the wider one where the challenge has no scope", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, numbered())
		z := f.For(pull)
		answer(t, &z, bearer(""))
		answer(t, &z, bearer(""))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		f.wantScopes(t, "GET repository:team/app:pull,delete", "GET repository:team/app:pull,delete")
	})
}

// jwt returns a handler that issues a token with the given payload.
func jwt(payload string) handler {
	return reply(200, fmt.Sprintf(`{"token":"e30.%s.c2ln"}`, base64.RawURLEncoding.EncodeToString([]byte(payload))))
}

func TestATokenThatAllowsTooLittle(t *testing.T) {
	t.Parallel()
	const (
		wide  = "GET repository:team/app:pull,delete"
		exact = "GET repository:team/app:pull"
	)
	access := func(entries string) string { return `{"access":[` + entries + `]}` }
	const nothing, pulls = `{"type":"repository","name":"team/app","actions":[]}`, `{"type":"repository","name":"team/app","actions":["pull"]}`
	for _, tt := range []struct {
		rule, payload string
		want          []string
	}{
		{"a token for what the challenge asks for is used", access(pulls), []string{wide}},
		{"a token for everything is used", access(`{"type":"repository","name":"team/app","actions":["*"]}`), []string{wide}},
		{"the actions of several entries count", access(nothing + "," + pulls), []string{wide}},
		{"a token without the action is replaced by one of the challenge's own scope", access(nothing), []string{wide, exact}},
		{"a token without any access is replaced", access(""), []string{wide, exact}},
		{"a token for another repository is replaced", access(`{"type":"repository","name":"team/lib","actions":["pull"]}`), []string{wide, exact}},
		{"a token for another type of resource is replaced", access(`{"type":"registry","name":"team/app","actions":["pull"]}`), []string{wide, exact}},
		{"a token that does not state its access is used", `{"sub":"ann"}`, []string{wide}},
		{"a token whose access is null is used", `{"access":null}`, []string{wide}},
		{"a token whose access is of another form is used", `{"access":"all"}`, []string{wide}},
		{"a token that is not JSON is used", `no`, []string{wide}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, inOrder(jwt(tt.payload), jwt(access(pulls))))
			f.accepted(t, pull, bearer("repository:team/app:pull"))
			f.wantScopes(t, tt.want...)
		})
	}
	for rule, first := range map[string]handler{
		"a token that has two parts is used":       reply(200, `{"token":"e30.e30"}`),
		"a token that is not base64 URL is used":   reply(200, `{"token":"e30.e30+.e30"}`),
		"a token that has four parts is used":      reply(200, `{"token":"e30.eyJhY2Nlc3MiOltdfQ.a.b"}`),
		"a token of no structure at all is used":   reply(200, `{"token":"0paque"}`),
		"a token with the action delete is enough": jwt(access(`{"type":"repository","name":"team/app","actions":["pull","delete"]}`)),
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, first)
			f.accepted(t, pull, bearer("repository:team/app:pull"))
			f.wantScopes(t, wide)
		})
	}
	t.Run("the challenge's own scope is remembered where it helps", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, inOrder(jwt(access(nothing)), jwt(access(pulls))))
		f.accepted(t, pull, bearer("repository:team/app:pull"))
		f.accepted(t, on("team/other"), bearer("repository:team/other:pull"))
		f.wantScopes(t, wide, exact, "GET repository:team/other:pull")
	})
	for rule, second := range map[string]handler{
		"the wider token is used where the challenge's own scope does not help": jwt(access(nothing)),
		"the wider token is used where the challenge's own scope is refused":    reply(403, ""),
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, inOrder(reply(200, `{"token":"e30.eyJhY2Nlc3MiOltdfQ.first"}`), second))
			wantHeader(t, f.accepted(t, pull, bearer("repository:team/app:pull")), "Bearer e30.eyJhY2Nlc3MiOltdfQ.first")
			f.wantScopes(t, wide, exact)
		})
	}
	t.Run("a token is used where the challenge's own scope is the same", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, jwt(access(nothing)))
		f.accepted(t, pull, bearer("repository:team/app:pull,delete"))
		f.wantScopes(t, wide)
	})
}
