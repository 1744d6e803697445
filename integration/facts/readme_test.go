package facts_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	readme = "../README.md"
	// These lines enclose the tables.
	tableBegin, tableEnd = "<!-- facts: begin -->\n", "<!-- facts: end -->\n"
	// updateVariable is the environment variable that makes the test rewrite the tables.
	updateVariable = "REGRET_UPDATE_README"
)

func TestReadmeTablesMatchTheFacts(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(raw), tableBegin)
	got, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines %q and %q", readme, tableBegin, tableEnd)
	}
	want := tables()
	if os.Getenv(updateVariable) != "" {
		text := before + tableBegin + want + tableEnd + after
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tables differ from the facts; update them with %s=1 go test ./facts -run Readme (-want +got):\n%s", updateVariable, diff)
	}
}

// tables renders the facts as Markdown tables.
func tables() string {
	var b strings.Builder
	for _, section := range sections() {
		fmt.Fprintf(&b, "\n### %s%s\n\n", strings.ToUpper(section.title[:1]), section.title[1:])
		b.WriteString("| request | distribution 2.8.2 | distribution 3.1.2 |\n|---|---|---|\n")
		for _, fact := range section.facts {
			on3 := "the same"
			if fact.on3 != "" {
				on3 = "`" + fact.on3 + "`"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", fact.name, fact.on2, on3)
		}
	}
	return b.String() + "\n"
}
