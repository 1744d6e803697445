package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// command runs the command with what a test gives it, and returns what it wrote.
func command(t *testing.T, tty terminal, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	tty.out, tty.err = &stdout, &stderr
	if tty.env == nil {
		tty.env = func(string) string { return "" }
	}
	code = run(t.Context(), args, tty)
	return stdout.String(), stderr.String(), code
}

func TestStory(t *testing.T) {
	t.Parallel()
	out, errs, code := command(t, terminal{})
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d, standard error %q, output:\n%s", code, errs, out)
	}
	t.Run("the requests are those that regret promises", func(t *testing.T) {
		t.Parallel()
		want := []string{
			"HEAD   /v2/team/app/manifests/v1.2  200",
			"DELETE /v2/team/app/manifests/sha256:…  404",
			"DELETE /v2/team/app/manifests/sha256:…  202",
			"GET    /v2/team/app/tags/list  200",
			"HEAD   /v2/team/app/manifests/sha256:…  404",
			"GET    /v2/team/app/manifests/sha256:…  404",
			"HEAD   /v2/team/app/manifests/v1.2  200",
			"DELETE /v2/team/app/manifests/sha256:…  405",
			"HEAD   /v2/team/app/manifests/v1.2  200",
		}
		if diff := cmp.Diff(want, requestLines(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("it says what came of them", func(t *testing.T) {
		t.Parallel()
		for _, want := range []string{
			"Deleted.",
			"Both are gone",
			"errors.Is(err, regret.ErrNotFound)           true",
			"errors.Is(err, regret.CodeManifestUnknown)   true",
			"errors.Is(err, regret.ErrDeleteDisabled)     true",
			"storage.delete.enabled",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in:\n%s", want, out)
			}
		}
	})
	t.Run("it fits on a screen", func(t *testing.T) {
		t.Parallel()
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) > 45 {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if len([]rune(line)) > 100 {
				t.Errorf("%d columns: %s", len([]rune(line)), line)
			}
		}
	})
	t.Run("there are no escape codes where none are wanted", func(t *testing.T) {
		t.Parallel()
		if strings.Contains(out, "\x1b") {
			t.Errorf("%q", out)
		}
	})
}

// requestLines are the requests in an output, digests taken out.
func requestLines(out string) []string {
	digest := regexp.MustCompile(`sha256:[0-9a-f]+…`)
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, " /v2/") {
			lines = append(lines, digest.ReplaceAllString(strings.TrimSpace(line), "sha256:…"))
		}
	}
	return lines
}

func TestEscapeCodes(t *testing.T) {
	t.Parallel()
	t.Run("a terminal shows the requests, and nothing else, dimly", func(t *testing.T) {
		t.Parallel()
		out, _, _ := command(t, terminal{dim: true})
		for line := range strings.Lines(out) {
			dim := strings.HasPrefix(line, "\x1b[2m") && strings.HasSuffix(line, "\x1b[0m\n")
			if dim != strings.Contains(line, " /v2/") || !dim && strings.Contains(line, "\x1b") {
				t.Errorf("%q", line)
			}
		}
	})
	t.Run("a file is not a terminal", func(t *testing.T) {
		t.Parallel()
		f, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if dims(f) {
			t.Error("a file gets escape codes")
		}
	})
}
