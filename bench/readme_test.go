package main_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestREADMEQuotesTheResults(t *testing.T) {
	readme, err := os.ReadFile("../docs/performance.md")
	succeed(t, err)
	results, err := os.ReadFile("RESULTS.md")
	succeed(t, err)
	_, section, found := strings.Cut(string(readme), "\n## Performance\n")
	if !found {
		t.Fatal("docs/performance.md has no section Performance")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	lines, quoted := strings.Split(string(results), "\n"), 0
	for line := range strings.Lines(section) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "|") {
			continue
		}
		if quoted++; !slices.Contains(lines, line) {
			t.Errorf("docs/performance.md quotes a line that is not in RESULTS.md: %q", line)
		}
	}
	if quoted < 4 {
		t.Errorf("docs/performance.md quotes %d table lines, want at least 4", quoted)
	}
}
