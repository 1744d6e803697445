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

func TestUnreadableFiles(t *testing.T) {
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
			_, err := credentials.LoadDockerConfig(tt.path)
			wantError(t, err, credentials.Error{File: tt.path})
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error is not %q: %v", tt.want, err)
			}
			if n := strings.Count(err.Error(), dir); n > 1 {
				t.Errorf("the text contains the path %d times: %v", n, err)
			}
		})
	}
}

// The environment belongs to the whole process, so these tests do not run in parallel.
func TestSearchPath(t *testing.T) {
	content := func(user string) string { return `{"auths":{"` + host + `":` + entry(user, "p") + `}}` }
	tests := []struct {
		name  string
		env   map[string]string // "%" is the folder of the test
		files []string          // below that folder; the user name in each is its own path
		want  string
	}{
		{"the credential is anonymous if none of the files exists", map[string]string{"HOME": "%/home"}, nil, ""},
		{"no file is read without a home directory", nil, []string{".docker/config.json"}, ""},
		{"docker's file in the home directory is read", map[string]string{"HOME": "%/home"}, []string{"home/.docker/config.json"}, "home/.docker/config.json"},
		{"podman's file in the home directory takes precedence over docker's", map[string]string{"HOME": "%/home"},
			[]string{"home/.config/containers/auth.json", "home/.docker/config.json"}, "home/.config/containers/auth.json"},
		{"$DOCKER_CONFIG replaces ~/.docker", map[string]string{"HOME": "%/home", "DOCKER_CONFIG": "%/docker"},
			[]string{"home/.docker/config.json", "docker/config.json"}, "docker/config.json"},
		{"~/.docker is not read if $DOCKER_CONFIG names an empty folder", map[string]string{"HOME": "%/home", "DOCKER_CONFIG": "%/docker"},
			[]string{"home/.docker/config.json"}, ""},
		{"$XDG_CONFIG_HOME replaces ~/.config", map[string]string{"HOME": "%/home", "XDG_CONFIG_HOME": "%/xdg"},
			[]string{"home/.config/containers/auth.json", "xdg/containers/auth.json"}, "xdg/containers/auth.json"},
		{"$XDG_RUNTIME_DIR takes precedence over all of them", map[string]string{"HOME": "%/home", "XDG_RUNTIME_DIR": "%/run", "XDG_CONFIG_HOME": "%/xdg", "DOCKER_CONFIG": "%/docker"},
			[]string{"run/containers/auth.json", "xdg/containers/auth.json", "docker/config.json"}, "run/containers/auth.json"},
		{"$XDG_CONFIG_HOME takes precedence over $DOCKER_CONFIG, also without a home directory", map[string]string{"XDG_RUNTIME_DIR": "%/run", "XDG_CONFIG_HOME": "%/xdg", "DOCKER_CONFIG": "%/docker"},
			[]string{"xdg/containers/auth.json", "docker/config.json"}, "xdg/containers/auth.json"},
		{"no other file is read if $REGISTRY_AUTH_FILE is set", map[string]string{"HOME": "%/home", "XDG_RUNTIME_DIR": "%/run", "REGISTRY_AUTH_FILE": "%/mine.json"},
			[]string{"run/containers/auth.json", "home/.docker/config.json", "mine.json"}, "mine.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := setEnvironment(t, tt.env)
			for _, name := range tt.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				writeFile(t, path, content(name))
			}
			source, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 0, os.Getenv("HOME"))
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
	t.Run("a missing $REGISTRY_AUTH_FILE is an error", func(t *testing.T) {
		dir := setEnvironment(t, map[string]string{"REGISTRY_AUTH_FILE": "%/mine.json"})
		_, err := credentials.LoadDockerConfig()
		wantError(t, err, credentials.Error{File: filepath.Join(dir, "mine.json")})
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error is not %q: %v", fs.ErrNotExist, err)
		}
	})
	t.Run("a malformed file is an error, even if a later file is well-formed", func(t *testing.T) {
		dir := setEnvironment(t, map[string]string{"XDG_RUNTIME_DIR": "%", "DOCKER_CONFIG": "%"})
		if err := os.Mkdir(filepath.Join(dir, "containers"), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "containers", "auth.json"), "{")
		writeFile(t, filepath.Join(dir, "config.json"), content("x"))
		_, err := credentials.LoadDockerConfigOn("linux", filepath.Join(dir, "run"), 0, "")
		wantError(t, err, credentials.Error{File: filepath.Join(dir, "containers", "auth.json")})
	})
}

// setEnvironment sets these variables and unsets all others that decide which files are read. It
// returns the folder that replaces "%".
func setEnvironment(t *testing.T, env map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "USERPROFILE", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "DOCKER_AUTH_CONFIG"} {
		t.Setenv(name, strings.ReplaceAll(env[name], "%", dir))
	}
	t.Setenv("USERPROFILE", os.Getenv("HOME")) // where Windows has the home directory
	return dir
}
