package regret_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// basicAuth is what the field auth holds.
func basicAuth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// good is the account of most files.
var good = regret.Credential{Username: account, Password: password}

// entry is an entry of auths with an account.
func entry(user, password string) string { return `{"auth":"` + basicAuth(user, password) + `"}` }

// configFile writes a configuration.
func configFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	writeFile(t, path, content)
	return path
}

// load makes a source of configurations, in their order.
func load(t testing.TB, contents ...string) regret.CredentialSource {
	t.Helper()
	var paths []string
	for _, content := range contents {
		paths = append(paths, configFile(t, content))
	}
	source, err := regret.LoadDockerConfig(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// wantCredential asks a source.
func wantCredential(t testing.TB, source regret.CredentialSource, registry, repository string, want regret.Credential) {
	t.Helper()
	got, err := source.Credential(t.Context(), registry, repository)
	if err != nil {
		t.Fatal(err)
	}
	if got != want { // not with cmp: it would show how Credential redacts itself
		t.Errorf("credential for %s/%s: %q %q %q %q, want %q %q %q %q", registry, repository,
			got.Username, got.Password, got.IdentityToken, got.RegistryToken, want.Username, want.Password, want.IdentityToken, want.RegistryToken)
	}
}

func TestDockerConfigKeys(t *testing.T) {
	t.Parallel()
	const hub = "registry-1.docker.io"
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
		t.Run(fmt.Sprintf("%s is for %s: %t", tt.key, tt.registry, tt.found), func(t *testing.T) {
			t.Parallel()
			want := regret.Credential{}
			if tt.found {
				want = good
			}
			source := load(t, fmt.Sprintf(`{"auths":{%q:%s}}`, tt.key, entry(account, password)))
			wantCredential(t, source, tt.registry, repo, want)
			wantCredential(t, source, tt.registry, "", want)
		})
	}
}

func TestDockerConfigEntries(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, entry string
		want        regret.Credential
	}{
		{"auth is user and password", entry(account, password), good},
		{"a password may contain colons", entry(account, "a:b:"), regret.Credential{Username: account, Password: "a:b:"}},
		{"a password may be empty", entry(account, ""), regret.Credential{Username: account}},
		{"a password may end in zeros, which do not belong to it", entry(account, password+"\x00\x00"), good},
		{"username and password stand alone", `{"username":"ann","password":"plain"}`, regret.Credential{Username: "ann", Password: "plain"}},
		{"auth comes before username and password", `{"username":"bob","password":"other","auth":"` + basicAuth(account, password) + `"}`, good},
		{"an identity token stands in place of the password", `{"auth":"` + basicAuth("00000000-0000-0000-0000-000000000000", "") + `","identitytoken":"r3fresh"}`,
			regret.Credential{Username: "00000000-0000-0000-0000-000000000000", IdentityToken: "r3fresh"}},
		{"a password beside an identity token is not used", `{"auth":"` + basicAuth(account, password) + `","identitytoken":"r3fresh"}`,
			regret.Credential{Username: account, IdentityToken: "r3fresh"}},
		{"an identity token needs no user", `{"identitytoken":"r3fresh"}`, regret.Credential{IdentityToken: "r3fresh"}},
		{"a registry token needs no user", `{"registrytoken":"b3arer"}`, regret.Credential{RegistryToken: "b3arer"}},
		{"an empty entry is none", `{}`, regret.Credential{}},
		{"null is none", `null`, regret.Credential{}},
		{"other fields do not matter", `{"auth":"` + basicAuth(account, password) + `","email":"a@example.com","serveraddress":"x"}`, good},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := load(t, `{"auths":{"`+host+`":`+tt.entry+`},"HttpHeaders":{"X":"y"},"psFormat":"table","experimental":true}`)
			wantCredential(t, source, host, repo, tt.want)
		})
	}
}

func TestDockerConfigChoice(t *testing.T) {
	t.Parallel()
	as := func(user string) regret.Credential { return regret.Credential{Username: user, Password: "p"} }
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
		want                       regret.Credential
	}{
		{"the longest key wins: the repository", host, "team/app", []string{keys(host, host+"/team", host+"/team/app")}, as("R-team-app")},
		{"the longest key wins: the namespace", host, "team/other", []string{keys(host, host+"/team", host+"/team/app")}, as("R-team")},
		{"the longest key wins: the registry", host, "derek/app", []string{keys(host, host+"/team", host+"/team/app")}, as("R")},
		{"a namespace is not a beginning of letters", host, "teams/app", []string{keys(host + "/team")}, regret.Credential{}},
		{"a repository's key is not for the registry as a whole", host, "", []string{keys(host + "/team")}, regret.Credential{}},
		{"a namespace may have several parts", host, "a/b/c/d", []string{keys(host+"/a", host+"/a/b/c")}, as("R-a-b-c")},
		{"names are in the case in which they are written", host, "team/app", []string{keys(host + "/Team")}, regret.Credential{}},
		{"a scheme before a repository's key does not matter", host, "team/app", []string{`{"auths":{"https://` + host + `/team/":` + entry("x", "p") + `}}`}, as("x")},
		{"Docker Hub has repositories, too", "registry-1.docker.io", "library/busybox", []string{keys("docker.io", "docker.io/library")}, as("D-library")},
		{"an empty key for a repository leaves it to the registry's", host, "team/app", []string{`{"auths":{"` + host + `/team":{},"` + host + `":` + entry("x", "p") + `}}`}, as("x")},
		{"an empty form of a key does not hide the full one", host, repo, []string{`{"auths":{"` + host + `":{},"https://` + host + `/v1/":` + entry("x", "p") + `}}`}, as("x")},
		{"of two forms of a key the plainer wins", host, repo, []string{
			`{"auths":{"` + host + `":` + entry("plain", "p") + `,"https://` + host + `/v1/":` + entry("long", "p") + `,"https://` + host + `":` + entry("mid", "p") + `}}`}, as("plain")},
		{"the first file that has something decides", host, repo, []string{`{"auths":{"` + host + `":` + entry("first", "p") + `}}`, `{"auths":{"` + host + `":` + entry("second", "p") + `}}`}, as("first")},
		{"an empty entry decides nothing", host, repo, []string{`{"auths":{"` + host + `":{}}}`, `{"auths":{"` + host + `":` + entry("second", "p") + `}}`}, as("second")},
		{"a registry in the first file beats a repository in the second", host, repo, []string{keys(host), keys(host + "/team/app")}, as("R")},
		{"nothing anywhere is anonymous", host, repo, []string{`{}`, `null`, `{"auths":null,"credHelpers":null}`}, regret.Credential{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := load(t, tt.files...)
			for range 10 { // the order of a map is another one each time
				wantCredential(t, source, tt.registry, tt.repository, tt.want)
				source = load(t, tt.files...)
			}
		})
	}
}

// secret canaries: the file's content must be in no error.
const inFile = "c4n4ry-in-the-file"

func TestBrokenDockerConfigs(t *testing.T) {
	t.Parallel()
	auths := func(entry string) string { return `{"auths":{"` + host + `":` + entry + `}}` }
	tests := []struct{ name, content, says string }{
		{"an empty file", "", "not the JSON"},
		{"text", inFile, "not the JSON"},
		{"half of a file", `{"auths":{"` + host + `":{"auth":"` + inFile, "not the JSON"},
		{"two documents", `{} {"x":"` + inFile + `"}`, "not the JSON"},
		{"an array", `["` + inFile + `"]`, "not the JSON"},
		{"auths that are a string", `{"auths":"` + inFile + `"}`, "not the JSON"},
		{"an entry that is a string", auths(`"` + inFile + `"`), "not the JSON"},
		{"auth that is a number", auths(`{"auth":12345678901234567890}`), "not the JSON"},
		{"credHelpers that are a list", `{"credHelpers":["` + inFile + `"]}`, "not the JSON"},
		{"credsStore that is an object", `{"credsStore":{"` + inFile + `":1}}`, "not the JSON"},
		{"nothing but depth", strings.Repeat(`{"auths":`, 20_000), "not the JSON"},
		{"auth that is not base64", auths(`{"auth":"` + inFile + `!"}`), "not base64"},
		{"auth in base64 for URLs", auths(`{"auth":"` + base64.URLEncoding.EncodeToString([]byte("ann:\xff\xff\xfe?>"+inFile)) + `"}`), "not base64"},
		{"auth without a colon", auths(`{"auth":"` + base64.StdEncoding.EncodeToString([]byte(inFile)) + `"}`), "not user:password"},
		{"auth without a user", auths(entry("", inFile)), "not user:password"},
		{"a password without a user", auths(`{"password":"` + inFile + `"}`), "without a user name"},
		{"a password with a line break", auths(entry(account, inFile+"\r\nX: y")), "control characters"},
		{"a user with a colon", auths(`{"username":"a:b","password":"` + inFile + `"}`), "colon"},
		{"an identity token with a line break", auths(`{"identitytoken":"` + inFile + `\n"}`), "token"},
		{"a registry token with a blank", auths(`{"registrytoken":"` + inFile + ` x"}`), "token"},
		{"a key with user information", `{"auths":{"https://ann:` + inFile + `@` + host + `":{"auth":"x"}}}`, "not base64"},
		{"a helper above $PATH", `{"credsStore":"../x","x":"` + inFile + `"}`, `"../x"`},
		{"a helper below $PATH", `{"credHelpers":{"` + host + `":"x/y"}}`, `"x/y"`},
		{"a helper with a backslash", `{"credHelpers":{"` + host + `":"x\\y"}}`, `helper name`},
		{"a helper with an argument", `{"credsStore":"x --y"}`, `helper name`},
		{"a helper with a line break", `{"credsStore":"x\n"}`, `helper name`},
		{"a helper with a zero", `{"credsStore":"x\u0000"}`, `helper name`},
		{"a file of more than 4 MiB", `{"x":"` + strings.Repeat(inFile, 4<<20/len(inFile)+1) + `"}`, "larger than 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error that names the file and not what is in it", func(t *testing.T) {
			t.Parallel()
			path := configFile(t, tt.content)
			source, err := regret.LoadDockerConfig(configFile(t, "{}"), path)
			e, ok := errors.AsType[*regret.CredentialError](err)
			if !ok || source != nil {
				t.Fatalf("%v and %v, want a *CredentialError alone", source, err)
			}
			if e.File != path || e.Registry != "" || e.Helper != "" {
				t.Errorf("file %q, registry %q, helper %q", e.File, e.Registry, e.Helper)
			}
			wantText(t, err, path, tt.says)
			wantDiscreet(t, err, inFile)
			if len(err.Error()) > 1<<10 {
				t.Errorf("the text has %d bytes", len(err.Error()))
			}
		})
	}
	t.Run("4 MiB are accepted", func(t *testing.T) {
		t.Parallel()
		content := `{"auths":{"` + host + `":` + entry(account, password) + `}}`
		wantCredential(t, load(t, content+strings.Repeat(" ", 4<<20-len(content))), host, repo, good)
	})
}

func TestUnreadableDockerConfigs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"a named file that does not exist is an error", filepath.Join(dir, "none.json"), fs.ErrNotExist},
		{"an empty name is an error", "", fs.ErrNotExist},
		{"a folder is an error", dir, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := regret.LoadDockerConfig(tt.path)
			e, ok := errors.AsType[*regret.CredentialError](err)
			if !ok || e.File != tt.path {
				t.Fatalf("%v, want a *CredentialError for %q", err, tt.path)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error is not %q: %v", tt.want, err)
			}
			if n := strings.Count(err.Error(), dir); n > 1 {
				t.Errorf("the path is there %d times: %v", n, err)
			}
		})
	}
}

// The environment belongs to the whole process: these do not run in parallel.
func TestDockerConfigPlaces(t *testing.T) {
	content := func(user string) string { return `{"auths":{"` + host + `":` + entry(user, "p") + `}}` }
	tests := []struct {
		name  string
		env   map[string]string // "%" is the folder of the test
		files []string          // below it; each holds its own name
		want  string
	}{
		{"none of the files exists", map[string]string{"HOME": "%/home"}, nil, ""},
		{"without a home there is none to look in", nil, []string{".docker/config.json"}, ""},
		{"docker's in the home", map[string]string{"HOME": "%/home"}, []string{"home/.docker/config.json"}, "home/.docker/config.json"},
		{"podman's in the home is before docker's", map[string]string{"HOME": "%/home"},
			[]string{"home/.config/containers/auth.json", "home/.docker/config.json"}, "home/.config/containers/auth.json"},
		{"$DOCKER_CONFIG is in place of ~/.docker", map[string]string{"HOME": "%/home", "DOCKER_CONFIG": "%/docker"},
			[]string{"home/.docker/config.json", "docker/config.json"}, "docker/config.json"},
		{"an empty $DOCKER_CONFIG is none, even though ~/.docker is there", map[string]string{"HOME": "%/home", "DOCKER_CONFIG": "%/docker"},
			[]string{"home/.docker/config.json"}, ""},
		{"$XDG_CONFIG_HOME is in place of ~/.config", map[string]string{"HOME": "%/home", "XDG_CONFIG_HOME": "%/xdg"},
			[]string{"home/.config/containers/auth.json", "xdg/containers/auth.json"}, "xdg/containers/auth.json"},
		{"$XDG_RUNTIME_DIR is before all of them", map[string]string{"HOME": "%/home", "XDG_RUNTIME_DIR": "%/run", "XDG_CONFIG_HOME": "%/xdg", "DOCKER_CONFIG": "%/docker"},
			[]string{"run/containers/auth.json", "xdg/containers/auth.json", "docker/config.json"}, "run/containers/auth.json"},
		{"$XDG_CONFIG_HOME is before $DOCKER_CONFIG, also without a home", map[string]string{"XDG_RUNTIME_DIR": "%/run", "XDG_CONFIG_HOME": "%/xdg", "DOCKER_CONFIG": "%/docker"},
			[]string{"xdg/containers/auth.json", "docker/config.json"}, "xdg/containers/auth.json"},
		{"$REGISTRY_AUTH_FILE is alone", map[string]string{"HOME": "%/home", "XDG_RUNTIME_DIR": "%/run", "REGISTRY_AUTH_FILE": "%/mine.json"},
			[]string{"run/containers/auth.json", "home/.docker/config.json", "mine.json"}, "mine.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := setPlaces(t, tt.env)
			for _, name := range tt.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				writeFile(t, path, content(name))
			}
			source, err := regret.LoadDockerConfig()
			if err != nil {
				t.Fatal(err)
			}
			want := regret.Credential{}
			if tt.want != "" {
				want = regret.Credential{Username: tt.want, Password: "p"}
			}
			wantCredential(t, source, host, repo, want)
		})
	}
	t.Run("a missing $REGISTRY_AUTH_FILE is an error", func(t *testing.T) {
		dir := setPlaces(t, map[string]string{"REGISTRY_AUTH_FILE": "%/mine.json"})
		_, err := regret.LoadDockerConfig()
		e, ok := errors.AsType[*regret.CredentialError](err)
		if !ok || e.File != filepath.Join(dir, "mine.json") || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("a malformed file is an error, even where a later one is sound", func(t *testing.T) {
		dir := setPlaces(t, map[string]string{"XDG_RUNTIME_DIR": "%", "DOCKER_CONFIG": "%"})
		if err := os.Mkdir(filepath.Join(dir, "containers"), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "containers", "auth.json"), "{")
		writeFile(t, filepath.Join(dir, "config.json"), content("x"))
		_, err := regret.LoadDockerConfig()
		if e, ok := errors.AsType[*regret.CredentialError](err); !ok || e.File != filepath.Join(dir, "containers", "auth.json") {
			t.Errorf("%v", err)
		}
	})
}

// setPlaces sets these variables and no other that says where files are.
func setPlaces(t *testing.T, env map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "USERPROFILE", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG"} {
		t.Setenv(name, strings.ReplaceAll(env[name], "%", dir))
	}
	t.Setenv("USERPROFILE", os.Getenv("HOME")) // where Windows has it
	return dir
}

func TestDockerConfigAtARegistry(t *testing.T) {
	t.Parallel()
	p := newPlace()
	source := load(t, `{"auths":{"https://index.docker.io/v1/":`+entry("hub", "hub-c4n4ry")+`,"`+host+`/team":`+entry(account, password)+`}}`)
	c := newClient(t, p, regret.WithCredentials(source), regret.WithTrustedRealm(authURL))
	wantErr(t, resolve(t, c))
	want := []string{"HEAD registry 401", "GET auth 200", "HEAD registry 200"}
	if diff := cmp.Diff(want, traffic(p.Network)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	wantSilence(t, "the traffic", fmt.Sprintf("%+v", p.Network.Requests()), "hub-c4n4ry")
}
