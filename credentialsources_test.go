package regret_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// good is the account that most sources have.
var good = credentials.Credential{Username: account, Password: password}

// entry returns an entry of the field auths of a docker configuration.
func entry(user, password string) string {
	return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + `"}`
}

// writeConfig writes a docker configuration to a new file and returns its path.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	writeFile(t, path, content)
	return path
}

// load writes a docker configuration and loads it.
func load(t testing.TB, content string) credentials.Source {
	t.Helper()
	source, err := credentials.LoadDockerConfig(writeConfig(t, content))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// A registry has the same names for ForRegistry as for New.
func TestForRegistryAcceptsTheNamesThatNewAccepts(t *testing.T) {
	t.Parallel()
	for _, named := range []string{host, "https://" + host + ":443", "http://" + host + ":80/", "docker.io", "index.docker.io/v1/", "LOCALHOST:5000"} {
		inner := &asked{answers: []credentials.Credential{good}}
		c := newClientOf(t, named, always(401, "", "WWW-Authenticate", `Basic realm="r"`), regret.WithCredentials(credentials.ForRegistry(named, inner)))
		wantErr(t, c.Ping(t.Context()), regret.ErrUnauthorized)
		if len(inner.calls) != 1 {
			t.Errorf("the source for %q was asked for %q", named, inner.calls)
		}
	}
}

func TestSourcesAreCheckedByNew(t *testing.T) {
	t.Parallel()
	var function credentials.Func
	bad := credentials.Static(credentials.Credential{Username: "a:b", Password: "c4n4ry"})
	fine := credentials.Static(good)
	tests := []struct {
		name   string
		source credentials.Source
		says   []string
	}{
		{"a source that is nil", nil, []string{"the source is nil"}},
		{"a function that is nil", function, []string{"the function is nil"}},
		{"one of several that is nil", credentials.FirstOf(fine, nil), []string{"the source is nil"}},
		{"a registry's that is nil", credentials.ForRegistry(host, nil), []string{"the source is nil"}},
		{"all that is wrong with several", credentials.FirstOf(credentials.ForRegistry("x", bad), function), []string{"the user name contains a colon", "the function is nil"}},
		{"a registry token with a blank", credentials.Static(credentials.Credential{RegistryToken: "c4n4ry c4n4ry"}), []string{"a token has characters"}},
		{"an identity token of two lines", credentials.Static(credentials.Credential{IdentityToken: "c4n4ry\nc4n4ry"}), []string{"a token has characters"}},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := regret.New(host, regret.WithCredentials(tt.source))
			if !errors.Is(err, regret.ErrInvalid) {
				t.Errorf("error is not %q: %v", regret.ErrInvalid, err)
			}
			wantText(t, err, tt.says...)
			wantDiscreet(t, err, "c4n4ry")
		})
	}
	for _, source := range []credentials.Source{fine, credentials.FirstOf(), credentials.ForRegistry(host, fine), load(t, "{}"), &asked{}} {
		if _, err := regret.New(host, regret.WithCredentials(source)); err != nil {
			t.Errorf("%v is refused: %v", source, err)
		}
	}
}

// A failure on the way to a credential reaches the caller as what it is.
func TestSourceErrorsKeepTheirFacts(t *testing.T) {
	t.Parallel()
	late := credentials.Func(func(context.Context, string, string) (credentials.Credential, error) {
		source, err := credentials.LoadDockerConfig("/does/not/exist.json")
		if err == nil {
			t.Errorf("loaded %v", source)
		}
		return credentials.Credential{}, err
	})
	c := newClient(t, always(401, "", "WWW-Authenticate", `Basic realm="r"`), regret.WithCredentials(credentials.FirstOf(late, credentials.Static(good))))
	err := c.Untag(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrUnauthorized)
	e, ok := errors.AsType[*credentials.Error](err)
	if !ok || e.File != "/does/not/exist.json" {
		t.Errorf("%v, want a *CredentialError", err)
	}
	wantText(t, err, "credentials for "+host, e.File)
	wantDiscreet(t, err, password)
}

func TestClientsAndOptionsAreRedacted(t *testing.T) {
	t.Parallel()
	secrets := []string{password, "r3fresh-t0ken", "b3arer-t0ken"}
	for _, c := range []credentials.Credential{
		good, {Username: account, IdentityToken: "r3fresh-t0ken"}, {RegistryToken: "b3arer-t0ken"},
		{Username: account, Password: password, IdentityToken: "r3fresh-t0ken", RegistryToken: "b3arer-t0ken"},
	} {
		static := credentials.Static(c)
		file := load(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q,"identitytoken":%q,"registrytoken":%q}}}`,
			host, c.Username, c.Password, c.IdentityToken, c.RegistryToken))
		client, err := regret.New(host, regret.WithCredentials(credentials.FirstOf(static, file)))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{
			client, *client, regret.WithCredentials(static), []regret.Option{regret.WithCredentials(file), regret.WithBasicAuth(account, password)},
		} {
			for line := range strings.Lines(shown(v)) {
				wantSilence(t, fmt.Sprintf("a %T", v), line, secrets...)
			}
		}
	}
}

// shown is a value in every way in which programs show values, but for %p and
// %w: fmt asks no method there, and go vet refuses both. Marshalling may fail, as
// it does for functions, and the error is shown then.
func shown(v any) string {
	var out bytes.Buffer
	for _, verb := range "vsqxXdtbcoOUeEfFgGTzZ" {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "20.3"} {
			fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", v)
		}
	}
	raw, err := json.Marshal(v)
	fmt.Fprintln(&out, string(raw), err)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).With("with", v).WithGroup("g").Info("x", "v", v, slog.Group("in", "v", v))
	}
	return out.String()
}

// bearerOnly accepts one token, and challenges as it is told to.
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
	for _, offer := range []string{`Bearer realm="` + realm + `"`, `Basic realm="x"`} {
		t.Run("it is sent as it is when the registry asks with "+offer[:6], func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			network.Handle(registryURL, bearerOnly("b3arer-t0ken", offer))
			c := newClient(t, network, regret.WithCredentials(load(t, `{"auths":{"`+host+`":{"registrytoken":"b3arer-t0ken"}}}`)), regret.WithTrustedRealm(authURL))
			wantErr(t, c.Ping(t.Context()))
			wantErr(t, c.Ping(t.Context()))
			if diff := cmp.Diff([]string{"GET registry 401", "GET registry 200", "GET registry 200"}, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("one that is refused goes to nobody else and is not told", func(t *testing.T) {
		t.Parallel()
		network := fakeregistry.NewNetwork()
		network.Handle(registryURL, bearerOnly("another", `Bearer realm="`+realm+`"`))
		c := newClient(t, network, regret.WithCredentials(load(t, `{"auths":{"`+host+`":{"registrytoken":"b3arer-t0ken"}}}`)), regret.WithTrustedRealm(authURL))
		err := c.Untag(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrUnauthorized)
		wantDiscreet(t, err, "b3arer-t0ken")
		if diff := cmp.Diff([]string{"DELETE registry 401", "DELETE registry 401"}, traffic(network)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestDockerConfigAtARegistry(t *testing.T) {
	t.Parallel()
	p := newPlace()
	source := load(t, `{"auths":{"https://index.docker.io/v1/":`+entry("hub", "hub-c4n4ry")+`,"`+host+`/team":`+entry(account, password)+`}}`)
	c := newClient(t, p, regret.WithCredentials(source), regret.WithTrustedRealm(authURL))
	wantErr(t, resolve(t, c))
	want := []string{"HEAD registry 401", "GET auth 200", "HEAD registry 200"}
	if diff := cmp.Diff(want, traffic(p.Network)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	wantSilence(t, "the traffic", fmt.Sprintf("%+v", p.Network.Requests()), "hub-c4n4ry")
}
