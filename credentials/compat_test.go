package credentials_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// A compatRow is one thing that docker 29 or podman 5 writes or reads, what each of them finds in it
// for registry.example.com/team/app, and what this package finds. "skips" means that the entry or
// file is passed over, "all" that every look-up in the file fails.
type compatRow struct {
	name           string
	docker, podman string
	content        string
	want           string // user:secret; empty for anonymous, or "error: " and a part of its text
	registry       string // by default registry.example.com
}

var user = entry("ann", "p")

// The table of everything that docker 29 and podman 5 write and read in a configuration: its forms,
// keys and entries, the answers of helpers, and what is broken. The places are in
// TestReportK06PlacesOfDockerAndPodman.
var compatTable = []compatRow{
	// Forms of a file.
	{"an empty file", "empty", "all", "", "", ""},
	{"white space", "empty", "all", " \r\n\t", "", ""},
	{"null", "empty", "empty", "null", "", ""},
	{"an empty object", "empty", "empty", "{}", "", ""},
	{"only other settings", "empty", "empty", `{"HttpHeaders":{"X":"y"},"psFormat":"table","currentContext":"c","plugins":{},"proxies":{},"experimental":"enabled"}`, "", ""},
	{"another setting of the wrong type", "all", "found", `{"psFormat":1,"auths":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"fields in another case", "found", "found", `{"AUTHS":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"unknown fields", "found", "found", `{"auths":{"registry.example.com":` + user + `},"new":[1]}`, "ann:p", ""},
	{"text after the object", "found", "all", `{"auths":{"registry.example.com":` + user + `}}}`, "ann:p", ""},
	{"the old form of ~/.dockercfg", "empty", "found in ~/.dockercfg", `{"registry.example.com":` + user + `}`, "ann:p", ""},
	{"the old form with a key that is a URL", "empty", "found in ~/.dockercfg", `{"https://registry.example.com/v1/":` + user + `}`, "ann:p", ""},

	// Keys.
	{"a host", "found", "found", authsFor("registry.example.com", user), "ann:p", ""},
	{"a host in upper case", "skips", "skips", authsFor("Registry.EXAMPLE.com", user), "ann:p", ""},
	{"https:// and a host", "found", "found", authsFor("https://registry.example.com", user), "ann:p", ""},
	{"http:// and a host", "found", "found", authsFor("http://registry.example.com", user), "ann:p", ""},
	{"a URL of version 1", "found", "found", authsFor("https://registry.example.com/v1/", user), "ann:p", ""},
	{"a URL of version 2", "found", "found", authsFor("https://registry.example.com/v2/", user), "ann:p", ""},
	{"a URL with another path", "found", "found", authsFor("https://registry.example.com/artifactory/api/", user), "ann:p", ""},
	{"a host and the version 1", "found", "skips", authsFor("registry.example.com/v1", user), "ann:p", ""},
	{"a host with the port of https", "skips", "skips", authsFor("registry.example.com:443", user), "ann:p", ""},
	{"a host with a port, asked for with it", "found", "found", authsFor("registry.example.com:5000", user), "ann:p", "registry.example.com:5000"},
	{"a host with a port, asked for without", "skips", "skips", authsFor("registry.example.com:5000", user), "", ""},
	{"a host, asked for with the port of https", "skips", "skips", authsFor("registry.example.com", user), "ann:p", "registry.example.com:443"},
	{"a repository", "found for every repository", "found", authsFor("registry.example.com/team/app", user), "ann:p", ""},
	{"a namespace", "found for every repository", "found", authsFor("registry.example.com/team", user), "ann:p", ""},
	{"another namespace", "found", "skips", authsFor("registry.example.com/other", user), "", ""},
	{"docker's key of Docker Hub", "found", "found", authsFor("https://index.docker.io/v1/", user), "ann:p", hub},
	{"podman's key of Docker Hub", "skips", "found", authsFor("docker.io", user), "ann:p", hub},
	{"user information before the host", "found", "skips", authsFor("https://ann:x@registry.example.com", user), "", ""},

	// Entries.
	{"user and password", "found", "found", authsFor(host, `{"auth":"YW5uOnA="}`), "ann:p", ""},
	{"a password with colons", "found", "found", authsFor(host, entry("ann", "a:b:")), "ann:a:b:", ""},
	{"a password of several lines", "found", "found", authsFor(host, entry("_json_key", "{\n}\n")), "_json_key:{\n}\n", ""},
	{"an empty password", "found", "found", authsFor(host, entry("ann", "")), "ann:", ""},
	{"zero bytes around the password", "without them", "without them", authsFor(host, entry("ann", "\x00p\x00\x00")), "ann:p", ""},
	{"line ends in the base64", "found", "found", authsFor(host, `{"auth":"YW5u\nOnA=\r\n"}`), "ann:p", ""},
	{"an empty user name", "all", "found", authsFor(host, entry("", "t0ken")), ":t0ken", ""},
	{"username and password without auth", "found", "skips", authsFor(host, `{"username":"ann","password":"p"}`), "ann:p", ""},
	{"an identity token", "found", "found", authsFor(host, `{"auth":"YW5uOg==","identitytoken":"t"}`), "ann:<identity>t", ""},
	{"an identity token alone", "found", "skips", authsFor(host, `{"identitytoken":"t"}`), ":<identity>t", ""},
	{"a registry token", "found", "skips", authsFor(host, `{"registrytoken":"t"}`), ":<registry>t", ""},
	{"an empty entry", "anonymous", "skips", authsFor(host, `{}`), "", ""},
	{"an email alone", "anonymous", "skips", authsFor(host, `{"email":"ann@example.com"}`), "", ""},

	// Broken entries.
	{"auth that is not base64, elsewhere", "all", "found", `{"auths":{"other.example.com":{"auth":"!"},"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"auth that is not base64, here", "all", "fails", authsFor(host, `{"auth":"!"}`), "error: not base64", ""},
	{"base64 of the alphabet for URLs", "all", "fails", authsFor(host, `{"auth":"YW5uOv__"}`), "error: not base64", ""},
	{"auth without a colon, elsewhere", "all", "found", `{"auths":{"other.example.com":{"auth":"dG9rZW4="},"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"auth without a colon, here", "all", "skips", authsFor(host, `{"auth":"dG9rZW4="}`), "error: not user:password", ""},
	{"auth that is a colon", "all", "skips", authsFor(host, `{"auth":"Og=="}`), "error: neither a user name nor a password", ""},
	{"an entry of the wrong type, elsewhere", "all", "all", `{"auths":{"other.example.com":"x","registry.example.com":` + user + `}}`, "ann:p", ""},
	{"an entry of the wrong type, here", "all", "all", authsFor(host, `"x"`), "error: not the JSON of an entry", ""},

	// Helpers.
	{"credHelpers", "found", "found", `{"credHelpers":{"registry.example.com":"regret-good"}}`, "ann:" + helperSecret, ""},
	{"credsStore", "found", "not read", `{"credsStore":"regret-good"}`, "ann:" + helperSecret, ""},
	{"credHelpers before credsStore", "found", "found", `{"credHelpers":{"registry.example.com":"regret-good"},"credsStore":"regret-fails"}`, "ann:" + helperSecret, ""},
	{"an empty name in credHelpers", "the file's own entry", "fails", `{"credHelpers":{"registry.example.com":""},"credsStore":"regret-fails","auths":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"a helper of another registry that does not exist", "found", "found", `{"credHelpers":{"other.example.com":"regret-missing"},"auths":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"a helper's name of another registry of the wrong type", "all", "all", `{"credHelpers":{"other.example.com":1},"auths":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"credsStore that has nothing beside an own entry", "anonymous", "the file's own entry", `{"credsStore":"regret-none","auths":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"credHelpers that have nothing beside an own entry", "anonymous", "anonymous", `{"credHelpers":{"registry.example.com":"regret-none"},"auths":{"registry.example.com":` + user + `}}`, "ann:p", ""},
	{"credHelpers beside a namespace's entry", "the helper's", "the helper's", `{"credHelpers":{"registry.example.com":"regret-good"},"auths":{"registry.example.com/team":` + user + `}}`, "ann:" + helperSecret, ""},
	{"credsStore beside a namespace's entry", "the store's", "the namespace's", `{"credsStore":"regret-good","auths":{"registry.example.com/team":` + user + `}}`, "ann:p", ""},
	{"the key of Docker Hub in podman's helper", "skips", "found", `{"credHelpers":{"docker.io":"regret-podman-hub"}}`, "ann:" + helperSecret, hub},
	{"podman's key, docker's name in the helper", "skips", "skips", `{"credHelpers":{"docker.io":"regret-docker-hub"}}`, "ann:" + helperSecret, hub},
	{"the key of Docker Hub in docker's helper", "found", "skips", `{"credHelpers":{"https://index.docker.io/v1/":"regret-docker-hub"}}`, "ann:" + helperSecret, hub},
	{"a path in the name of a helper", "fails", "fails", `{"credHelpers":{"registry.example.com":"../x"}}`, "error: helper name", ""},
	{"a helper that does not exist", "fails", "fails", `{"credHelpers":{"registry.example.com":"regret-missing"}}`, "error: not found in $PATH", ""},
}

func TestConfigurationsOfDockerAndPodman(t *testing.T) {
	t.Parallel()
	for _, row := range compatTable {
		t.Run(fmt.Sprintf("%s (docker: %s; podman: %s)", row.name, row.docker, row.podman), func(t *testing.T) {
			t.Parallel()
			registry := host
			if row.registry != "" {
				registry = row.registry
			}
			source := load(t, row.content)
			if text, fails := strings.CutPrefix(row.want, "error: "); fails {
				_, err := source.Credential(t.Context(), registry, repo)
				wantText(t, err, text)
				return
			}
			wantCredential(t, source, registry, repo, parseWanted(row.want))
		})
	}
}

// parseWanted parses the last column of the table.
func parseWanted(want string) credentials.Credential {
	user, secret, _ := strings.Cut(want, ":")
	if token, ok := strings.CutPrefix(secret, "<identity>"); ok {
		return credentials.Credential{Username: user, IdentityToken: token}
	}
	if token, ok := strings.CutPrefix(secret, "<registry>"); ok {
		return credentials.Credential{Username: user, RegistryToken: token}
	}
	return credentials.Credential{Username: user, Password: secret}
}

func TestEmptyFileBesideAGoodOne(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "")
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Fatal(info, err)
	}
	source, err := credentials.LoadDockerConfig(path, writeConfig(t, authsFor(host, user)))
	if err != nil {
		t.Fatal(err)
	}
	wantCredential(t, source, host, repo, credentials.Credential{Username: "ann", Password: "p"})
}
