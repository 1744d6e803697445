package regret_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestTokenServiceResponses(t *testing.T) {
	t.Parallel()
	response := func(status int, body string, fields ...string) func(http.ResponseWriter, *http.Request) bool {
		header := map[string]string{}
		for i := 0; i+1 < len(fields); i += 2 {
			header[fields[i]] = fields[i+1]
		}
		return fakeregistry.Answer(status, header, body)
	}
	all := regret.DefaultRetries().Max + 1
	tests := []struct {
		name     string
		response func(http.ResponseWriter, *http.Request) bool
		requests int // for tokens
		want     []error
	}{
		{"a page of HTML is no token", response(200, "<html>"+serviceSecret, "Content-Type", "text/html"), 1, []error{regret.ErrNotRegistry}},
		{"garbage is no token (C23)", response(200, serviceSecret), 1, []error{regret.ErrNotRegistry}},
		{"an empty body is no token", response(200, ""), 1, []error{regret.ErrNotRegistry}},
		{"null is no token", response(200, "null"), 1, []error{regret.ErrNotRegistry}},
		{"an array is no token", response(200, `["`+serviceSecret+`"]`), 1, []error{regret.ErrNotRegistry}},
		{"an object without a token is none", response(200, `{"errors":[{"code":"`+serviceSecret+`"}]}`), 1, []error{regret.ErrNotRegistry}},
		{"a refresh token alone is none (C26)", response(200, `{"refresh_token":"`+serviceSecret+`"}`), 1, []error{regret.ErrNotRegistry}},
		{"a token that is a number is none", response(200, `{"token":12345678}`), 1, []error{regret.ErrNotRegistry}},
		{"a token with a line break is refused (C24)", response(200, `{"token":"`+serviceSecret+`\r\nX-Evil: 1"}`), 1, []error{regret.ErrNotRegistry}},
		{"a token with a space is refused", response(200, `{"token":"`+serviceSecret+` x"}`), 1, []error{regret.ErrNotRegistry}},
		{"a token of nothing but padding is refused", response(200, `{"token":"=="}`), 1, []error{regret.ErrNotRegistry}},
		{"a token of more than 16 KiB is refused", response(200, `{"token":"`+strings.Repeat("a", 16<<10+1)+`"}`), 1, []error{regret.ErrNotRegistry}},
		{"a token of 5 MB is not read to its end (C25)", response(200, `{"token":"`+strings.Repeat("a", 5<<20)+`"}`), 1, []error{regret.ErrTooLarge}},
		{"an endless response is not read to its end", fakeregistry.Flood(200, nil, `{"token":"`, "a"), 1, []error{regret.ErrTooLarge}},
		{"a 204 is no token", response(204, ""), 1, []error{regret.ErrNotRegistry}},
		{"a 500 is retried as often as the call may be (C29)", response(500, serviceSecret), all, []error{regret.ErrUnavailable}},
		{"a 503 with a Retry-After is retried", response(503, "", "Retry-After", "0"), all, []error{regret.ErrUnavailable}},
		{"a 429 is retried", response(429, serviceSecret), all, []error{regret.ErrRateLimited}},
		{"a 408 is retried", response(408, serviceSecret), all, []error{regret.ErrUnavailable}},
		{"a 429 with a Retry-After of an hour is not retried", response(429, "", "Retry-After", "3600"), 1, []error{regret.ErrRateLimited}},
		{"a 401 refuses the credentials, and no other scope is requested", response(401, `{"errors":[{"code":"UNAUTHORIZED","message":"`+serviceSecret+`"}]}`), 1,
			[]error{regret.ErrUnauthorized, regret.CodeUnauthorized}},
		{"a 403 may refuse the scope, and other scopes are requested", response(403, `{"errors":[{"code":"DENIED"},{"code":"`+serviceSecret+`"}]}`), 3, []error{regret.ErrForbidden, regret.CodeDenied}},
		{"a 400 with an OAuth error may refuse the scope, and other scopes are requested", response(400, `{"error":"invalid_scope","error_description":"`+serviceSecret+`"}`), 3,
			[]error{regret.ErrUnauthorized, regret.Code("invalid_scope")}},
		{"a 404 is final", response(404, "404 page not found "+serviceSecret), 1, []error{regret.ErrUnauthorized}},
		{"a redirect is not followed", fakeregistry.Redirect(302, "https://evil.example.net/?"+serviceSecret), 1, []error{regret.ErrRedirect}},
		{"a redirect to the same host is not followed either", fakeregistry.Redirect(307, "/token2"), 1, []error{regret.ErrRedirect}},
		{"a refused connection is an unavailable service", fakeregistry.Refuse(), 0, []error{regret.ErrUnavailable}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.tokens.Intercept(0, fakeregistry.On("", "/"), tt.response)
			err := p.client(t).Untag(t.Context(), repo, "v1")
			e := wantErr(t, err, tt.want...)
			wantNoSecretInError(t, err, password, serviceSecret)
			if e.URL != realm || e.Method != "GET" || e.Op != "untag" {
				t.Errorf("error is about %s %s %s, want the token request of an untag", e.Op, e.Method, e.URL)
			}
			if got := len(p.tokens.Requests()); got != tt.requests {
				t.Errorf("%d token requests, want %d", got, tt.requests)
			}
			for _, r := range p.registry.Requests() {
				if r.Header.Get("Authorization") != "" {
					t.Errorf("%s was sent with %q", r, r.Header.Get("Authorization"))
				}
			}
			if _, there := p.registry.Tag(repo, "v1"); !there {
				t.Error("the tag is gone")
			}
			wantSecretsOnlyAt(t, p.Network.Requests(), []string{registryURL + ":443", authURL + ":443"}, password)
		})
	}
}

func TestTokenRequestIsRetried(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"token":"abc`)
		return true
	}
	tests := []struct {
		name     string
		response func(http.ResponseWriter, *http.Request) bool
	}{
		{"after a 500", fakeregistry.Answer(500, nil, "")},
		{"after a lost connection", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }},
		{"after a connection that was lost in the body", cut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform()
			p.tokens.Intercept(2, fakeregistry.On("", "/"), tt.response)
			wantErr(t, resolve(t, p.client(t)))
			if got := len(p.tokens.Requests()); got != 3 {
				t.Errorf("%d token requests, want 3", got)
			}
		})
	}
}

// A transport's own error may quote the URL, whose query names the account.
func TestTokenRequestErrorHidesQuery(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/token" {
			return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: errors.New("no route")}
		}
		return p.RoundTrip(req)
	}), regret.WithBasicAuth("account-name", password), regret.WithTrustedRealm(authURL))
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrUnavailable)
	wantText(t, err, "no route", realm)
	wantNoSecretInError(t, err, "account-name", password)
	if _, there := p.registry.Tag(repo, "v1"); !there {
		t.Error("the tag is gone")
	}
}

// A response that arrives when the context has ended is closed; otherwise its connection
// would leak.
func TestTokenResponseIsClosedAfterCancellation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	body := &closeCounter{Reader: strings.NewReader("x")}
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path != "/token" {
			return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="`+registryURL+`/token"`), nil
		}
		cancel()
		resp := respond(req, 503, "")
		resp.Body, resp.ContentLength = body, -1
		return resp, nil
	}))
	err := c.Ping(ctx)
	if !errors.Is(err, context.Canceled) || body.closed.Load() == 0 {
		t.Errorf("the body was closed %d times, and the error is %v", body.closed.Load(), err)
	}
}

type closeCounter struct {
	io.Reader
	closed atomic.Int64
}

func (c *closeCounter) Close() error {
	c.closed.Add(1)
	return nil
}

func TestTokenService404IsNotRegistry404(t *testing.T) {
	t.Parallel()
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Path == "/token":
			return respond(req, http.StatusNotFound, ""), nil
		case strings.Contains(req.URL.Path, "/manifests/"):
			return respond(req, http.StatusNotFound, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`), nil
		}
		return respond(req, http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer realm="https://registry.example.com/token"`), nil
	}))
	var last error
	for _, err := range c.Referrers(t.Context(), repo, digest.FromString("x")) {
		last = err
	}
	if last == nil {
		t.Error("the list of referrers is empty and has no error")
	}
}
