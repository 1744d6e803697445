package credentials

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// An authEntry is an entry of the field auths: a credential, or what is wrong with it.
type authEntry struct {
	key  string // as it is spelled in the file
	cred Credential
	err  error
}

// authFields are the fields of an entry.
type authFields struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// isAuthEntry reports whether a JSON value is an object with a field of an entry.
func isAuthEntry(raw json.RawMessage) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return false
	}
	for name := range fields {
		switch strings.ToLower(name) {
		case "auth", "username", "password", "identitytoken", "registrytoken":
			return true
		}
	}
	return false
}

// parseAuthEntry parses an entry of the field auths. Its field auth takes precedence over username
// and password.
func parseAuthEntry(raw json.RawMessage) (Credential, error) {
	var wire authFields
	if json.Unmarshal(raw, &wire) != nil { // the error of the json package may quote the content
		return Credential{}, errors.New("not the JSON of an entry")
	}
	cred := Credential{
		Username: wire.Username, Password: wire.Password,
		IdentityToken: wire.IdentityToken, RegistryToken: wire.RegistryToken,
	}
	if wire.Auth != "" {
		var err error
		if cred.Username, cred.Password, err = decodeAuth(wire.Auth); err != nil {
			return Credential{}, err
		}
		if cred == (Credential{}) { // ":" is what a script writes whose two variables are empty
			return Credential{}, errors.New("the field auth has neither a user name nor a password")
		}
	}
	if cred.IdentityToken != "" {
		cred.Password = ""
	}
	if err := cred.Validate(); err != nil {
		return Credential{}, err
	}
	return cred, nil
}

// decodeAuth decodes the field auth: user:password in base64. The password is taken byte for byte,
// except that docker removes zero bytes at both of its ends. The user name may be empty: podman
// accepts that, and docker does not.
func decodeAuth(auth string) (user, password string, err error) {
	plain, err := base64.StdEncoding.DecodeString(strings.TrimRight(auth, "\x00"))
	if err != nil {
		return "", "", errors.New("the field auth is not base64")
	}
	user, password, ok := strings.Cut(string(plain), ":")
	if !ok {
		return "", "", errors.New("the field auth is not user:password")
	}
	return user, strings.Trim(password, "\x00"), nil
}
