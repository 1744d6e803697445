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
	// The table stands between these lines.
	tableBegin, tableEnd = "<!-- facts: begin -->\n", "<!-- facts: end -->\n"
	// updateVariable names the environment variable that has the table written anew.
	updateVariable = "REGRET_UPDATE_README"
)

func TestReadmeShowsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(raw), tableBegin)
	have, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines %q and %q", readme, tableBegin, tableEnd)
	}
	want := table()
	if os.Getenv(updateVariable) != "" {
		text := before + tableBegin + want + tableEnd + after
		if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("the table is not what the tests say; write it with %s=1 go test ./facts (-want +got):\n%s", updateVariable, diff)
	}
}

// table renders the facts in Markdown.
func table() string {
	var b strings.Builder
	for _, chapter := range chapters() {
		fmt.Fprintf(&b, "\n### %s%s\n\n", strings.ToUpper(chapter.title[:1]), chapter.title[1:])
		b.WriteString("| asked | distribution 2.8.2 | distribution 3.1.2 |\n|---|---|---|\n")
		for _, fact := range chapter.facts {
			on3 := "the same"
			if fact.on3 != "" {
				on3 = "`" + fact.on3 + "`"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s |\n", fact.name, fact.on2, on3)
		}
	}
	return b.String() + "\n"
}
