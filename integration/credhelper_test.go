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
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// TestCredentialsFromPass deletes with a password that docker-credential-pass has stored in pass, as
// docker login does. It is not parallel, because it sets environment variables for the helper.
func TestCredentialsFromPass(t *testing.T) {
	const password = "a secret, \"quoted\""
	newPasswordStore(t)
	for _, kind := range registry.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			f := newFixture(t, kind, registry.Setup{Users: map[string]string{"derek": password}})
			image := wire.DockerImage(t, "hello")
			f.repo.Push(t, image, "v1")
			source := dockerConfig(t, `{"credsStore":"pass"}`)

			client := f.client(t, regret.WithCredentials(source))
			if _, err := client.ResolveDigest(t.Context(), repository, "v1"); !errors.Is(err, regret.ErrUnauthorized) {
				t.Fatalf("before the password is stored: %v, want %v", err, regret.ErrUnauthorized)
			}
			storeCredentials(t, f.Host(), "derek", password)
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

func dockerConfig(t *testing.T, content string) credentials.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := credentials.LoadDockerConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// newPasswordStore creates a GPG key without a passphrase and an empty password store that uses it.
func newPasswordStore(t *testing.T) {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // the path of t.TempDir is too long for the sockets of gpg-agent
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GNUPGHOME", home)
	t.Setenv("PASSWORD_STORE_DIR", filepath.Join(home, "store"))
	t.Cleanup(func() {
		runCommand(t, "", "gpgconf", "--kill", "gpg-agent")
		os.RemoveAll(home)
	})
	runCommand(t, "", "gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "regret@example.com", "default", "default", "never")
	runCommand(t, "", "pass", "init", "regret@example.com")
}

func storeCredentials(t *testing.T, host, user, password string) {
	t.Helper()
	runCommand(t, fmt.Sprintf(`{"ServerURL":%q,"Username":%q,"Secret":%q}`, host, user, password), "docker-credential-pass", "store")
}

func runCommand(t *testing.T, stdin, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
