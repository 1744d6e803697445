package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The transcript of the README is between these lines.
const (
	readme          = "../../../../README.md"
	transcriptBegin = "<!-- transcript: go test ./internal/cli -run README -update, in cmd/regret -->\n```console\n"
	transcriptEnd   = "```\n"
)

// TestREADME runs the commands of the README against the repository of the demo, and compares what
// they print with what the README shows. Dates and digests are those of another day there.
func TestREADME(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(strings.ReplaceAll(string(page), "\r\n", "\n"), transcriptBegin)
	shown, after, ended := strings.Cut(rest, transcriptEnd)
	if !found || !ended {
		t.Fatal("the README has no transcript")
	}
	now := time.Now().UTC()
	server, err := demoRegistry(now).Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "policy.yaml"), []byte(demoPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	for line := range strings.Lines(shown) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		command, output := runLine(t, folder, server.Host, strings.TrimSpace(command))
		fmt.Fprintf(&printed, "$ %s\n%s", command, output)
	}
	got := onThatDay(now, strings.ReplaceAll(printed.String(), server.Host, "localhost:5000"))
	if *update {
		if err := os.WriteFile(readme, []byte(before+transcriptBegin+got+transcriptEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(shown, got); diff != "" {
		t.Errorf("the README differs (-README +printed), see -update:\n%s", diff)
	}
}

// runLine runs one line of the transcript in a folder. It returns the line with the names of this
// run, and what it prints.
func runLine(t *testing.T, folder, host, line string) (command, printed string) {
	t.Helper()
	if line == "cat policy.yaml" {
		return line, demoPolicy
	}
	line = strings.ReplaceAll(line, "localhost:5000", host)
	if folders, err := filepath.Glob(filepath.Join(folder, "regret-undo", "*")); err == nil && len(folders) == 1 {
		line = regexp.MustCompile(`regret-undo/\S+`).ReplaceAllString(line, "regret-undo/"+filepath.Base(folders[0]))
	}
	args, isRegret := strings.CutPrefix(line, "regret ")
	if !isRegret {
		t.Fatalf("the README has a line that is no command: %s", line)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, strings.Fields(args)...)
	cmd.Dir, cmd.Env = folder, append(demoEnv(folder), asCommand+"=1")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", line, err, output.String())
	}
	return line, output.String()
}

// onThatDay replaces what differs from run to run: dates by those before one day, digests, and times.
func onThatDay(now time.Time, text string) string {
	shift := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC).Sub(now.Truncate(24 * time.Hour))
	for pattern, form := range map[string]string{`\b20\d{6}\b`: "20060102", `\b20\d\d-\d\d-\d\d\b`: "2006-01-02"} {
		text = regexp.MustCompile(pattern).ReplaceAllStringFunc(text, func(date string) string {
			day, err := time.Parse(form, date)
			if err != nil {
				return date
			}
			return day.Add(shift).Format(form)
		})
	}
	text = regexp.MustCompile(`sha256:[0-9a-f]{8,}`).ReplaceAllString(text, "sha256:77ad03c1be52…")
	text = regexp.MustCompile(`(regret-undo/\d{8})-[0-9a-f]{12}`).ReplaceAllString(text, "$1-77ad03c1be52")
	return text
}

func TestDemo(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "demo")
	cmd.Env = append(os.Environ(), asCommand+"=1", "REGRET_OUTPUT=json") // which must not reach its commands
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{"remove   pull requests: older than 30d", "deleted 6", "15 restored", "Now a repository of yours"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("the demo does not say %q:\n%s", want, output)
		}
	}
}
