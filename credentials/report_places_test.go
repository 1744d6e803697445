package credentials_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// writeTree writes files below a directory; "%" in a name is nothing. The user name in each file is
// its own path, so that a test sees which one was used.
func writeTree(t *testing.T, dir string, names []string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		content := authsFor(host, entry(name, "p"))
		if strings.HasSuffix(name, ".dockercfg") {
			content = `{"` + host + `":` + entry(name, "p") + `}`
		}
		writeFile(t, path, content)
	}
}

// The environment belongs to the whole process, so these tests do not run in parallel.
func TestReportK06PlacesOfDockerAndPodman(t *testing.T) {
	const (
		runtimeDir = "session/containers/auth.json"
		run        = "run/containers/1234/auth.json"
		homeConfig = "home/.config/containers/auth.json"
		xdgConfig  = "xdg/containers/auth.json"
		docker     = "home/.docker/config.json"
		legacy     = "home/.dockercfg"
	)
	all := []string{run, homeConfig, docker, legacy}
	session := map[string]string{"XDG_RUNTIME_DIR": "%/session"}
	tests := []struct {
		name, goos string
		env        map[string]string // "%" is the directory of the test
		files      []string
		want       string
	}{
		{"podman's file in /run is read without $XDG_RUNTIME_DIR", "linux", nil, []string{run}, run},
		{"podman's file in /run comes before those in the home directory", "linux", nil, all, run},
		{"$XDG_RUNTIME_DIR replaces /run", "linux", session, append(all, runtimeDir), runtimeDir},
		{"/run is not read with $XDG_RUNTIME_DIR", "linux", session, []string{run}, ""},
		{"/run is not read with a $XDG_RUNTIME_DIR that does not exist, but the rest is", "linux", map[string]string{"XDG_RUNTIME_DIR": "%/none"}, all, homeConfig},
		{"another user's file in /run is not read", "linux", nil, []string{"run/containers/1/auth.json"}, ""},
		{"~/.config is the second", "linux", nil, all[1:], homeConfig},
		{"docker's file is the third", "linux", nil, all[2:], docker},
		{"~/.dockercfg is the last", "linux", nil, all[3:], legacy},
		{"~/.dockercfg is read beside $DOCKER_CONFIG", "linux", map[string]string{"DOCKER_CONFIG": "%/empty"}, []string{docker, legacy}, legacy},
		{"$REGISTRY_AUTH_FILE alone is read", "linux", map[string]string{"REGISTRY_AUTH_FILE": "%/mine.json", "DOCKER_AUTH_CONFIG": authsFor(host, entry("variable", "p"))},
			append(all, "mine.json"), "mine.json"},
		{"macOS has its first file in ~/.config, whatever $XDG_CONFIG_HOME is", "darwin", map[string]string{"XDG_CONFIG_HOME": "%/xdg"}, []string{homeConfig, xdgConfig}, homeConfig},
		{"macOS has $XDG_CONFIG_HOME as the second", "darwin", map[string]string{"XDG_CONFIG_HOME": "%/xdg"}, []string{xdgConfig, docker}, xdgConfig},
		{"macOS has no /run", "darwin", nil, []string{run}, ""},
		{"macOS has no $XDG_RUNTIME_DIR", "darwin", session, []string{runtimeDir, docker}, docker},
		{"Windows is like macOS", "windows", session, append(all, runtimeDir), homeConfig},
		{"Windows has docker's file", "windows", nil, []string{docker, legacy}, docker},
		{"Windows has ~/.dockercfg", "windows", nil, []string{legacy}, legacy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := setEnvironment(t, tt.env)
			writeTree(t, dir, tt.files)
			source, err := credentials.LoadDockerConfigOn(tt.goos, filepath.Join(dir, "run"), 1234, filepath.Join(dir, "home"))
			if err != nil {
				t.Fatal(err)
			}
			want := credentials.Credential{}
			if tt.want != "" {
				want = credentials.Credential{Username: tt.want, Password: "p"}
			}
			wantCredential(t, source, host, repo, want)
		})
	}
	t.Run("without a home directory nothing is read from the working directory", func(t *testing.T) {
		dir := setEnvironment(t, nil)
		writeTree(t, dir, []string{".docker/config.json", ".config/containers/auth.json", ".dockercfg", "containers/auth.json"})
		t.Chdir(dir)
		source, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 0, "")
		if err != nil {
			t.Fatal(err)
		}
		wantCredential(t, source, host, repo, credentials.Credential{})
	})
	t.Run("a home directory that is a file has no files", func(t *testing.T) {
		dir := setEnvironment(t, map[string]string{"XDG_RUNTIME_DIR": "%/home"})
		writeFile(t, filepath.Join(dir, "home"), "")
		source, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 0, filepath.Join(dir, "home"))
		if err != nil {
			t.Fatal(err)
		}
		wantCredential(t, source, host, repo, credentials.Credential{})
	})
	t.Run("the user database has the home directory of a user without $HOME", func(t *testing.T) {
		setEnvironment(t, nil)
		if home := credentials.HomeDirectory(); home != "" && !filepath.IsAbs(home) {
			t.Errorf("the home directory is %q", home)
		}
	})
	t.Run("a broken file fails the look-ups that no file before it decides", func(t *testing.T) {
		dir := setEnvironment(t, nil)
		writeTree(t, dir, all)
		broken := filepath.Join(dir, filepath.FromSlash(legacy))
		writeFile(t, broken, "auth = YW5uOnA=\nemail = ann@example.com\n")
		source, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 1234, filepath.Join(dir, "home"))
		if err != nil {
			t.Fatal(err)
		}
		wantCredential(t, source, host, repo, credentials.Credential{Username: run, Password: "p"})
		_, err = source.Credential(t.Context(), "other.example.com", repo)
		wantError(t, err, credentials.Error{Registry: "other.example.com", File: broken})
	})
	t.Run("a file that cannot be read is an error and not passed over", func(t *testing.T) {
		dir := setEnvironment(t, nil)
		writeTree(t, dir, []string{docker})
		broken := filepath.Join(dir, filepath.FromSlash(run))
		if err := os.MkdirAll(broken, 0o755); err != nil { // docker creates a directory for a bind mount that has no source
			t.Fatal(err)
		}
		_, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 1234, filepath.Join(dir, "home"))
		wantError(t, err, credentials.Error{File: broken})
		wantText(t, err, "a directory")
	})
}

func TestReportK25DockerAuthConfig(t *testing.T) {
	const name = "$DOCKER_AUTH_CONFIG"
	load := func(t *testing.T, value string, files ...string) (credentials.Source, error) {
		t.Helper()
		dir := setEnvironment(t, nil)
		t.Setenv("DOCKER_AUTH_CONFIG", value)
		writeTree(t, dir, files)
		return credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 0, filepath.Join(dir, "home"))
	}
	mine := entry("variable", "p")
	for _, tt := range []struct {
		name, value string
		files       []string
		want        string
	}{
		{"its entry is used", authsFor(host, mine), nil, "variable"},
		{"it comes before docker's file", authsFor(host, mine), []string{"home/.docker/config.json", "home/.dockercfg"}, "variable"},
		{"podman's own files come before it", authsFor(host, mine), []string{"home/.config/containers/auth.json"}, "home/.config/containers/auth.json"},
		{"docker's file is used for what it does not have", authsFor("other.example.com", mine), []string{"home/.docker/config.json"}, "home/.docker/config.json"},
		{"it may have keys that are URLs", authsFor("https://registry.example.com/v1/", mine), nil, "variable"},
		{"it may name helpers, as GitLab's runner reads them", `{"credHelpers":{"` + host + `":"regret-user-only"}}`, nil, "ann"},
		{"it may have other fields", `{"auths":{"` + host + `":` + mine + `},"HttpHeaders":{}}`, nil, "variable"},
		{"it may have the old form", `{"` + host + `":` + mine + `}`, nil, "variable"},
		{"white space is no configuration", " \n", []string{"home/.docker/config.json"}, "home/.docker/config.json"},
		{"an empty value is no configuration", "", []string{"home/.docker/config.json"}, "home/.docker/config.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source, err := load(t, tt.value, tt.files...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := source.Credential(t.Context(), host, repo)
			if err != nil || got.Username != tt.want {
				t.Errorf("%v, %v, want the user %q", got, err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, value, says string }{
		{"text", fileSecret, "not the JSON"},
		{"the path of a file", "/builds/" + fileSecret + "/DOCKER_AUTH_CONFIG", "holds the configuration itself, not a path"},
		{"two documents", `{} {"x":"` + fileSecret + `"}`, "not the JSON"},
		{"none of the known keys", `{"accessToken":"` + fileSecret + `"}`, "none of the known keys"},
	} {
		t.Run(tt.name+" in it is an error that names the variable", func(t *testing.T) {
			_, err := load(t, tt.value, "home/.config/containers/auth.json")
			wantError(t, err, credentials.Error{File: name})
			wantText(t, err, name, tt.says)
			wantNoSecretInError(t, err, fileSecret)
		})
	}
	t.Run("a malformed entry is an error for its own host", func(t *testing.T) {
		source, err := load(t, `{"auths":{"other.example.com":{"auth":"!"},"`+host+`":`+mine+`}}`)
		if err != nil {
			t.Fatal(err)
		}
		wantCredential(t, source, host, repo, credentials.Credential{Username: "variable", Password: "p"})
		_, err = source.Credential(t.Context(), "other.example.com", repo)
		wantError(t, err, credentials.Error{Registry: "other.example.com", File: name})
	})
	t.Run("it is not read beside named files", func(t *testing.T) {
		t.Setenv("DOCKER_AUTH_CONFIG", fileSecret)
		source, err := credentials.LoadDockerConfig(writeConfig(t, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		wantCredential(t, source, host, repo, credentials.Credential{})
	})
}

func TestAttackR8FilesThatAreNotRegular(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	regular := writeConfig(t, authsFor(host, user))
	link := filepath.Join(dir, "link")
	if err := os.Symlink(regular, link); err != nil {
		t.Fatal(err)
	}
	t.Run("a symbolic link to a regular file is read", func(t *testing.T) {
		t.Parallel()
		source, err := credentials.LoadDockerConfig(link)
		if err != nil {
			t.Fatal(err)
		}
		wantCredential(t, source, host, repo, credentials.Credential{Username: "ann", Password: "p"})
	})
	t.Run("a symbolic link to nothing is an error", func(t *testing.T) {
		t.Parallel()
		dangling := filepath.Join(dir, "dangling")
		if err := os.Symlink(filepath.Join(dir, "none"), dangling); err != nil {
			t.Fatal(err)
		}
		_, err := credentials.LoadDockerConfig(dangling)
		wantError(t, err, credentials.Error{File: dangling})
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error is not %q: %v", fs.ErrNotExist, err)
		}
	})
	t.Run("a directory is an error", func(t *testing.T) {
		t.Parallel()
		_, err := credentials.LoadDockerConfig(dir)
		wantError(t, err, credentials.Error{File: dir})
		wantText(t, err, "a directory, not a regular file")
	})
	for _, special := range specialFiles(t, dir) {
		t.Run(special.name+" is an error and does not block", func(t *testing.T) {
			t.Parallel()
			_, err := credentials.LoadDockerConfig(special.path)
			wantError(t, err, credentials.Error{File: special.path})
			wantText(t, err, special.says, "not a regular file")
		})
	}
	for _, descriptor := range descriptors(t, regular) {
		t.Run("a descriptor of a regular file is read", func(t *testing.T) {
			t.Parallel()
			source, err := credentials.LoadDockerConfig(descriptor)
			if err != nil {
				t.Fatal(err)
			}
			wantCredential(t, source, host, repo, credentials.Credential{Username: "ann", Password: "p"})
		})
	}
}
