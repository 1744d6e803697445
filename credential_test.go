package regret_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// asked is a source that notes what it was asked for.
type asked struct {
	calls   []string
	answers []credentials.Credential // the last one is repeated
	err     error
}

func (a *asked) Credential(_ context.Context, registry, repository string) (credentials.Credential, error) {
	a.calls = append(a.calls, registry+" "+repository)
	if a.err != nil {
		return credentials.Credential{}, a.err
	}
	return a.answers[min(len(a.calls), len(a.answers))-1], nil
}

func TestCredentialSource(t *testing.T) {
	t.Parallel()
	good := credentials.Credential{Username: account, Password: password}
	newRegistry := func() *fakeregistry.Registry {
		reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
		reg.PutImage(repo, "hello", "v1")
		reg.PutImage("team/other", "hello", "v1")
		return reg
	}
	t.Run("it is asked once for each repository, by name", func(t *testing.T) {
		t.Parallel()
		source := &asked{answers: []credentials.Credential{good}}
		c := newClient(t, newRegistry(), regret.WithCredentials(source))
		for range 2 {
			wantErr(t, resolve(t, c))
			_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
			wantErr(t, err)
			wantErr(t, c.Ping(t.Context()))
		}
		if diff := cmp.Diff([]string{host + " " + repo, host + " team/other", host + " "}, source.calls); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	})
	t.Run("it is asked again after what it gave was refused", func(t *testing.T) {
		t.Parallel()
		source := &asked{answers: []credentials.Credential{{Username: account, Password: "mistyped"}, good}}
		c := newClient(t, newRegistry(), regret.WithCredentials(source))
		wantErr(t, resolve(t, c), regret.ErrUnauthorized)
		wantErr(t, resolve(t, c))
	})
	t.Run("its failure ends the operation, and nothing goes on without credentials", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("the vault is sealed")
		reg := newRegistry()
		c := newClient(t, reg, regret.WithCredentials(&asked{err: broken}))
		err := c.Untag(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrUnauthorized, broken)
		wantText(t, err, host, "the vault is sealed")
		wantRequests(t, reg, "DELETE /v2/team/app/manifests/v1 401")
	})
	for name, bad := range map[string]credentials.Credential{
		"a colon in the user name is refused":             {Username: "a:b", Password: password},
		"control characters in the user name are refused": {Username: account + "\r\nX: y", Password: password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newRegistry()
			c := newClient(t, reg, regret.WithCredentials(&asked{answers: []credentials.Credential{bad}}))
			err := c.Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrUnauthorized)
			wantDiscreet(t, err, password)
			wantRequests(t, reg, "DELETE /v2/team/app/manifests/v1 401")
		})
	}
}

// Google's registries take a key file of several lines as the password of _json_key, and Azure
// DevOps a token without a user name.
func TestReportK04K16PasswordsArriveByteForByte(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, user, password string }{
		{"a password of several lines", "_json_key", "{\n  \"type\": \"service_account\"\r\n}\n"},
		{"a password that ends in a line end", account, password + "\n"},
		{"a password without a user name", "", password},
	} {
		t.Run(tt.name+" is what the registry gets", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(tt.user, tt.password))
			reg.PutImage(repo, "hello", "v1")
			wantErr(t, resolve(t, newClient(t, reg, regret.WithBasicAuth(tt.user, tt.password))))
			source := credentials.Static(credentials.Credential{Username: tt.user, Password: tt.password})
			wantErr(t, resolve(t, newClient(t, reg, regret.WithCredentials(source))))
		})
	}
}

func TestReportK04PasswordsOfSeveralLinesAreRedacted(t *testing.T) {
	t.Parallel()
	const secret = "c4n4ry-one\r\nc4n4ry-two\tc4n4ry-three\x01\n"
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"as it is":                "you are " + secret,
		"in one line":             "you are " + strings.Join(strings.Fields(secret), " "),
		"as JSON in a text":       "you are " + string(quoted),
		"without its line end":    "you are " + strings.TrimSpace(secret) + ".",
		"as JSON without its end": "you are " + strings.TrimSuffix(string(quoted), `\n"`) + `"`,
		"in a registry's message": `{"errors":[{"code":"DENIED","message":` + string(quoted) + `,"detail":` + string(quoted) + `}]}`,
		"in an unknown object":    `{"reason":` + string(quoted) + `}`,
	} {
		t.Run("a password that the registry quotes "+name+" is not in the error", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, secret))
			reg.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" }, fakeregistry.Answer(403, nil, body))
			err := newClient(t, reg, regret.WithBasicAuth(account, secret)).Untag(t.Context(), repo, "v1")
			e := wantErr(t, err, regret.ErrForbidden)
			if text := fmt.Sprintf("%v %+v %q", err, err, e.Details); strings.Contains(text, "c4n4ry") {
				t.Errorf("the error has the password: %s", text)
			}
		})
	}
}

func TestManyRepositories(t *testing.T) {
	t.Parallel()
	const kept = 4096
	source := &asked{answers: []credentials.Credential{{Username: account, Password: password}}}
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") == "" {
			return respond(req, 401, "", "WWW-Authenticate", `Basic realm="r"`), nil
		}
		return respond(req, 200, `{"tags":[]}`), nil
	}), regret.WithCredentials(source))
	visit := func(n int) int {
		before := len(source.calls)
		for i := range n {
			_, err := collect(t, c.Tags(t.Context(), fmt.Sprintf("team/app-%d", i)))
			wantErr(t, err)
		}
		return len(source.calls) - before
	}
	if first, again := visit(kept), visit(kept); first != kept || again != 0 {
		t.Errorf("the source was asked %d and %d times, want %d and none", first, again, kept)
	}
	if visit(kept + 1); visit(kept+1) == 0 {
		t.Error("one more is kept as well")
	}
}

func TestPasswordIsKnownAfterManyTokens(t *testing.T) {
	t.Parallel()
	p := newPlace()
	c := p.client(t)
	p.registry.Intercept(0, func(req *http.Request) bool { return req.Header.Get("Authorization") != "" },
		fakeregistry.Answer(403, nil, fmt.Sprint("you are ", forms(password))))
	for i := range 1100 {
		err := c.Untag(t.Context(), fmt.Sprintf("team/app-%d", i), "v1")
		wantErr(t, err, regret.ErrForbidden)
		wantSilence(t, "the error", err.Error(), password)
		if t.Failed() {
			return
		}
	}
}
