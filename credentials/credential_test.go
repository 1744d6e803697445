package credentials_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	const secret = "c4n4ry"
	for _, tt := range []struct {
		name string
		cred credentials.Credential
		want string // part of the error; empty if the credential is valid
	}{
		{"the zero credential is valid", credentials.Credential{}, ""},
		{"a user name and a password are valid", good, ""},
		{"a password may contain colons and end in one", credentials.Credential{Username: account, Password: "a:b:"}, ""},
		{"a password may contain characters that are not ASCII", credentials.Credential{Username: account, Password: "pässwörd"}, ""},
		{"a user name needs no password", credentials.Credential{Username: account}, ""},
		{"an identity token needs no user name", credentials.Credential{IdentityToken: secret}, ""},
		{"a registry token needs no user name", credentials.Credential{RegistryToken: secret + "-._~+/=="}, ""},
		{"a registry token may have 16 KiB", credentials.Credential{RegistryToken: strings.Repeat("x", 16<<10)}, ""},
		{"a registry token of more than 16 KiB is not valid", credentials.Credential{RegistryToken: strings.Repeat("x", 16<<10+1)}, "too long"},
		{"a registry token with a space is not valid", credentials.Credential{RegistryToken: secret + " " + secret}, "a token has characters"},
		{"an identity token of two lines is not valid", credentials.Credential{IdentityToken: secret + "\n" + secret}, "a token has characters"},
		{"a blank identity token is not valid", credentials.Credential{IdentityToken: " "}, "a token has characters"},
		{"a password needs no user name", credentials.Credential{Password: secret}, ""},
		{"a colon in the user name is not valid", credentials.Credential{Username: "a:b", Password: secret}, "the user name contains a colon"},
		{"a password may contain line breaks", credentials.Credential{Username: account, Password: secret + "\r\nX: y\n"}, ""},
		{"a line break in the user name is not valid", credentials.Credential{Username: account + "\n", Password: secret}, "control characters"},
		{"a delete character in the user name is not valid", credentials.Credential{Username: account + "\x7f", Password: secret}, "control characters"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.cred.Validate()
			if (err == nil) != (tt.want == "") {
				t.Fatalf("error is %v, want %q", err, tt.want)
			}
			if err != nil {
				wantText(t, err, tt.want)
				wantNoSecretInError(t, err, secret)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cred credentials.Credential
		want string
	}{
		{credentials.Credential{}, ""},
		{good, password},
		{credentials.Credential{Username: account, IdentityToken: "r3fresh"}, "r3fresh"},
		{credentials.Credential{Username: account, Password: password, IdentityToken: "r3fresh"}, password},
		{credentials.Credential{RegistryToken: "b3arer"}, ""},
	} {
		if got := tt.cred.Secret(); got != tt.want {
			t.Errorf("Secret of %v is %q, want %q", tt.cred, got, tt.want)
		}
	}
}

func TestIsZero(t *testing.T) {
	t.Parallel()
	if !(credentials.Credential{}).IsZero() {
		t.Error("the zero credential is not zero")
	}
	for _, cred := range []credentials.Credential{{Username: "a"}, {Password: "a"}, {IdentityToken: "a"}, {RegistryToken: "a"}} {
		if cred.IsZero() {
			t.Errorf("%v is zero", cred)
		}
	}
}

func TestCredentialIsRedacted(t *testing.T) {
	t.Parallel()
	for _, v := range []any{good, &good, credentials.Static(good), []credentials.Credential{good}} {
		var text, lines bytes.Buffer
		fmt.Fprintf(&text, "%v %+v %#v %s %q %d", v, v, v, v, v, v)
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		slog.New(slog.NewTextHandler(&lines, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&lines, nil)).Info("x", "v", v)
		wantNoSecret(t, "fmt", text.String(), password)
		wantNoSecret(t, "JSON", string(raw), password)
		wantNoSecret(t, "slog", lines.String(), password)
	}
	for _, tt := range []struct {
		cred credentials.Credential
		want string
	}{
		{good, `"ann" with a password`},
		{credentials.Credential{Username: "a", IdentityToken: "x"}, `"a" with an identity token`},
		{credentials.Credential{RegistryToken: "x"}, `"" with a registry token`},
		{credentials.Credential{}, "anonymous"},
	} {
		if got := fmt.Sprint(tt.cred); got != tt.want || tt.cred.String() != tt.want {
			t.Errorf("the credential prints %q and its String is %q, want %q", got, tt.cred.String(), tt.want)
		}
	}
}
