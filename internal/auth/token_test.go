package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/body"
)

// longest is the longest token that is accepted.
var longest = strings.Repeat("a", 16<<10)

func TestIsToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, token string
		want        bool
	}{
		{"letters, digits and some punctuation are a token", "aZ09-._~+/", true},
		{"a token may end with equals signs", "YQ==", true},
		{"a token has at most 16 KiB", longest, true},
		{"a longer one is no token", longest + "a", false},
		{"nothing is no token", "", false},
		{"equals signs alone are no token", "==", false},
		{"an equals sign within it makes it no token", "a=b", false},
		{"white space makes it no token", "a b", false},
		{"a line break makes it no token", "a\r\nX-Injected: 1", false},
		{"letters outside ASCII make it no token", "tökén", false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := auth.IsToken(tt.token); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	header := func(authorization ...string) http.Header {
		h := http.Header{"User-Agent": {"tester/1"}, "Accept-Encoding": {"identity"}}
		if authorization != nil {
			h["Authorization"] = authorization
		}
		return h
	}
	for _, tt := range []struct {
		rule      string
		cred      credentials.Credential
		scope     auth.Scope
		challenge http.Header
		want      request
	}{
		{"service, scope and account are in the query, the password is not", credentials.Credential{Username: account, Password: password}, pull, bearer("repository:team/app:pull"),
			request{Query: url.Values{"service": {"the registry"}, "scope": {"repository:team/app:pull,delete"}, "account": {account}}, Header: header(basicHeader)}},
		{"an anonymous request has neither account nor password", credentials.Credential{}, pull, bearer("repository:team/app:pull"),
			request{Query: url.Values{"service": {"the registry"}, "scope": {"repository:team/app:pull,delete"}}, Header: header()}},
		{"each resource has a field of its own", credentials.Credential{}, pull, bearer("repository:team/lib:pull repository:team/app:pull"),
			request{Query: url.Values{"service": {"the registry"}, "scope": {"repository:team/lib:pull", "repository:team/app:pull,delete"}}, Header: header()}},
		{"service and scope are left out where the challenge has none", credentials.Credential{}, ping, challenge(`Bearer realm="` + realm + `"`),
			request{Query: url.Values{}, Header: header()}},
		{"the realm's own query is kept", credentials.Credential{}, ping, challenge(`Bearer realm="` + realm + `?a=b&service=x#c",service="s"`),
			request{Query: url.Values{"a": {"b"}, "service": {"s"}}, Header: header()}},
		{"what the challenge says cannot add a field", credentials.Credential{}, ping, challenge(`Bearer realm="` + realm + `",service="s&account=bob",scope="a&b=c"`),
			request{Query: url.Values{"service": {"s&account=bob"}, "scope": {"a&b=c"}}, Header: header()}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, numbered(), with(tt.cred))
			f.accepted(t, tt.scope, tt.challenge)
			tt.want.Method, tt.want.URL, tt.want.Form = "GET", realm, url.Values{}
			if diff := cmp.Diff([]request{tt.want}, f.all()); diff != "" {
				t.Errorf("token requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokenResponses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ rule, body, want string }{
		{"a token is used", `{"token":"t0ken"}`, "t0ken"},
		{"an access token is used", `{"access_token":"t0ken"}`, "t0ken"},
		{"a token is preferred to an access token", `{"access_token":"other","token":"t0ken"}`, "t0ken"},
		{"an access token is used where the token is empty", `{"access_token":"t0ken","token":""}`, "t0ken"},
		{"an access token is used where the token is not a string", `{"access_token":"t0ken","token":7}`, "t0ken"},
		{"other fields may have any form", `{"token":"t0ken","expires_in":[],"refresh_token":{},"issued_at":7}`, "t0ken"},
		{"a token of 16 KiB is used", `{"token":"` + longest + `"}`, longest},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, reply(200, tt.body))
			wantHeader(t, f.accepted(t, pull, bearer("")), "Bearer "+tt.want)
		})
	}
	const notJSON, noToken = "the token response is not JSON", "the token response has no token"
	const badToken = "the token has characters that no token has, or more than 16384 bytes"
	for _, tt := range []struct{ rule, body, want string }{
		{"an empty response", "", notJSON},
		{"text, which is not quoted", "hunter2", notJSON},
		{"JSON that breaks off", `{"token":"hunter2"`, notJSON},
		{"JSON with something after it", `{"token":"hunter2"} hunter2`, notJSON},
		{"an array", `["hunter2"]`, notJSON},
		{"a response without a token", `{"tokens":"hunter2"}`, noToken},
		{"null", `null`, noToken},
		{"a token that is null", `{"token":null}`, noToken},
		{"a token with a line break, which is not quoted", `{"token":"hunter2\r\nX-Injected: 1"}`, badToken},
		{"a token that is too long", `{"token":"a` + longest + `"}`, badToken},
		{"a response beyond the limit", `{"token":"t0ken","a":"` + strings.Repeat("a", 64<<10) + `"}`, "the response exceeds the limit of 65536 bytes"},
	} {
		t.Run(tt.rule+" is an error", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, reply(200, tt.body))
			wantFailure(t, failure{Reason: auth.TokenMalformed, Method: "GET", URL: realm, StatusCode: 200, Text: tt.want}, f.refused(t, bearer("")))
		})
	}
	t.Run("a response beyond the limit is told apart", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, reply(200, strings.Repeat(" ", 64<<10+1)))
		z := f.For(pull)
		_, err := z.Answer(t.Context(), http.StatusUnauthorized, bearer(""), nil)
		if _, ok := errors.AsType[*body.TooLargeError](err); !ok {
			t.Errorf("got %v", err)
		}
	})
}

func TestTokenLifetime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule, expiresIn string
		want            time.Duration
	}{
		{"without a lifetime a token is good for a minute", "null", time.Minute},
		{"a lifetime is in seconds", "300", 5 * time.Minute},
		{"a lifetime may be a string", `"300"`, 5 * time.Minute},
		{"a lifetime may have a fraction", "300.7", 5 * time.Minute},
		{"a lifetime may have an exponent", "3e2", 5 * time.Minute},
		{"a lifetime is at least a minute", "1", time.Minute},
		{"a lifetime of nothing is a minute", "0", time.Minute},
		{"a lifetime is not negative", "-300", time.Minute},
		{"a lifetime is at most an hour", "86400", time.Hour},
		{"a lifetime does not overflow", "1e300", time.Hour},
		{"a lifetime that cannot be represented is a minute", "1e999", time.Minute},
		{"a lifetime that is not a number is a minute", `"soon"`, time.Minute},
		{"a lifetime that is an object is a minute", `{"seconds":300}`, time.Minute},
	} {
		t.Run(tt.rule+", and a new token is fetched ten seconds earlier", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, reply(200, `{"token":"t0ken","expires_in":`+tt.expiresIn+`}`))
				f.accepted(t, pull, bearer(""))
				<-time.After(tt.want - 10*time.Second - 1)
				f.header(t, pull)
				if n := len(f.all()); n != 1 {
					t.Errorf("%d token requests before it expires", n)
				}
				<-time.After(1)
				f.header(t, pull)
				if n := len(f.all()); n != 2 {
					t.Errorf("%d token requests when it expires", n)
				}
			})
		})
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule   string
		handle handler
		want   failure // besides method, URL and reason
	}{
		{"a code of the registry's is kept", reply(401, `{"errors":[{"code":"UNAUTHORIZED","message":"hunter2"}]}`), failure{StatusCode: 401, Codes: []string{"UNAUTHORIZED"}}},
		{"a code of OAuth's is kept", reply(401, `{"error":"invalid_client","error_description":"hunter2"}`), failure{StatusCode: 401, Codes: []string{"invalid_client"}}},
		{"codes keep their order", reply(401, `{"errors":[{"code":"DENIED"},{"code":"UNAUTHORIZED"}]}`), failure{StatusCode: 401, Codes: []string{"DENIED", "UNAUTHORIZED"}}},
		{"a code is kept once", reply(401, `{"errors":[{"code":"DENIED","message":"DENIED"},{"code":"DENIED"}]}`), failure{StatusCode: 401, Codes: []string{"DENIED"}}},
		{"a code that is not known may be a secret", reply(401, `{"errors":[{"code":"hunter2","message":"UNAUTHORIZED hunter2"}]}`), failure{StatusCode: 401}},
		{"a text may be a secret", reply(500, "hunter2"), failure{StatusCode: 500}},
		{"a code beyond the limit is not read", reply(500, strings.Repeat(" ", 4<<10)+`{"error":"invalid_client"}`), failure{StatusCode: 500}},
		{"a redirect is not followed", reply(302, "", "Location", "https://evil.example.net/hunter2"), failure{StatusCode: 302}},
		{"a 204 has no token", reply(204, ""), failure{StatusCode: 204}},
		{"a wait is kept", reply(429, "", "Retry-After", "7"), failure{StatusCode: 429, RetryAfter: 7 * time.Second}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.handle)
			tt.want.Reason, tt.want.Method, tt.want.URL = auth.TokenRefused, "GET", realm
			tt.want.Text = strings.TrimSpace(fmt.Sprintf("the token service answered %d %s", tt.want.StatusCode, http.StatusText(tt.want.StatusCode)))
			wantFailure(t, tt.want, f.refused(t, challenge(`Bearer realm="`+realm+`?hunter2=hunter2"`)))
			if n := len(f.all()); n != 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

func TestTokenServiceDoesNotRespond(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for _, tt := range []struct {
		rule   string
		handle handler
		status int
	}{
		{"a request that fails is no response", func(*http.Request) (*http.Response, error) { return nil, broken }, 0},
		{"a body that breaks off is no response", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"token":`), iotest.ErrReader(broken)))}, nil
		}, 200},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.handle)
			z := f.For(pull)
			_, err := z.Answer(t.Context(), http.StatusUnauthorized, bearer(""), nil)
			wantFailure(t, failure{Reason: auth.NoResponse, Method: "GET", URL: realm, StatusCode: tt.status, Text: "connection reset"}, failureOf(t, err))
			if !errors.Is(err, broken) {
				t.Errorf("%v does not wrap its cause", err)
			}
		})
	}
}

func TestTheEndOfTheContextIsReturnedAsItIs(t *testing.T) {
	t.Parallel()
	for rule, handle := range map[string]func(cancel func()) handler{
		"before the response": func(cancel func()) handler {
			return func(*http.Request) (*http.Response, error) { cancel(); return nil, errors.New("closed") }
		},
		"before a refusal is read": func(cancel func()) handler {
			return func(req *http.Request) (*http.Response, error) { cancel(); return reply(400, "")(req) }
		},
		"before the token is read": func(cancel func()) handler {
			return func(*http.Request) (*http.Response, error) {
				cancel()
				return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(errors.New("closed")))}, nil
			}
		},
	} {
		for _, configure := range []func(*auth.Config){identity, with(credentials.Credential{Username: account, Password: password})} {
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				f := newFixture(t, handle(cancel), configure)
				z := f.For(pull)
				header, err := z.Answer(ctx, http.StatusUnauthorized, bearer("repository:team/app:pull"), nil)
				if header != "" || err != context.Canceled {
					t.Errorf("got %q, %v", header, err)
				}
				if n := len(f.all()); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		}
	}
}
