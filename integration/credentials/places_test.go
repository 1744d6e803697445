package credentials_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/cli/cli/config"
	podman "go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"

	"github.com/seed-8cb7cc86/regret/credentials"
)

func basicAuth(user string) string {
	return fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(user+":p")))
}

// TestPlacesOfPodman lets podman and regret search the same places, in every combination of files
// that exist and of files that have an entry for the registry. The first place below /run needs root
// and is the subject of a test in package credentials.
func TestPlacesOfPodman(t *testing.T) {
	const host = "registry.example.com"
	places := []string{"session/containers/auth.json", "home/.config/containers/auth.json", "xdg/containers/auth.json",
		"home/.docker/config.json", "docker/config.json", "home/.dockercfg"}
	compared := 0
	for _, variables := range []map[string]string{
		{}, {"XDG_CONFIG_HOME": "xdg"}, {"DOCKER_CONFIG": "docker"}, {"XDG_CONFIG_HOME": "xdg", "DOCKER_CONFIG": "docker"}, {"XDG_RUNTIME_DIR": "none"},
	} {
		for combination := range 1 << len(places) {
			dir := t.TempDir()
			for name, value := range map[string]string{
				"HOME": "home", "XDG_RUNTIME_DIR": "session", "XDG_CONFIG_HOME": "", "DOCKER_CONFIG": "", "DOCKER_AUTH_CONFIG": "", "REGISTRY_AUTH_FILE": "",
			} {
				if other, ok := variables[name]; ok {
					value = other
				}
				if value != "" {
					value = filepath.Join(dir, value)
				}
				t.Setenv(name, value)
			}
			for i, place := range places {
				path, content := filepath.Join(dir, place), fmt.Sprintf(`{"auths":{%q:%s}}`, host, basicAuth(fmt.Sprint("user", i)))
				if place == "home/.dockercfg" {
					content = fmt.Sprintf(`{%q:%s}`, host, basicAuth(fmt.Sprint("user", i)))
				}
				if combination>>i&1 == 1 {
					writeFile(t, path, content)
				}
			}
			if err := os.MkdirAll(filepath.Join(dir, "session"), 0o700); err != nil {
				t.Fatal(err)
			}
			sys := &types.SystemContext{SystemRegistriesConfPath: os.DevNull, SystemRegistriesConfDirPath: filepath.Join(dir, "registries.conf.d")}
			want, err := podman.GetCredentials(sys, host)
			if err != nil {
				t.Fatal(err)
			}
			source, err := credentials.LoadDockerConfig()
			if err != nil {
				t.Fatal(err)
			}
			got, err := source.Credential(t.Context(), host, "team/app")
			compared++
			if err != nil || got.Username != want.Username || got.Password != want.Password {
				t.Errorf("%v, files %b: %v, %v, and podman has the user %q", variables, combination, got, err, want.Username)
			}
		}
	}
	t.Logf("%d environments", compared)
}

// TestVariableOfDocker compares $DOCKER_AUTH_CONFIG beside docker's file, in the only form that
// docker accepts in it: entries with the field auth.
func TestVariableOfDocker(t *testing.T) {
	compared, dir := 0, t.TempDir()
	for name, value := range map[string]string{"HOME": filepath.Join(dir, "home"), "XDG_RUNTIME_DIR": dir, "XDG_CONFIG_HOME": "", "DOCKER_CONFIG": dir, "REGISTRY_AUTH_FILE": ""} {
		t.Setenv(name, value)
	}
	for n := range 500 {
		r := rand.New(rand.NewPCG(seed+1, uint64(n)))
		file, variable := generateSimple(r, "file"), generateSimple(r, "variable")
		writeFile(t, filepath.Join(dir, "config.json"), file)
		t.Setenv("DOCKER_AUTH_CONFIG", variable)
		docker, err := config.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		source, err := credentials.LoadDockerConfig()
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range hosts {
			want, err := docker.GetAuthConfig(host)
			if err != nil {
				t.Fatal(err)
			}
			asked := host
			if host == "docker.io" {
				asked = "registry-1.docker.io"
			}
			got, err := source.Credential(t.Context(), asked, "team/app")
			compared++
			if err != nil || got.Username != want.Username || got.Password != want.Password {
				t.Errorf("%s: %v, %v, and docker has the user %q; file %s, variable %s", host, got, err, want.Username, file, variable)
			}
		}
	}
	t.Logf("%d look-ups", compared)
}

// generateSimple returns a configuration with at most one entry for each registry, under the key that
// docker login writes.
func generateSimple(r *rand.Rand, kind string) string {
	auths := map[string]any{}
	for i, host := range hosts {
		if host == "docker.io" {
			host = "https://index.docker.io/v1/"
		}
		if r.IntN(2) == 0 {
			auths[host] = map[string]string{"auth": base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s%d:p", kind, i))}
		}
	}
	return string(marshal(map[string]any{"auths": auths}))
}
