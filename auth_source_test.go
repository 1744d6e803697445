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

func TestForRegistryAcceptsTheNamesThatNewAccepts(t *testing.T) {
	t.Parallel()
	for _, named := range []string{host, "https://" + host + ":443", "http://" + host + ":80/", "docker.io", "index.docker.io/v1/", "LOCALHOST:5000"} {
		inner := &recordingSource{credentials: []credentials.Credential{validCredential}}
		c := newClientOf(t, named, always(401, "", "WWW-Authenticate", `Basic realm="r"`), regret.WithCredentials(credentials.ForRegistry(named, inner)))
		wantErr(t, c.Ping(t.Context()), regret.ErrUnauthorized)
		if len(inner.calls) != 1 {
			t.Errorf("the source for %q was called for %q", named, inner.calls)
		}
	}
}

func TestNewChecksCredentialSources(t *testing.T) {
	t.Parallel()
	var function credentials.Func
	invalid := credentials.Static(credentials.Credential{Username: "a:b", Password: "c4n4ry"})
	valid := credentials.Static(validCredential)
	tests := []struct {
		name   string
		source credentials.Source
		text   []string
	}{
		{"a nil source", nil, []string{"the source is nil"}},
		{"a nil function", function, []string{"the function is nil"}},
		{"a nil source among several", credentials.FirstOf(valid, nil), []string{"the source is nil"}},
		{"a nil source for a registry", credentials.ForRegistry(host, nil), []string{"the source is nil"}},
		{"every error of several sources", credentials.FirstOf(credentials.ForRegistry("x", invalid), function), []string{"the user name contains a colon", "the function is nil"}},
		{"a registry token with a space", credentials.Static(credentials.Credential{RegistryToken: "c4n4ry c4n4ry"}), []string{"a token has characters"}},
		{"an identity token with a line break", credentials.Static(credentials.Credential{IdentityToken: "c4n4ry\nc4n4ry"}), []string{"a token has characters"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(host, regret.WithCredentials(tt.source))
			if !errors.Is(err, regret.ErrInvalid) {
				t.Errorf("error is not %q: %v", regret.ErrInvalid, err)
			}
			wantText(t, err, tt.text...)
			wantNoSecretInError(t, err, "c4n4ry")
		})
	}
	for _, source := range []credentials.Source{valid, credentials.FirstOf(), credentials.ForRegistry(host, valid), loadConfig(t, "{}"), &recordingSource{}} {
		if _, err := regret.New(host, regret.WithCredentials(source)); err != nil {
			t.Errorf("New refuses the source %v: %v", source, err)
		}
	}
}

// The caller can inspect the error of a credential source.
func TestCredentialErrorReachesCaller(t *testing.T) {
	t.Parallel()
	late := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) {
		source, err := credentials.LoadDockerConfig("/does/not/exist.json")
		if err == nil {
			t.Errorf("loaded %v from a missing file", source)
		}
		return credentials.Credential{}, err
	})
	c := newClient(t, always(401, "", "WWW-Authenticate", `Basic realm="r"`), regret.WithCredentials(credentials.FirstOf(late, credentials.Static(validCredential))))
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrUnauthorized)
	e, ok := errors.AsType[*credentials.Error](err)
	if !ok || e.File != "/does/not/exist.json" {
		t.Errorf("%v, want a *credentials.Error", err)
	}
	wantText(t, err, "credentials for "+host, e.File)
	wantNoSecretInError(t, err, password)
}

// bearerOnly accepts one token and responds with challenge to everything else.
func bearerOnly(token, challenge string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer "+token {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(401)
		}
	})
}

func TestRegistryToken(t *testing.T) {
	t.Parallel()
	for scheme, challenge := range map[string]string{"Bearer": `Bearer realm="` + realm + `"`, "Basic": `Basic realm="x"`} {
		t.Run("the token is sent unchanged after the challenge "+scheme, func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			network.Handle(registryURL, bearerOnly("b3arer-t0ken", challenge))
			c := newClient(t, network, regret.WithCredentials(loadConfig(t, `{"auths":{"`+host+`":{"registrytoken":"b3arer-t0ken"}}}`)), regret.WithTrustedRealm(authURL))
			wantErr(t, c.Ping(t.Context()))
			wantErr(t, c.Ping(t.Context()))
			if diff := cmp.Diff([]string{"GET registry 401", "GET registry 200", "GET registry 200"}, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a refused token goes to no other host and is not in the error", func(t *testing.T) {
		t.Parallel()
		network := fakeregistry.NewNetwork()
		network.Handle(registryURL, bearerOnly("another", `Bearer realm="`+realm+`"`))
		c := newClient(t, network, regret.WithCredentials(loadConfig(t, `{"auths":{"`+host+`":{"registrytoken":"b3arer-t0ken"}}}`)), regret.WithTrustedRealm(authURL))
		err := c.Untag(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrUnauthorized)
		wantNoSecretInError(t, err, "b3arer-t0ken")
		if diff := cmp.Diff([]string{"DELETE registry 401", "DELETE registry 401"}, traffic(network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestDockerConfig(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	source := loadConfig(t, `{"auths":{"https://index.docker.io/v1/":`+authEntry("hub", "hub-c4n4ry")+`,"`+host+`/team":`+authEntry(account, password)+`}}`)
	c := newClient(t, p, regret.WithCredentials(source), regret.WithTrustedRealm(authURL))
	wantErr(t, resolve(t, c))
	want := []string{"HEAD registry 401", "GET auth 200", "HEAD registry 200"}
	if diff := cmp.Diff(want, traffic(p.Network)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	wantNoSecretIn(t, "the traffic", fmt.Sprintf("%+v", p.Network.Requests()), "hub-c4n4ry")
}

func TestCredentialSource(t *testing.T) {
	t.Parallel()
	newRegistry := func() *fakeregistry.Registry {
		reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, password))
		reg.PutImage(repo, "hello", "v1")
		reg.PutImage("team/other", "hello", "v1")
		return reg
	}
	t.Run("the source is called once for each repository", func(t *testing.T) {
		t.Parallel()
		source := &recordingSource{credentials: []credentials.Credential{validCredential}}
		c := newClient(t, newRegistry(), regret.WithCredentials(source))
		for range 2 {
			wantErr(t, resolve(t, c))
			_, err := c.ResolveDigest(t.Context(), "team/other", "v1")
			wantErr(t, err)
			wantErr(t, c.Ping(t.Context()))
		}
		if diff := cmp.Diff([]string{host + " " + repo, host + " team/other", host + " "}, source.calls); diff != "" {
			t.Errorf("calls of the source (-want +got):\n%s", diff)
		}
	})
	t.Run("the source is called again after the registry refused its credentials", func(t *testing.T) {
		t.Parallel()
		source := &recordingSource{credentials: []credentials.Credential{{Username: account, Password: "mistyped"}, validCredential}}
		c := newClient(t, newRegistry(), regret.WithCredentials(source))
		wantErr(t, resolve(t, c), regret.ErrUnauthorized)
		wantErr(t, resolve(t, c))
	})
	t.Run("an error of the source ends the operation, which does not continue anonymously", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("the vault is sealed")
		reg := newRegistry()
		c := newClient(t, reg, regret.WithCredentials(&recordingSource{err: broken}))
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
			c := newClient(t, reg, regret.WithCredentials(&recordingSource{credentials: []credentials.Credential{bad}}))
			err := c.Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrUnauthorized)
			wantNoSecretInError(t, err, password)
			wantRequests(t, reg, "DELETE /v2/team/app/manifests/v1 401")
		})
	}
}

func TestCredentialCacheSize(t *testing.T) {
	t.Parallel()
	const kept = 4096 // the size of the cache
	source := &recordingSource{credentials: []credentials.Credential{{Username: account, Password: password}}}
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
		t.Errorf("the source was called %d and %d times, want %d and none", first, again, kept)
	}
	if visit(kept + 1); visit(kept+1) == 0 {
		t.Error("the cache has no limit")
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
