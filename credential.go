package regret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// A Credential is what a registry's account is proved with. The zero value is
// anonymous. It prints, marshals and logs with its secret redacted.
type Credential struct {
	Username string
	Password string // password or personal access token
	// IdentityToken is an OAuth 2 refresh token, which a token service exchanges
	// for tokens; docker login keeps one for some registries. It stands instead of
	// a password.
	// See https://distribution.github.io/distribution/spec/auth/oauth/
	IdentityToken string
	// RegistryToken is a bearer token that the registry accepts as it is.
	RegistryToken string
}

// secret is what goes into the place of a password.
func (c Credential) secret() string { return cmp.Or(c.Password, c.IdentityToken) }

// A CredentialSource is asked for credentials when a registry wants some, at
// most once for a token and again after they were refused. Registry is the host
// as in "registry.example.com:5000" (for Docker Hub "registry-1.docker.io");
// repository is empty for requests about the registry as a whole. A source
// that has none returns the zero Credential; one that fails must return an
// error, which ends the operation: nobody becomes anonymous by accident.
type CredentialSource interface {
	Credential(ctx context.Context, registry, repository string) (Credential, error)
}

// CredentialFunc makes a [CredentialSource] of a function.
type CredentialFunc func(ctx context.Context, registry, repository string) (Credential, error)

// Credential calls f.
func (f CredentialFunc) Credential(ctx context.Context, registry, repository string) (Credential, error) {
	return f(ctx, registry, repository)
}

// StaticCredential is the source that always has the same credential.
func StaticCredential(c Credential) CredentialSource { return staticCredential(c) }

type staticCredential Credential

func (s staticCredential) Credential(context.Context, string, string) (Credential, error) {
	return Credential(s), nil
}

// Format prints the redacted form for every verb.
func (s staticCredential) Format(f fmt.State, verb rune) { Credential(s).Format(f, verb) }

// MarshalJSON writes the redacted form.
func (s staticCredential) MarshalJSON() ([]byte, error) { return Credential(s).MarshalJSON() }

// check refuses what Basic authentication cannot carry.
//
// See https://www.rfc-editor.org/rfc/rfc7617#section-2
func (c Credential) check() error {
	switch {
	case c.RegistryToken != "" && !validToken(c.RegistryToken), c.IdentityToken != "" && !printableHeader(c.IdentityToken):
		return errors.New("a token has characters that no token has, or is too long")
	case c.Username == "" && c.Password != "":
		return errors.New("a password without a user name")
	case strings.Contains(c.Username, ":"):
		return errors.New("the user name contains a colon")
	case strings.ContainsFunc(c.Username+c.Password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("control characters in user name or password")
	}
	return nil
}

func (c Credential) anonymous() bool { return c == Credential{} }

// String is the redacted form.
func (c Credential) String() string {
	if c.anonymous() {
		return "anonymous"
	}
	kind := "a password"
	switch {
	case c.RegistryToken != "":
		kind = "a registry token"
	case c.IdentityToken != "":
		kind = "an identity token"
	}
	return fmt.Sprintf("%q with %s", c.Username, kind)
}

// Format prints the redacted form for every verb.
func (c Credential) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue is the redacted form.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes the redacted form.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// Format prints which registry a client speaks to, for every verb. What else
// it holds includes secrets.
func (c Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client of %s", c.origin) }
