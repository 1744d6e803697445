package credentials_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

func TestConfigKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key, registry string
		found         bool
	}{
		{host, host, true},
		{"https://" + host, host, true},
		{"https://" + host + "/", host, true},
		{"https://" + host + "/v1/", host, true},
		{"https://" + host + "/v2/", host, true},
		{host + "/v1", host, true},
		{host + "/v2/", host, true},
		{"http://" + host, host, true},
		{"REGISTRY.Example.COM", host, true},
		{"HTTPS://REGISTRY.Example.COM/v1/", host, true},
		{host + ":443", host, true},
		{"https://" + host + ":443/v1/", host, true},
		{"http://" + host + ":80", host, true},
		{host + ":5000", host + ":5000", true},
		{"https://" + host + ":5000/v2/", host + ":5000", true},
		{"[2001:DB8::1]:5000", "[2001:db8::1]:5000", true},
		{"docker.io", hub, true},
		{"index.docker.io", hub, true},
		{"https://index.docker.io/v1/", hub, true},
		{"https://index.docker.io/v1/", "docker.io", true},
		{"registry-1.docker.io", hub, true},
		{"www.docker.io", hub, true},

		{host + ":5000", host, false},
		{host, host + ":5000", false},
		{host + ":80", host, false},
		{"http://" + host + ":443", host, false},
		{"https://" + host + ":80", host, false},
		{"example.com", host, false},
		{"evil" + host, host, false},
		{host + ".evil.example.net", host, false},
		{"https://" + host + "@evil.example.net", host, false},
		{"https://evil.example.net/" + host, host, false},
		{"hub.docker.com", hub, false},
		{"auth.docker.io", hub, false},
		{"https://index.docker.io/v1/", host, false},
		{"", host, false},
		{"/", host, false},
		{"https://", host, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("the key %q matches %s: %t", tt.key, tt.registry, tt.found), func(t *testing.T) {
			t.Parallel()
			want := credentials.Credential{}
			if tt.found {
				want = good
			}
			source := load(t, authsFor(tt.key, entry(account, password)))
			wantCredential(t, source, tt.registry, repo, want)
			wantCredential(t, source, tt.registry, "", want)
		})
	}
}

func TestAuthEntries(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, entry string
		want        credentials.Credential
	}{
		{"auth is user and password", entry(account, password), good},
		{"a password may contain colons", entry(account, "a:b:"), credentials.Credential{Username: account, Password: "a:b:"}},
		{"a password may be empty", entry(account, ""), credentials.Credential{Username: account}},
		{"zero bytes at the end of auth do not belong to the password", entry(account, password+"\x00\x00"), good},
		{"username and password are used without auth", `{"username":"ann","password":"plain"}`, credentials.Credential{Username: "ann", Password: "plain"}},
		{"auth takes precedence over username and password", `{"username":"bob","password":"other","auth":"` + basicAuth(account, password) + `"}`, good},
		{"an identity token takes the place of the password", `{"auth":"` + basicAuth("00000000-0000-0000-0000-000000000000", "") + `","identitytoken":"r3fresh"}`,
			credentials.Credential{Username: "00000000-0000-0000-0000-000000000000", IdentityToken: "r3fresh"}},
		{"a password is ignored beside an identity token", `{"auth":"` + basicAuth(account, password) + `","identitytoken":"r3fresh"}`,
			credentials.Credential{Username: account, IdentityToken: "r3fresh"}},
		{"an identity token needs no user", `{"identitytoken":"r3fresh"}`, credentials.Credential{IdentityToken: "r3fresh"}},
		{"a registry token needs no user", `{"registrytoken":"b3arer"}`, credentials.Credential{RegistryToken: "b3arer"}},
		{"an empty entry is anonymous", `{}`, credentials.Credential{}},
		{"a null entry is anonymous", `null`, credentials.Credential{}},
		{"other fields are ignored", `{"auth":"` + basicAuth(account, password) + `","email":"a@example.com","serveraddress":"x"}`, good},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := load(t, `{"auths":{"`+host+`":`+tt.entry+`},"HttpHeaders":{"X":"y"},"psFormat":"table","experimental":true}`)
			wantCredential(t, source, host, repo, tt.want)
		})
	}
}

func TestEntryPrecedence(t *testing.T) {
	t.Parallel()
	as := func(user string) credentials.Credential { return credentials.Credential{Username: user, Password: "p"} }
	keys := func(keys ...string) string {
		var entries []string
		for _, key := range keys {
			user := strings.NewReplacer("/", "-", ":", "-", host, "R", "docker.io", "D").Replace(key)
			entries = append(entries, fmt.Sprintf("%q:%s", key, entry(user, "p")))
		}
		return `{"auths":{` + strings.Join(entries, ",") + `}}`
	}
	tests := []struct {
		name, registry, repository string
		files                      []string
		want                       credentials.Credential
	}{
		{"the longest key wins: the repository", host, "team/app", []string{keys(host, host+"/team", host+"/team/app")}, as("R-team-app")},
		{"the longest key wins: the namespace", host, "team/other", []string{keys(host, host+"/team", host+"/team/app")}, as("R-team")},
		{"the longest key wins: the registry", host, "derek/app", []string{keys(host, host+"/team", host+"/team/app")}, as("R")},
		{"a namespace does not match a name that only starts with it", host, "teams/app", []string{keys(host + "/team")}, credentials.Credential{}},
		{"a repository's key does not match the registry as a whole", host, "", []string{keys(host + "/team")}, credentials.Credential{}},
		{"a namespace may have several parts", host, "a/b/c/d", []string{keys(host+"/a", host+"/a/b/c")}, as("R-a-b-c")},
		{"the case of a namespace matters", host, "team/app", []string{keys(host + "/Team")}, credentials.Credential{}},
		{"the scheme of a repository's key is ignored", host, "team/app", []string{`{"auths":{"https://` + host + `/team/":` + entry("x", "p") + `}}`}, as("x")},
		{"a namespace's key may use a name of Docker Hub", "registry-1.docker.io", "library/busybox", []string{keys("docker.io", "docker.io/library")}, as("D-library")},
		{"the registry's entry is used if the namespace's is empty", host, "team/app", []string{`{"auths":{"` + host + `/team":{},"` + host + `":` + entry("x", "p") + `}}`}, as("x")},
		{"an entry is used if the one under a shorter spelling of the key is empty", host, repo, []string{`{"auths":{"` + host + `":{},"https://` + host + `/v1/":` + entry("x", "p") + `}}`}, as("x")},
		{"the shortest of several spellings of a key wins", host, repo, []string{
			`{"auths":{"` + host + `":` + entry("plain", "p") + `,"https://` + host + `/v1/":` + entry("long", "p") + `,"https://` + host + `":` + entry("mid", "p") + `}}`}, as("plain")},
		{"docker's key of Docker Hub wins, podman's is the second", hub, repo, []string{
			`{"auths":{"www.docker.io":` + entry("www", "p") + `,"docker.io":` + entry("podman", "p") + `,"https://index.docker.io/v1/":` + entry("docker", "p") + `}}`}, as("docker")},
		{"a key that docker and podman read wins over a shorter one that they do not", host, repo, []string{
			`{"auths":{"REGISTRY.example.com":` + entry("upper", "p") + `,"` + host + `:443":` + entry("port", "p") + `,"https://` + host + `/v1/":` + entry("url", "p") + `}}`}, as("url")},
		{"the first file with a credential decides", host, repo, []string{`{"auths":{"` + host + `":` + entry("first", "p") + `}}`, `{"auths":{"` + host + `":` + entry("second", "p") + `}}`}, as("first")},
		{"a file whose entry is empty does not decide", host, repo, []string{`{"auths":{"` + host + `":{}}}`, `{"auths":{"` + host + `":` + entry("second", "p") + `}}`}, as("second")},
		{"the registry's entry in the first file beats the repository's in the second", host, repo, []string{keys(host), keys(host + "/team/app")}, as("R")},
		{"the credential is anonymous if no file has one", host, repo, []string{`{}`, `null`, `{"auths":null,"credHelpers":null}`}, credentials.Credential{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := load(t, tt.files...)
			for range 10 { // the order of a map differs each time
				wantCredential(t, source, tt.registry, tt.repository, tt.want)
				source = load(t, tt.files...)
			}
		})
	}
}

// fileSecret is in the files of the tests and must not be in any error.
const fileSecret = "c4n4ry-in-the-file"

func TestMalformedConfigs(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, content, says string }{
		{"text", fileSecret, "not the JSON"},
		{"a truncated file", `{"auths":{"` + host + `":{"auth":"` + fileSecret, "not the JSON"},
		{"an array", `["` + fileSecret + `"]`, "not the JSON"},
		{"a string", `"` + fileSecret + `" {}`, "not the JSON"},
		{"auths that are a string", `{"auths":"` + fileSecret + `"}`, "auths is not an object"},
		{"auths that are a list", `{"auths":["` + fileSecret + `"],"credsStore":"x"}`, "auths is not an object"},
		{"credHelpers that are a list", `{"credHelpers":["` + fileSecret + `"]}`, "credHelpers is not an object"},
		{"20,000 levels of objects", strings.Repeat(`{"auths":`, 20_000), "not the JSON"},
		{"a file of more than 4 MiB", `{"x":"` + strings.Repeat(fileSecret, 4<<20/len(fileSecret)+1) + `"}`, "larger than 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error that names the file and not its content", func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, tt.content)
			source, err := credentials.LoadDockerConfig(writeConfig(t, "{}"), path)
			if source != nil {
				t.Errorf("source is %v, want none beside an error", source)
			}
			wantError(t, err, credentials.Error{File: path})
			wantText(t, err, path, tt.says)
			wantNoSecretInError(t, err, fileSecret)
			if len(err.Error()) > 1<<10 {
				t.Errorf("the text has %d bytes", len(err.Error()))
			}
		})
	}
	t.Run("a file of 4 MiB is accepted", func(t *testing.T) {
		t.Parallel()
		content := `{"auths":{"` + host + `":` + entry(account, password) + `}}`
		wantCredential(t, load(t, content+strings.Repeat(" ", 4<<20-len(content))), host, repo, good)
	})
}
