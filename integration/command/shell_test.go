package command_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A shell is a folder and an environment in which to run the command.
type shell struct {
	folder string
	env    []string
}

// newShell returns a shell in an empty folder, without logins and without CI.
func newShell(t *testing.T, env ...string) *shell {
	t.Helper()
	folder := t.TempDir()
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + os.TempDir(), "LC_ALL=C"}
	return &shell{folder, append(all, env...)}
}

// with returns the same shell with more in its environment.
func (s *shell) with(env ...string) *shell {
	return &shell{s.folder, append(append([]string{}, s.env...), env...)}
}

// write writes a file into the folder, and returns its path.
func (s *shell) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(s.folder, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// read reads a file in the folder.
func (s *shell) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// undoFolder returns the only folder in regret-undo.
func (s *shell) undoFolder(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.folder, "regret-undo", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the undo folders are %q, %v", found, err)
	}
	return filepath.Join("regret-undo", filepath.Base(found[0]))
}

// command returns a call of the command that ends with the test.
func (s *shell) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return s.program(t, "regret", args...)
}

// program returns a call of any program.
func (s *shell) program(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.folder, s.env
	return cmd
}

// An outcome is what is left of a process.
type outcome struct {
	code           int // -1 if a signal ended it
	stdout, stderr string
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// want runs the command, which must exit with a code.
func (s *shell) want(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	return s.wantFrom(t, nil, code, args...)
}

// wantFrom is want with something on stdin.
func (s *shell) wantFrom(t *testing.T, stdin io.Reader, code int, args ...string) outcome {
	t.Helper()
	cmd := s.command(t, args...)
	cmd.Stdin = stdin
	got := finish(t, cmd)
	if got.code != code {
		t.Fatalf("regret %s: code %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got.code, code, got.stdout, got.stderr)
	}
	return got
}

// says checks that a text has all these parts.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}
