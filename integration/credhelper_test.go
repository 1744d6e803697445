package integration_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// TestCredentialsFromPass runs the story with the password in pass, where docker-credential-pass has put it, as docker
// login would have it.
func TestCredentialsFromPass(t *testing.T) { // not parallel: helpers live in the environment of the process
	const password = "a secret, \"quoted\""
	newPasswordStore(t)
	for _, kind := range registry.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			s := newStage(t, kind, registry.Setup{Users: map[string]string{"derek": password}})
			image := wire.DockerImage(t, "hello")
			s.repo.Push(t, image, "v1")
			source := dockerConfig(t, `{"credsStore":"pass"}`)

			client := s.client(t, regret.WithCredentials(source))
			if _, err := client.ResolveDigest(t.Context(), repository, "v1"); !errors.Is(err, regret.ErrUnauthorized) {
				t.Fatalf("before the password was stored: %v, want %v", err, regret.ErrUnauthorized)
			}
			store(t, s.Host(), "derek", password)
			dgst, err := client.ResolveDigest(t.Context(), repository, "v1")
			if err != nil || dgst != image.Digest {
				t.Fatalf("%s, %v, want %s", dgst, err, image.Digest)
			}
			if err := client.DeleteManifest(t.Context(), repository, dgst); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func dockerConfig(t *testing.T, content string) regret.CredentialSource {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := regret.LoadDockerConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// newPasswordStore makes a key without a passphrase and an empty store for it.
func newPasswordStore(t *testing.T) {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // t.TempDir is too long for the sockets of gpg-agent
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Setenv("PASSWORD_STORE_DIR", filepath.Join(home, "store"))
	t.Cleanup(func() {
		run(t, "", "gpgconf", "--kill", "gpg-agent")
		os.RemoveAll(home)
	})
	run(t, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "regret@example.com", "default", "default", "never")
	run(t, "", "pass", "init", "regret@example.com")
}

func store(t *testing.T, host, user, password string) {
	t.Helper()
	run(t, fmt.Sprintf(`{"ServerURL":%q,"Username":%q,"Secret":%q}`, host, user, password), "docker-credential-pass", "store")
}

func run(t *testing.T, stdin, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
