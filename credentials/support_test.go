package credentials_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// What most tests ask for, and the account that they expect. Each encoding spells the password in a
// different way.
const (
	host     = "registry.example.com"
	hub      = "registry-1.docker.io"
	repo     = "team/app"
	account  = "ann"
	password = `c4n4ry+/=&"%p4ss`
)

var good = credentials.Credential{Username: account, Password: password}

// A recorder is a source that records its calls.
type recorder struct {
	calls []string
	cred  credentials.Credential
	err   error
}

func (r *recorder) Credential(_ context.Context, registry, repository string) (credentials.Credential, error) {
	r.calls = append(r.calls, registry+" "+repository)
	return r.cred, r.err
}

// basicAuth returns the content of the field auth.
func basicAuth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// entry returns an entry of the field auths.
func entry(user, password string) string { return `{"auth":"` + basicAuth(user, password) + `"}` }

// authsFor returns a configuration with one entry.
func authsFor(key, entry string) string { return fmt.Sprintf(`{"auths":{%q:%s}}`, key, entry) }

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeConfig writes a configuration to a new file and returns its path.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	writeFile(t, path, content)
	return path
}

// load writes configurations and loads them in order.
func load(t testing.TB, contents ...string) credentials.Source {
	t.Helper()
	var paths []string
	for _, content := range contents {
		paths = append(paths, writeConfig(t, content))
	}
	source, err := credentials.LoadDockerConfig(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func wantCredential(t testing.TB, source credentials.Source, registry, repository string, want credentials.Credential) {
	t.Helper()
	got, err := source.Credential(t.Context(), registry, repository)
	if err != nil {
		t.Fatal(err)
	}
	if got != want { // field by field, because a Credential prints redacted
		t.Errorf("credential for %s/%s: %q %q %q %q, want %q %q %q %q", registry, repository,
			got.Username, got.Password, got.IdentityToken, got.RegistryToken,
			want.Username, want.Password, want.IdentityToken, want.RegistryToken)
	}
}

// wantError wants a *credentials.Error with these facts.
func wantError(t testing.TB, err error, want credentials.Error) {
	t.Helper()
	e, ok := errors.AsType[*credentials.Error](err)
	if !ok {
		t.Fatalf("not a *credentials.Error: %v", err)
	}
	if e.Registry != want.Registry || e.File != want.File || e.Helper != want.Helper {
		t.Errorf("registry %q, file %q, helper %q, want %q, %q, %q", e.Registry, e.File, e.Helper, want.Registry, want.File, want.Helper)
	}
}

// wantText wants words in the text of an error.
func wantText(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error does not contain %q: %v", word, err)
		}
	}
}

// spellings returns the forms in which a secret could appear in a text.
func spellings(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		return []string{secret}
	}
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)),
		basicAuth(account, secret),
	}
}

// wantNoSecret wants no spelling of the secrets in a text.
func wantNoSecret(t testing.TB, what, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, spelling := range spellings(secret) {
			if strings.Contains(text, spelling) {
				t.Errorf("%s contains the secret %q as %q: %.2000s", what, secret, spelling, text)
			}
		}
	}
}

// wantNoSecretInError wants no secret in an error and in the errors that it wraps, however they are
// printed.
func wantNoSecretInError(t testing.TB, err error, secrets ...string) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		raw, jsonErr := json.Marshal(e)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		wantNoSecret(t, "the error", fmt.Sprintf("%v %+v %#v %s", e, e, e, raw), secrets...)
	}
}

// printedForms prints a value in every way in which programs print values, except %p and %w: fmt
// calls no method for these, and go vet rejects both. If a value cannot be marshalled, as functions
// cannot, the error is printed.
func printedForms(v any) string {
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
