package credentials_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// For every configuration: either it is rejected with an error that contains none of its secrets,
// or its credential for a registry is valid, comes from an entry whose key contains the name of
// that registry, and is the same every time.
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
		source, err := credentials.ParseDockerConfig([]byte(content))
		_, twice := credentials.ParseDockerConfig([]byte(content))
		if fmt.Sprint(err) != fmt.Sprint(twice) {
			t.Errorf("%v, and the second time %v", err, twice)
		}
		wire := decode(content)
		if err != nil {
			wire.wantNoSecretIn(t, err)
			return
		}
		wantNoSecret(t, "the source", fmt.Sprintf("%+v %#v", source, source), wire.secrets()...)
		if explained := credentials.Explain(source, registry, repository); len(explained) > 1<<10 {
			t.Errorf("the explanation has %d bytes", len(explained))
		}
		got, err := source.Credential(t.Context(), registry, repository)
		if err != nil {
			wire.wantNoSecretIn(t, err)
			return
		}
		if again, err := source.Credential(t.Context(), registry, repository); again != got || err != nil {
			t.Errorf("the second time %v, %v", again, err)
		}
		if got.IsZero() {
			return
		}
		if err := credentials.Check(credentials.Static(got)); err != nil {
			t.Errorf("the credential is not valid: %v", err)
		}
		name := strings.TrimSuffix(strings.ToLower(registry), ":443")
		if strings.HasSuffix(name, "docker.io") {
			name = "docker.io"
		}
		if !slices.ContainsFunc(wire.keys(), func(key string) bool { return strings.Contains(strings.ToLower(key), name) }) {
			t.Errorf("%v for %q is under no key of %q that contains that name", got, registry, content)
		}
	})
}

// A decodedConfig is a configuration as encoding/json alone decodes it.
type decodedConfig struct {
	Auths   map[string]decodedEntry
	Helpers string // errors may contain the names of helpers
}

type decodedEntry struct{ Auth, Username, Password, IdentityToken, RegistryToken string }

func decode(content string) decodedConfig {
	var wire struct{ Auths, CredHelpers, CredsStore json.RawMessage }
	d := json.NewDecoder(strings.NewReader(content))
	if d.Decode(&wire) != nil {
		return decodedConfig{}
	}
	var c decodedConfig
	var auths map[string]json.RawMessage
	if json.Unmarshal(wire.Auths, &auths) != nil { // the old format has nothing else
		_ = json.NewDecoder(strings.NewReader(content)).Decode(&auths)
	}
	c.Auths = map[string]decodedEntry{}
	for key, raw := range auths {
		var entry decodedEntry
		_ = json.Unmarshal(raw, &entry)
		c.Auths[key] = entry
	}
	c.Helpers = string(wire.CredHelpers) + string(wire.CredsStore)
	return c
}

func (c decodedConfig) keys() []string {
	keys := []string{}
	for key := range c.Auths {
		keys = append(keys, key)
	}
	return keys
}

// secrets returns the secrets that are too long to be in a text by accident.
func (c decodedConfig) secrets() []string {
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

// wantNoSecretIn wants no secret in an error, unless it is also a name or a part of the error's
// fixed words.
func (c decodedConfig) wantNoSecretIn(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) > 2<<10 {
		t.Errorf("the error has %d bytes", len(text))
	}
	names := fmt.Sprintf("%q %s not the JSON of a docker configuration not the JSON of an entry control characters in the user name "+
		"a token has characters that no token has, or is too long", c.keys(), c.Helpers)
	for _, secret := range c.secrets() {
		if strings.Contains(text, secret) && !strings.Contains(names, secret) {
			t.Errorf("the error contains %q: %s", secret, text)
		}
	}
}

// For every output of a helper: either the result is a valid credential with exactly what was
// printed, or the error has one of a few fixed texts.
func FuzzHelperOutput(f *testing.F) {
	for _, out := range []string{
		`{"ServerURL":"https://index.docker.io/v1/","Username":"ann","Secret":"c4n4ry"}`, `{"Username":"<token>","Secret":"r3fresh"}` + "\n",
		`{"username":"ann","SECRET":"x"}`, `{"Username":"a:b","Secret":"x"}`, `{"Secret":"x"}`, `{"Username":"ann","Secret":""}`, `{"Username":"<token>","Secret":"\n"}`,
		`{"Username":1}`, "null", "[]", "", "credentials not found in native keychain\n", "Credentials Not Found", " error: credentials not found", "no credentials server URL",
	} {
		f.Add([]byte(out))
	}
	known := []string{
		"did not print the JSON of a credential", "printed no secret", "printed neither a user name nor a secret",
		"a token has characters that no token has, or is too long", "the user name contains a colon", "control characters in the user name",
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		const notFound = "credentials not found"
		if credentials.SaysNotFound(out, nil) && !strings.Contains(strings.ToLower(string(out)), notFound) {
			t.Errorf("%q is taken for %q", out, notFound)
		}
		got, err := credentials.ParseHelperOutput(out)
		if err != nil {
			if !slices.Contains(known, err.Error()) {
				t.Errorf("unexpected text of an error: %q", err)
			}
			return
		}
		var printed struct{ Username, Secret string }
		if err := json.NewDecoder(bytes.NewReader(out)).Decode(&printed); err != nil {
			t.Fatalf("%q is not JSON, but has a credential: %v", out, err)
		}
		want := credentials.Credential{Username: printed.Username, Password: printed.Secret}
		if printed.Username == "<token>" {
			want = credentials.Credential{IdentityToken: printed.Secret}
		}
		if got != want {
			t.Errorf("%q is parsed as a different credential", out)
		}
		if err := credentials.Check(credentials.Static(got)); err != nil {
			t.Errorf("the credential is not valid: %v", err)
		}
	})
}
