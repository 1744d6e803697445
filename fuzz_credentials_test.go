package regret_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// Whatever a configuration holds: it is refused without a word of its secrets,
// or what it has for a registry is a credential that New takes, stands under a
// key with the name of that registry, and is the same every time.
func FuzzDockerConfig(f *testing.F) {
	for _, content := range []string{
		`{"auths":{"` + host + `":` + entry(account, password) + `}}`,
		`{"auths":{"https://` + host + `/v1/":{"username":"ann","password":"c4n4ry-p4ss"},"` + host + `":{}}}`,
		`{"auths":{"` + host + `/team":{"identitytoken":"r3fresh-t0ken"},"` + host + `/team/app":{"registrytoken":"b3arer-t0ken"}}}`,
		`{"auths":{"https://index.docker.io/v1/":` + entry("a", "b:c") + `,"docker.io/library":{"auth":"Og=="}}}`,
		`{"auths":{"https://a:c4n4ry-p4ss@` + host + `":{"auth":"!"}}}`,
		`{"auths":{"[::1]:5000":{"auth":"YTpi"},"host:443":null},"HttpHeaders":{}}`,
		`{"credsStore":"desktop","credHelpers":{"` + host + `":"../x","gcr.io":""}}`, `{"Auths":{},"AUTHS":{}}`,
		"null", "[]", "", "{", "\xef\xbb\xbf{}", strings.Repeat("[", 100),
	} {
		f.Add(content, host, repo)
		f.Add(content, "registry-1.docker.io", "library/busybox")
		f.Add(content, "[::1]:5000", "")
	}
	f.Setenv("PATH", "") // no helper is run
	f.Fuzz(func(t *testing.T, content, registry, repository string) {
		source, err := regret.ParseDockerConfig([]byte(content))
		_, twice := regret.ParseDockerConfig([]byte(content))
		if fmt.Sprint(err) != fmt.Sprint(twice) {
			t.Errorf("%v, and the second time %v", err, twice)
		}
		wire := written(content)
		if err != nil {
			wire.wantUnsaid(t, err)
			return
		}
		wantSilence(t, "the source", fmt.Sprintf("%+v %#v", source, source), wire.secrets()...)
		got, err := source.Credential(t.Context(), registry, repository)
		if err != nil {
			wire.wantUnsaid(t, err)
			return
		}
		if again, err := source.Credential(t.Context(), registry, repository); again != got || err != nil {
			t.Errorf("the second time %v, %v", again, err)
		}
		if got == (regret.Credential{}) {
			return
		}
		if _, err := regret.New(host, regret.WithCredentials(regret.StaticCredential(got))); err != nil {
			t.Errorf("New refuses it: %v", err)
		}
		name := strings.ToLower(registry)
		if strings.HasSuffix(name, "docker.io") {
			name = "docker.io"
		}
		if !slices.ContainsFunc(wire.keys(), func(key string) bool { return strings.Contains(strings.ToLower(key), name) }) {
			t.Errorf("%v for %q comes from nowhere in %q", got, registry, content)
		}
	})
}

// configWritten is a configuration as another reader sees it.
type configWritten struct {
	Auths map[string]struct{ Auth, Username, Password, IdentityToken, RegistryToken string }
	// Names may be said.
	CredHelpers map[string]string
	CredsStore  string
}

func written(content string) configWritten {
	var c configWritten
	if json.Unmarshal([]byte(content), &c) != nil {
		return configWritten{}
	}
	return c
}

func (c configWritten) keys() []string {
	keys := []string{}
	for key := range c.Auths {
		keys = append(keys, key)
	}
	return keys
}

// secrets are those that are long enough not to be a part of something else.
func (c configWritten) secrets() []string {
	var secrets []string
	for _, a := range c.Auths {
		for _, secret := range []string{a.Auth, a.Password, a.IdentityToken, a.RegistryToken} {
			if len(secret) >= 8 {
				secrets = append(secrets, secret)
			}
		}
	}
	return secrets
}

// wantUnsaid wants no secret in an error, unless it is also a name.
func (c configWritten) wantUnsaid(t *testing.T, err error) {
	t.Helper()
	said := err.Error()
	if len(said) > 2<<10 {
		t.Errorf("the error has %d bytes", len(said))
	}
	names := fmt.Sprintf("%q %q %q not the JSON of a docker configuration control characters in user name or password "+
		"a token has characters that no token has, or is too long", c.keys(), c.CredHelpers, c.CredsStore)
	for _, secret := range c.secrets() {
		if strings.Contains(said, secret) && !strings.Contains(names, secret) {
			t.Errorf("the error tells %q: %s", secret, said)
		}
	}
}

// Whatever a helper prints: there is a credential that New takes and that says
// what was printed, or an error in words that were chosen beforehand.
func FuzzHelperOutput(f *testing.F) {
	for _, out := range []string{
		`{"ServerURL":"https://index.docker.io/v1/","Username":"ann","Secret":"c4n4ry"}`, `{"Username":"<token>","Secret":"r3fresh"}` + "\n",
		`{"username":"ann","SECRET":"x"}`, `{"Username":"a:b","Secret":"x"}`, `{"Secret":"x"}`, `{"Username":"ann","Secret":""}`, `{"Username":"<token>","Secret":"\n"}`,
		`{"Username":1}`, "null", "[]", "", "credentials not found in native keychain\n", "Credentials Not Found", " error: credentials not found", "no credentials server URL",
	} {
		f.Add([]byte(out))
	}
	known := []string{
		"did not print the JSON of a credential", "printed no secret", "a token has characters that no token has, or is too long",
		"a password without a user name", "the user name contains a colon", "control characters in user name or password",
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		if says := "credentials not found"; regret.HelperHasNothing(out) && !strings.Contains(strings.ToLower(string(out)), says) {
			t.Errorf("%q is taken for %q", out, says)
		}
		got, found, err := regret.HelperCredential(out)
		if err != nil {
			if !slices.Contains(known, err.Error()) {
				t.Errorf("error in words of its own: %q", err)
			}
			return
		}
		var printed struct{ Username, Secret string }
		if err := json.Unmarshal(out, &printed); err != nil || !found {
			t.Fatalf("a credential out of %q: %v", out, err)
		}
		want := regret.Credential{Username: printed.Username, Password: printed.Secret}
		if printed.Username == "<token>" {
			want = regret.Credential{IdentityToken: printed.Secret}
		}
		if got != want || printed.Secret == "" {
			t.Errorf("%q is read as another credential", out)
		}
		if _, err := regret.New(host, regret.WithCredentials(regret.StaticCredential(got))); err != nil {
			t.Errorf("New refuses it: %v", err)
		}
	})
}
