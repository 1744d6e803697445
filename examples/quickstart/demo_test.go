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

// runCommand runs the command and returns what it wrote and its exit code.
func runCommand(t *testing.T, tty terminal, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	tty.out, tty.err = &stdout, &stderr
	if tty.env == nil {
		tty.env = func(string) string { return "" }
	}
	code = run(t.Context(), args, tty)
	return stdout.String(), stderr.String(), code
}

func TestDemo(t *testing.T) {
	t.Parallel()
	out, errs, code := runCommand(t, terminal{})
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d, standard error %q, output:\n%s", code, errs, out)
	}
	t.Run("sends the documented requests", func(t *testing.T) {
		t.Parallel()
		want := []string{
			"HEAD   /v2/team/app/manifests/v1.2  200",
			"DELETE /v2/team/app/manifests/sha256:…  404",
			"DELETE /v2/team/app/manifests/sha256:…  202",
			"GET    /v2/team/app/tags/list  200",
			"HEAD   /v2/team/app/manifests/sha256:…  404",
			"GET    /v2/team/app/manifests/sha256:…  404",
			"DELETE /v2/team/app/manifests/sha256:…  405",
		}
		if diff := cmp.Diff(want, requestLines(out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("explains the outcome of each step", func(t *testing.T) {
		t.Parallel()
		for _, want := range []string{
			"a random digest",
			"Deleted.",
			"No DELETE was sent",
			"Both tags are gone",
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
	t.Run("plans for a repository, carries out the plan, and takes it back", func(t *testing.T) {
		t.Parallel()
		if !strings.Contains(withPort5000(out), planOutput+applyOutput) {
			t.Errorf("the plan is missing in:\n%s", out)
		}
	})
	t.Run("fits on a screen, act by act", func(t *testing.T) {
		t.Parallel()
		acts := regexp.MustCompile(`(?m)^(Now for a whole repository|10 )`).Split(out, -1)
		if len(acts) != 3 {
			t.Fatalf("%d acts", len(acts))
		}
		for _, act := range acts {
			lines := strings.Split(strings.TrimSpace(act), "\n")
			if len(lines) > 45 {
				t.Errorf("%d lines:\n%s", len(lines), act)
			}
			for _, line := range lines {
				if len([]rune(line)) > 100 && !strings.HasSuffix(line, "after garbage collection") { // the totals of a plan
					t.Errorf("%d columns: %s", len([]rune(line)), line)
				}
			}
		}
	})
	t.Run("writes no escape codes unless the terminal supports them", func(t *testing.T) {
		t.Parallel()
		if strings.Contains(out, "\x1b") {
			t.Errorf("%q", out)
		}
	})
}

// requestLines returns the lines of out that show a request, without the digits of digests.
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
	t.Run("dims requests and nothing else", func(t *testing.T) {
		t.Parallel()
		out, _, _ := runCommand(t, terminal{dim: true})
		for line := range strings.Lines(out) {
			dim := strings.HasPrefix(line, "\x1b[2m") && strings.HasSuffix(line, "\x1b[0m\n")
			if dim != strings.Contains(line, " /v2/") || !dim && strings.Contains(line, "\x1b") {
				t.Errorf("%q", line)
			}
		}
	})
	t.Run("are off for a file", func(t *testing.T) {
		t.Parallel()
		f, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if supportsDim(f) {
			t.Error("supportsDim reports true for a file")
		}
	})
}
