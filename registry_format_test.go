package regret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
)

func TestClientsAndOptionsAreRedacted(t *testing.T) {
	t.Parallel()
	secrets := []string{password, "r3fresh-t0ken", "b3arer-t0ken"}
	for _, c := range []credentials.Credential{
		validCredential, {Username: account, IdentityToken: "r3fresh-t0ken"}, {RegistryToken: "b3arer-t0ken"},
		{Username: account, Password: password, IdentityToken: "r3fresh-t0ken", RegistryToken: "b3arer-t0ken"},
	} {
		static := credentials.Static(c)
		file := loadConfig(t, fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q,"identitytoken":%q,"registrytoken":%q}}}`,
			host, c.Username, c.Password, c.IdentityToken, c.RegistryToken))
		client, err := regret.New(host, regret.WithCredentials(credentials.FirstOf(static, file)))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{
			client, *client, regret.WithCredentials(static), []regret.Option{regret.WithCredentials(file), regret.WithBasicAuth(account, password)},
		} {
			for line := range strings.Lines(inEveryFormat(v)) {
				wantNoSecretIn(t, fmt.Sprintf("a %T", v), line, secrets...)
			}
		}
	}
}

// inEveryFormat returns a value in every format in which programs print values, except %p
// and %w: fmt calls no method for them, and go vet refuses both. If marshalling fails, as
// it does for functions, the result contains the error.
func inEveryFormat(v any) string {
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

func TestUsedClientIsRedacted(t *testing.T) {
	t.Parallel()
	for _, opt := range []regret.Option{regret.WithBasicAuth(account, password), regret.WithToken("c4n4ry.t0ken-c4n4ry")} {
		p := newPlatform()
		c := newClient(t, p, opt, regret.WithTrustedRealm(authURL))
		if err := resolve(t, c); err != nil {
			wantErr(t, err, regret.ErrUnauthorized)
		}
		raw, err := json.Marshal(map[string]any{"client": c})
		if err != nil {
			t.Fatal(err)
		}
		wantNoSecretIn(t, "the client", fmt.Sprintf("%v %+v %#v %s", c, c, c, c)+string(raw), password, "c4n4ry.t0ken-c4n4ry")
	}
}
