package credentials_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// What helpers print: docker's own (desktop, osxkeychain, pass, secretservice, wincred), those built
// with its library (ecr-login, gcr, acr-env), and scripts.
func TestReportK15AnswersOfHelpers(t *testing.T) {
	t.Parallel()
	ann := credentials.Credential{Username: "ann", Password: helperSecret}
	tests := []struct {
		name, helper string
		want         credentials.Credential
	}{
		{"three empty fields mean that it has nothing", "nothing", credentials.Credential{}},
		{"a server without a user name and a secret means that it has nothing, as docker-credential-pass says it", "nothing-for-server", credentials.Credential{}},
		{"an empty object means that it has nothing", "empty-object", credentials.Credential{}},
		{"null means that it has nothing", "null", credentials.Credential{}},
		{"docker's sentence on standard output means that it has nothing", "none", credentials.Credential{}},
		{"docker's sentence counts with every exit status but 0", "none-exit-3", credentials.Credential{}},
		{"docker's sentence at the end of standard error means that it has nothing", "none-stderr", credentials.Credential{}},
		{"docker's sentence may follow the word error", "none-stderr-error", credentials.Credential{}},
		{"a user name needs no secret", "user-only", credentials.Credential{Username: "ann"}},
		{"a secret needs no user name", "secret-only", credentials.Credential{Password: helperSecret}},
		{"the user <token> marks an identity token", "token", credentials.Credential{IdentityToken: helperSecret}},
		{"text after the object is ignored", "text-after-json", ann},
		{"a credential is used", "good", ann},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, `{"credsStore":"regret-`+tt.helper+`"}`), host, repo, tt.want)
			if tt.want.IsZero() {
				next := load(t, `{"credsStore":"regret-`+tt.helper+`"}`, authsFor(host, entry(account, password)))
				wantCredential(t, next, host, repo, good)
			}
		})
	}
	for _, tt := range []struct{ name, helper, says string }{
		{"a reason in place of a credential", "reason", "printed neither a user name nor a secret"},
		{"an identity token without its secret", "no-secret", "printed no secret"},
		{"another failure after docker's sentence", "fails-after-none", "exit status 1"},
		{"a failure that quotes docker's sentence", "fails-quoting-none", "exit status 1"},
		{"docker's sentence for a missing server", "fails-no-server-url", "exit status 1"},
		{"docker's sentence with exit status 0", "not-found-but-succeeds", "did not print the JSON"},
		{"no output with exit status 0", "silent", "did not print the JSON"},
	} {
		t.Run(tt.name+" is an error with the command that shows it", func(t *testing.T) {
			t.Parallel()
			for registry, server := range map[string]string{host: host, host + ":5000": host + ":5000", hub: "https://index.docker.io/v1/"} {
				source, path := loadWithStore(t, "regret-"+tt.helper)
				_, err := source.Credential(t.Context(), registry, repo)
				wantError(t, err, credentials.Error{Registry: registry, File: path, Helper: helperPrefix + tt.helper})
				wantText(t, err, tt.says, "echo "+server+" | "+helperPrefix+tt.helper+" get")
				wantNoSecretInError(t, err, helperSecret, fileSecret)
			}
		})
	}
	t.Run("the command has no name that a shell would act on", func(t *testing.T) {
		t.Parallel()
		source, _ := loadWithStore(t, "regret-fails")
		_, err := source.Credential(t.Context(), "$(reboot)", repo)
		wantText(t, err, "echo HOST | "+helperPrefix+"fails get")
	})
	t.Run("a helper that does not exist has no such command", func(t *testing.T) {
		t.Parallel()
		source, _ := loadWithStore(t, "regret-missing")
		_, err := source.Credential(t.Context(), host, repo)
		wantText(t, err, "not found in $PATH; install it, or remove its name from the configuration")
	})
}

func TestReportK16EmptyUserNames(t *testing.T) {
	t.Parallel()
	token := credentials.Credential{Password: "t0ken"}
	for name, content := range map[string]string{
		"in auth":                    authsFor(host, entry("", "t0ken")),
		"in password alone":          authsFor(host, `{"password":"t0ken"}`),
		"in the variable's old form": `{"` + host + `":` + entry("", "t0ken") + `}`,
	} {
		t.Run("a token without a user name is a password "+name, func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, content), host, repo, token)
		})
	}
	if err := token.Validate(); err != nil || token.IsZero() || token.Secret() != "t0ken" {
		t.Errorf("%v: %v", token, err)
	}
	t.Run("a colon alone is an error, because both variables of a script were empty", func(t *testing.T) {
		t.Parallel()
		_, err := load(t, authsFor(host, entry("", ""))).Credential(t.Context(), host, repo)
		wantText(t, err, "neither a user name nor a password")
	})
	t.Run("a colon alone beside an identity token is that token", func(t *testing.T) {
		t.Parallel()
		wantCredential(t, load(t, authsFor(host, `{"auth":"Og==","identitytoken":"t"}`)), host, repo, credentials.Credential{IdentityToken: "t"})
	})
}

func TestReportK17EmptyFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"no byte": "", "a line end": "\n", "white space": " \t\r\n\n", "null": "null\n"} {
		t.Run("a file of "+name+" is an empty configuration", func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, content), host, repo, credentials.Credential{})
			wantCredential(t, load(t, content, authsFor(host, entry(account, password))), host, repo, good)
		})
	}
}
