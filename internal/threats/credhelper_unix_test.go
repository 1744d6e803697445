//go:build unix

package threats_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
)

// credentialHelper returns a source whose credential helper for every registry is a shell script.
func credentialHelper(t *testing.T, script string) credentials.Source {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"docker-credential-threat": "#!/bin/sh\n" + script,
		"config.json":              `{"credsStore":"threat"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	source, err := credentials.LoadDockerConfig(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// untagWithHelper runs an Untag that needs the helper. It checks that the Untag fails, that the
// registry got one request without credentials and that nothing leaked, and returns the error.
func untagWithHelper(t *testing.T, ctx context.Context, script string) error {
	t.Helper()
	s := newTestServer(t, plainHTTP, nil)
	s.requireAuth(authConfig{challenges: bearerChallenge})
	err := untag.run(ctx, s.client(regret.WithCredentials(credentialHelper(t, script))), s)
	if err == nil {
		t.Fatal("no error")
	}
	wantNoSecrets(t, err, leakedSecret)
	s.wantRequestCountsAtMost(1, 0)
	s.wantNothingDeleted()
	return err
}

func TestThreatHelperHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := untagWithHelper(t, ctx, "sleep 60 & sleep 60") // two processes that keep the pipe open
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	wantErr(t, err, context.DeadlineExceeded)
}

func TestThreatHelperPrintsASecretAndFails(t *testing.T) {
	err := untagWithHelper(t, t.Context(), fmt.Sprintf(`echo '{"Username":"ann","Secret":"%s"}'; echo %s >&2; exit 1`, leakedSecret, leakedSecret))
	wantErr(t, err, regret.ErrUnauthorized)
	wantText(t, err, "docker-credential-threat", "exit status 1")
}

func TestThreatHelperFloodsStdout(t *testing.T) {
	err := untagWithHelper(t, t.Context(), "while :; do echo "+leakedSecret+leakedSecret+leakedSecret+leakedSecret+"; done")
	wantErr(t, err, regret.ErrUnauthorized)
	wantText(t, err, "more than 1048576 bytes")
}

func TestThreatHelperFloodsStderr(t *testing.T) {
	err := untagWithHelper(t, t.Context(), "i=0; while [ $i -lt 100000 ]; do echo "+leakedSecret+" >&2; i=$((i+1)); done; exit 3")
	wantErr(t, err, regret.ErrUnauthorized)
	wantText(t, err, "exit status 3")
}

// A helper that is missing, fails or prints nonsense causes an error that names the registry and
// the helper. There is no fallback to another source of credentials.
func TestThreatV16BrokenHelper(t *testing.T) {
	for name, script := range map[string]string{"fails": "exit 1", "prints nonsense": "echo " + leakedSecret, "prints nothing": "exit 0", "is killed": "kill -9 $$"} {
		t.Run(name, func(t *testing.T) {
			err := untagWithHelper(t, t.Context(), script)
			wantErr(t, err, regret.ErrUnauthorized)
			wantText(t, err, "127.0.0.1", "docker-credential-threat")
		})
	}
	t.Run("is missing", func(t *testing.T) {
		s := newTestServer(t, plainHTTP, nil)
		s.requireAuth(authConfig{challenges: bearerChallenge})
		source := credentialHelper(t, "exit 0")
		t.Setenv("PATH", t.TempDir())
		err := untag.run(s.ctx(), s.client(regret.WithCredentials(source)), s)
		wantErr(t, err, regret.ErrUnauthorized)
		wantText(t, err, "127.0.0.1", "docker-credential-threat", "not found in $PATH")
		s.wantRequestCountsAtMost(1, 0)
	})
}

func TestThreatHelperNameThatEscapes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../x", "x/y", "/bin/sh", "a b", "a;b", "$(x)", `a\b`, "-x\n"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "config.json")
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"credsStore":%q}`, name), 0o600); err != nil {
			t.Fatal(err)
		}
		source, err := credentials.LoadDockerConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = source.Credential(t.Context(), "registry.example.com", "team/app")
		if e, ok := errors.AsType[*credentials.Error](err); !ok || e.Helper != "" { // with a name if it was run
			t.Errorf("the helper name %q is accepted: %v", name, err)
		}
	}
}
