package credentials

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

// maxToken is the length of the longest registry token that is accepted.
const maxToken = 16 << 10

// A Credential is a login for a registry. The zero value is anonymous. It prints, marshals and logs
// with its secret redacted.
type Credential struct {
	Username string
	Password string // password or personal access token
	// IdentityToken is an OAuth 2 refresh token, which a token service exchanges for access tokens.
	// It takes the place of a password; docker login stores one for some registries.
	// See https://distribution.github.io/distribution/spec/auth/oauth/
	IdentityToken string
	// RegistryToken is a bearer token that the registry accepts as it is.
	RegistryToken string
}

// IsZero reports whether the credential is anonymous.
func (c Credential) IsZero() bool { return c == Credential{} }

// Secret returns what is sent as the password in Basic authentication: the password or, without
// one, the identity token.
func (c Credential) Secret() string { return cmp.Or(c.Password, c.IdentityToken) }

// Validate reports whether the credential can be sent. Its error does not contain the credential.
//
// Basic authentication ends the user name at its first colon, so a user name has none. RFC 7617
// forbids control characters in both parts. A user name with one is an error, but a password may
// have any: it is sent in base64, and the key file that Google's registries take as the password of
// _json_key has line ends. The user name may be empty, as it is with the personal access tokens of
// Azure DevOps.
//
// See https://www.rfc-editor.org/rfc/rfc7617#section-2
func (c Credential) Validate() error {
	switch {
	case c.RegistryToken != "" && (len(c.RegistryToken) > maxToken || !field.IsToken68(c.RegistryToken)),
		c.IdentityToken != "" && !field.IsPrintable(c.IdentityToken):
		return errors.New("a token has characters that no token has, or is too long")
	case strings.Contains(c.Username, ":"):
		return errors.New("the user name contains a colon")
	case strings.ContainsFunc(c.Username, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("control characters in the user name")
	}
	return nil
}

// String returns the user name and the kind of secret, without the secret.
func (c Credential) String() string {
	if c.IsZero() {
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

// LogValue returns the redacted form.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes the redacted form.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }
