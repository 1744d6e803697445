package credentials_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

func TestReportK04PasswordsOfAnyBytes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, password string }{
		{"the lines of a key file", "{\n  \"type\": \"service_account\"\n}\n"},
		{"line ends of Windows", "{\r\n}\r\n"},
		{"a line end at its end", "p\n"},
		{"a tab and an escape character", "a\tb\x1bc"},
		{"bytes that are not UTF-8", "a\xff\xfeb"},
		{"a zero byte inside", "a\x00b"},
	} {
		t.Run("a password may have "+tt.name, func(t *testing.T) {
			t.Parallel()
			want := credentials.Credential{Username: "_json_key", Password: tt.password}
			wantCredential(t, load(t, authsFor(host, entry("_json_key", tt.password))), host, repo, want)
			if err := credentials.Check(credentials.Static(want)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a helper's secret may have several lines", func(t *testing.T) {
		t.Parallel()
		wantCredential(t, load(t, `{"credsStore":"regret-two-lines"}`), host, repo, credentials.Credential{Username: "_json_key", Password: "{\r\n}\n"})
	})
	for name, entry := range map[string]string{
		"a line end":     entry("a\nb", fileSecret),
		"a zero byte":    entry("a\x00b", fileSecret),
		"a colon":        `{"username":"a:b","password":"` + fileSecret + `"}`,
		"a DEL":          `{"username":"a\u007f","password":"` + fileSecret + `"}`,
		"a carriage ret": `{"username":"a\r","password":"` + fileSecret + `"}`,
	} {
		t.Run("a user name with "+name+" is an error", func(t *testing.T) {
			t.Parallel()
			_, err := load(t, authsFor(host, entry)).Credential(t.Context(), host, repo)
			wantText(t, err, host, "the user name")
			wantNoSecretInError(t, err, fileSecret)
		})
	}
}

func TestReportK05MalformedEntriesOfOtherRegistries(t *testing.T) {
	t.Parallel()
	const other = "other.example.com"
	auths := func(entry string) string { return fmt.Sprintf(`"auths":{%q:%s,%q:%s}`, other, entry, host, user) }
	tests := []struct{ name, content, says string }{
		{"auth that is not base64", auths(`{"auth":"not*base64` + fileSecret + `"}`), "not base64"},
		{"a plain key beside a user name", auths(`{"auth":"AKCp8-` + fileSecret + `","username":"user"}`), "not base64"},
		{"auth without a colon", auths(`{"auth":"` + base64.StdEncoding.EncodeToString([]byte(fileSecret)) + `"}`), "not user:password"},
		{"auth that is a colon", auths(`{"auth":"Og==","email":"` + fileSecret + `"}`), "neither a user name nor a password"},
		{"auth that is a number", auths(`{"auth":12345678901234567890}`), "not the JSON of an entry"},
		{"an entry that is a string", auths(`"` + fileSecret + `"`), "not the JSON of an entry"},
		{"an entry that is a list", auths(`["` + fileSecret + `"]`), "not the JSON of an entry"},
		{"base64 for URLs", auths(`{"auth":"` + base64.URLEncoding.EncodeToString([]byte("ann:\xff\xff\xfe?>"+fileSecret)) + `"}`), "not base64"},
		{"a user with a colon", auths(`{"username":"a:b","password":"` + fileSecret + `"}`), "colon"},
		{"an identity token with a line end", auths(`{"identitytoken":"` + fileSecret + `\n"}`), "token"},
		{"a registry token with a space", auths(`{"registrytoken":"` + fileSecret + ` x"}`), "token"},
		{"a helper in the parent directory", `"credHelpers":{"` + other + `":"../x"},` + auths(`{}`), `"../x"`},
		{"a helper in a directory", `"credHelpers":{"` + other + `":"x/y"},` + auths(`{}`), `"x/y"`},
		{"a helper with a backslash", `"credHelpers":{"` + other + `":"x\\y"},` + auths(`{}`), "helper name"},
		{"a helper with an argument", `"credHelpers":{"` + other + `":"x --y"},` + auths(`{}`), "helper name"},
		{"a helper with a line end", `"credHelpers":{"` + other + `":"x\n"},` + auths(`{}`), "helper name"},
		{"a helper with a zero byte", `"credHelpers":{"` + other + `":"x\u0000"},` + auths(`{}`), "helper name"},
		{"a helper that is a number", `"credHelpers":{"` + other + `":12},` + auths(`{}`), "not a string"},
		{"a helper that is an object", `"credHelpers":{"` + other + `":{"` + fileSecret + `":1}},` + auths(`{}`), "not a string"},
		{"a store in the parent directory", `"credsStore":"../x","credHelpers":{"` + host + `":""},` + auths(`{}`), `credsStore`},
		{"a store that is an object", `"credsStore":{"` + fileSecret + `":1},"credHelpers":{"` + host + `":""},` + auths(`{}`), "credsStore: the name of the helper is not a string"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" fails the look-ups of its own host alone", func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, "{"+tt.content+"}")
			source, err := credentials.LoadDockerConfig(path, writeConfig(t, authsFor(other, entry(account, fileSecret))))
			if err != nil {
				t.Fatal(err)
			}
			wantCredential(t, source, host, repo, credentials.Credential{Username: "ann", Password: "p"})
			cred, err := source.Credential(t.Context(), other, repo)
			if !cred.IsZero() {
				t.Errorf("credential is %v", cred)
			}
			wantError(t, err, credentials.Error{Registry: other, File: path})
			wantText(t, err, other, path, tt.says)
			wantNoSecretInError(t, err, fileSecret)
		})
	}
	t.Run("the key of the entry is named without its user information", func(t *testing.T) {
		t.Parallel()
		content := authsFor("https://"+other+"/?"+fileSecret, `{"auth":"!"}`)
		_, err := load(t, content).Credential(t.Context(), other, repo)
		wantText(t, err, `auths entry "https://`+other)
		wantNoSecretInError(t, err, fileSecret)
	})
	t.Run("a namespace's entry fails the look-ups of that namespace alone", func(t *testing.T) {
		t.Parallel()
		source := load(t, `{"auths":{"`+host+`/bad":{"auth":"!"},"`+host+`":`+user+`}}`)
		wantCredential(t, source, host, "team/app", credentials.Credential{Username: "ann", Password: "p"})
		_, err := source.Credential(t.Context(), host, "bad/app")
		wantText(t, err, host+"/bad", "not base64")
	})
	t.Run("a good entry in an earlier file is found", func(t *testing.T) {
		t.Parallel()
		source := load(t, authsFor(host, user), authsFor(host, `{"auth":"!"}`))
		wantCredential(t, source, host, repo, credentials.Credential{Username: "ann", Password: "p"})
	})
}

func TestReportK07FilesThatAreNoConfiguration(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"an entry for the host":            `{"registry.example.com":` + user + `}`,
		"a secret of Kubernetes":           `{"registry.example.com":{"username":"ann","password":"p","email":"a@example.com"}}`,
		"several hosts":                    `{"https://other.example.com/v1/":{"auth":""},"https://registry.example.com/v1/":` + user + `}`,
		"a value that is no entry as well": `{"registry.example.com":` + user + `,"x":1}`,
	} {
		t.Run("the old form is read: "+name, func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, content), host, repo, credentials.Credential{Username: "ann", Password: "p"})
		})
	}
	for name, content := range map[string]string{
		"the output of az acr login":   `{"accessToken":"` + fileSecret + `","loginServer":"registry.example.com"}`,
		"one entry without its host":   `{"auth":"` + fileSecret + `"}`,
		"a secret's manifest":          `{"kind":"Secret","data":{".dockerconfigjson":"` + fileSecret + `"}}`,
		"a key file of Google":         `{"type":"service_account","private_key":"` + fileSecret + `"}`,
		"the output of a helper":       `{"ServerURL":"registry.example.com","Username":"ann","Secret":"` + fileSecret + `"}`,
		"a configuration in an object": `{"config":{"auths":{"registry.example.com":{"auth":"` + fileSecret + `"}}}}`,
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, content)
			_, err := credentials.LoadDockerConfig(path)
			wantError(t, err, credentials.Error{File: path})
			wantText(t, err, "none of the known keys")
			wantNoSecretInError(t, err, fileSecret)
		})
	}
	for _, key := range strings.Fields("HttpHeaders psFormat imagesFormat detachKeys currentContext plugins proxies experimental aliases features cliPluginsExtraDirs stackOrchestrator") {
		t.Run("a file with only "+key+" is a configuration", func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, `{"`+key+`":{}}`), host, repo, credentials.Credential{})
		})
	}
}
