package plan_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// FuzzRead checks that what Read accepts is written as the same bytes, is right by the
// model, and can be shown. The digest of the content is completed, so that it does not hide
// everything behind it.
func FuzzRead(f *testing.F) {
	f.Add(acmePaper(f))
	f.Add(onPaper(f, tiny(f)))
	for _, p := range planCases(f) {
		f.Add(onPaper(f, p))
	}
	f.Fuzz(func(t *testing.T, paper []byte) {
		for _, paper := range [][]byte{paper, withContent(contentMember.ReplaceAll(paper, nil))} {
			p, err := plan.Read(bytes.NewReader(paper))
			if err != nil {
				continue
			}
			if again := onPaper(t, p); !bytes.Equal(paper, again) {
				t.Fatalf("read\n%s\nwritten\n%s", paper, again)
			}
			if fault := parseDocument(t, paper).fault(); fault != "" {
				t.Fatalf("accepted, but %s\n%s", fault, paper)
			}
			for _, show := range []func(io.Writer) error{
				func(w io.Writer) error { return p.Tree(w, plan.TreeOptions{}) },
				func(w io.Writer) error { return p.Tree(w, plan.TreeOptions{All: true, Width: 30}) },
				p.Mermaid, p.DOT,
			} {
				if err := show(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
