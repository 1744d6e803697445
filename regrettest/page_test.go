package regrettest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

var update = flag.Bool("update", false, "write the tables of docs/testing.md instead of comparing with them")

// The tables are generated from the profiles, whose differences are tested.
func TestPageHasTheTablesOfProfiles(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- profiles -->\n", "<!-- end of profiles -->\n"
	file := filepath.Join("..", "docs", "testing.md")
	page := readFile(t, file)
	before, rest, found := strings.Cut(page, begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s lacks the line %q or %q", file, begin, end)
	}
	want := before + begin + profileTables() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, want); diff != "" {
		t.Errorf("%s is not current (-is +should be):\n%s\nTo write it: go test ./regrettest -run Page -update", file, diff)
	}
}

// profileTables returns a table of the profiles and one of their differences.
func profileTables() string {
	var b strings.Builder
	b.WriteString("\n| profile | registry | what was examined | collectors of garbage |\n|---|---|---|---|\n")
	for _, p := range regrettest.Profiles() {
		collectors := "none"
		if len(p.Collectors) > 0 {
			collectors = "`" + strings.Join(p.Collectors, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Name, p.Title, p.Version, collectors)
	}
	b.WriteString("\n| profile | what it does unlike the specification | how that is known |\n|---|---|---|\n")
	for _, p := range regrettest.Profiles() {
		for i, d := range p.Differences {
			name := ""
			if i == 0 {
				name = "`" + p.Name + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, d.Text, d.Evidence)
		}
	}
	return b.String() + "\n"
}

// The examples on the page are parts of those that run.
func TestPageShowsExamplesThatRun(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for line := range strings.Lines(readFile(t, "example_test.go")) {
		code.WriteString(strings.TrimLeft(line, "\t"))
	}
	blocks := strings.Split(readFile(t, filepath.Join("..", "docs", "testing.md")), "```go\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		var flat strings.Builder
		for line := range strings.Lines(block) {
			flat.WriteString(strings.TrimLeft(line, "\t"))
		}
		if !strings.Contains(code.String(), flat.String()) {
			t.Errorf("not part of an example:\n%s", block)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
