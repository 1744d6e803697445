package regret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestPasswordIsRedactedAfterManyTokens(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	c := p.client(t)
	p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" },
		fakeregistry.Answer(403, nil, fmt.Sprint("you are ", encodings(password))))
	for i := range 1100 {
		err := c.Untag(t.Context(), fmt.Sprintf("team/app-%d", i), "v1")
		wantErr(t, err, regret.ErrForbidden)
		wantNoSecretIn(t, "the error", err.Error(), password)
		if t.Failed() {
			return
		}
	}
}

func TestEchoedSecretsInErrorBody(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal(password)
	if err != nil {
		t.Fatal(err)
	}
	escaped := strings.Trim(string(quoted), `"`)
	tests := []struct{ name, body string }{
		{"in text", "you sent " + password},
		{"in a message", `{"errors":[{"code":"DENIED","message":"you sent ` + escaped + `"}]}`},
		{"in a code", `{"errors":[{"code":"` + escaped + `"}]}`},
		{"in a detail", `{"errors":[{"code":"DENIED","detail":{"password":"` + escaped + `"}}]}`},
		{"in a detail, with escaped letters", `{"errors":[{"code":"DENIED","detail":["` + strings.ReplaceAll(escaped, "c", `\u0063`) + `"]}]}`},
		{"as a key in a detail, after a number", `{"errors":[{"code":"DENIED","detail":{"n":1e999,"` + escaped + `":1}}]}`},
		{"in an echoed Authorization field", "Authorization: Basic " + encodings(password)[5]},
		{"in the query of a URL", "https://x/?p=" + encodings(password)[1]},
		{"in the path of a URL", "https://x/" + encodings(password)[2]},
	}
	for _, tt := range tests {
		t.Run("a secret "+tt.name+" is redacted", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
			reg.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, fakeregistry.Answer(403, nil, tt.body))
			err := newClient(t, reg, regret.WithBasicAuth(account, password)).Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrForbidden)
			wantNoSecretInError(t, err, password)
		})
	}
	t.Run("a secret that begins with another secret is redacted whole", func(t *testing.T) {
		t.Parallel()
		const token = "c4n4ry-and-more"
		p := newPlatform(fakeregistry.WithUser("bob", token[:6]))
		p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(200, nil, `{"token":"`+token+`"}`))
		p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, fakeregistry.Answer(403, nil, token+" "+token[:6]))
		err := newClient(t, p, regret.WithBasicAuth("bob", token[:6]), regret.WithTrustedRealm(authURL)).Untag(t.Context(), repo, "v1")
		wantText(t, err, "[redacted] [redacted]")
		wantNoSecretInError(t, err, token[:6], token[6:])
	})
	t.Run("tokens are redacted", func(t *testing.T) {
		t.Parallel()
		for _, opt := range []regret.Option{regret.WithToken("c4n4ry.t0ken-c4n4ry"), regret.WithBasicAuth(account, password)} {
			p := newPlatform()
			p.tokens.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(200, nil, `{"token":"c4n4ry.t0ken-c4n4ry"}`))
			p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" },
				func(w http.ResponseWriter, req *http.Request) bool {
					http.Error(w, fmt.Sprint(req.Header), http.StatusForbidden)
					return true
				})
			err := newClient(t, p, opt, regret.WithTrustedRealm(authURL)).Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrForbidden)
			wantNoSecretInError(t, err, "c4n4ry.t0ken-c4n4ry", password)
		}
	})
}

func TestEchoedSecretsOutsideErrorBody(t *testing.T) {
	t.Parallel()
	const token = "c4n4ry.t0ken-c4n4ry"
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
	}{
		{"in a request id", http.StatusForbidden, map[string]string{"X-Request-Id": token}, ""},
		{"in a digest", http.StatusOK, map[string]string{"Docker-Content-Digest": token}, ""},
		{"in a content type", http.StatusOK, map[string]string{"Content-Type": "text/" + token}, "<html>"},
		{"in a content encoding", http.StatusOK, map[string]string{"Content-Encoding": token}, "x"},
		{"in a link", http.StatusOK, map[string]string{"Link": "<http://" + token + "/v2/>; rel=next"}, `{"tags":[]}`},
		{"in an entry of a list", http.StatusOK, nil, `{"tags":["` + token + `!"]}`},
		{"in a location", http.StatusFound, map[string]string{"Location": token + "://x"}, ""},
	}
	for _, tt := range tests {
		t.Run("a secret "+tt.name+" is redacted", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Answer(tt.status, tt.header, tt.body))
			c := newClient(t, reg, regret.WithToken(token))
			_, manifestErr := c.Manifest(t.Context(), repo, "v1")
			_, tagsErr := collect(t, c.Tags(t.Context(), repo))
			if manifestErr == nil && tagsErr == nil {
				t.Error("neither Manifest nor Tags returned an error")
			}
			for _, err := range []error{manifestErr, tagsErr} {
				if err != nil {
					wantNoSecretInError(t, err, token)
				}
			}
		})
	}
}

func TestPasswordInRepositoryNameIsRedacted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2secret"
	c := newClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("the request was sent") }))
	_, err := c.ResolveDigest(t.Context(), "https://user:"+secret+"@registry.example.com/a", "v1")
	wantErr(t, err, regret.ErrInvalid)
	wantNoSecretInError(t, err, secret)
}

func TestTruncatedSecretIsRedacted(t *testing.T) {
	t.Parallel()
	const secret = "c4n4ry-c4n4ry-c4n4ry"
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") == "" {
			return respond(req, http.StatusUnauthorized, "", "WWW-Authenticate", `Basic realm="x"`), nil
		}
		return respond(req, http.StatusForbidden, "you sent "+secret[:13]), nil
	}), regret.WithBasicAuth("ann", secret))
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrForbidden)
	wantText(t, err, "you sent [redacted]")
}

// Redacting a password that overlaps with an error code or message does not change the
// kind of the error.
func TestPasswordLikeErrorCodeKeepsErrorKind(t *testing.T) {
	t.Parallel()
	for password, respond := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"UNKNOWN-secret": fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
		"UNKNOWN":        fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
		"unknown-secret": fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"),
	} {
		t.Run("a not found stays one with the password "+password, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth("ann", password))
			reg.PutImage(repo, "hello", "v1")
			c := newClient(t, reg, regret.WithBasicAuth("ann", password))
			wantErr(t, resolve(t, c))
			reg.Intercept(0, fakeregistry.On("", manifestPath("v2")), respond)
			_, err := c.ResolveDigest(t.Context(), repo, "v2")
			wantErr(t, err, regret.ErrNotFound, regret.CodeManifestUnknown)
		})
	}
}
