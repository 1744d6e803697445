package plan_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

var update = flag.Bool("update", false, "write the golden files of plans instead of comparing with them")

// The same plan on paper, as a tree and as diagrams. After a change that is intended run
// go test -run Golden -update.
func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	p, empty := acme().plan(t, acmeRules), newRepository().plan(t, acmeRules)
	for name, write := range map[string]func(io.Writer) error{
		"acme.json":     func(w io.Writer) error { _, err := p.WriteTo(w); return err },
		"acme.txt":      func(w io.Writer) error { return p.Tree(w, plan.TreeOptions{}) },
		"acme-all.txt":  func(w io.Writer) error { return p.Tree(w, plan.TreeOptions{All: true}) },
		"acme-80.txt":   func(w io.Writer) error { return p.Tree(w, plan.TreeOptions{Width: 80}) },
		"acme.mermaid":  p.Mermaid,
		"acme.dot":      p.DOT,
		"empty.txt":     func(w io.Writer) error { return empty.Tree(w, plan.TreeOptions{}) },
		"empty.mermaid": empty.Mermaid,
		"empty.dot":     empty.DOT,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}
