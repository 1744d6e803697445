package regret_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateAPI = flag.Bool("update", false, "write the golden files of the public API instead of comparing with them")

// A change of the exported API must also be made in a golden file, so that none is made by accident.
func TestPublicAPI(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "credentials", "prune", "prune/policy", "prune/plan", "prune/apply", "prune/undo", "regrettest"} {
		t.Run("the golden file of package "+dir+" lists its exported API", func(t *testing.T) {
			t.Parallel()
			golden, api := filepath.Join(dir, "testdata", "api.txt"), publicAPI(t, dir)
			if *updateAPI {
				writeFile(t, golden, api)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), api); diff != "" {
				t.Errorf("the exported API differs from %s (-want +got):\n%s\nIf the change is intended, "+
					"describe it in CHANGELOG.md and run: go test -run PublicAPI . -update", golden, diff)
			}
		})
	}
}

func TestPublicAPIOmitsUnexportedNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "sample.go"), `package sample
type Place struct { X, Y int; name string }
func (p *Place) Move(dx int) { p.X += dx }
func (p *Place) rename() {}
type hidden struct{ X int }
func (hidden) String() string { return "" }
type Color interface { Name() string; mix() }
// Parse parses.
func Parse(s, // two
	t string) (Color, error) { return nil, nil }
const Limit = 10
const limit = 5
`)
	const want = `package sample

const Limit = 10

type Color interface {
	Name() string
	...
}

func Parse(s, t string) (Color, error)

type Place struct {
	X, Y int
	...
}

func (p *Place) Move(dx int)
`
	if diff := cmp.Diff(want, publicAPI(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// publicAPI renders the exported declarations of the package in dir.
func publicAPI(t *testing.T, dir string) string {
	t.Helper()
	found, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	source := token.NewFileSet()
	var files []*ast.File
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(source, filepath.Join(dir, name), nil, 0) // 0: without comments
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(source, files, dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"package " + pkg.Name}
	add := func(values []*doc.Value, funcs []*doc.Func) {
		start := len(out)
		for _, value := range values {
			out = append(out, render(t, value.Decl))
		}
		for _, fn := range funcs {
			out = append(out, render(t, fn.Decl))
		}
		slices.Sort(out[start:])
	}
	add(slices.Concat(pkg.Consts, pkg.Vars), pkg.Funcs)
	for _, typ := range pkg.Types { // sorted by name
		out = append(out, render(t, typ.Decl))
		add(slices.Concat(typ.Consts, typ.Vars), slices.Concat(typ.Funcs, typ.Methods))
	}
	return strings.Join(out, "\n\n") + "\n"
}

// render formats a declaration independently of its layout in the source, because the empty file set has no
// positions. Dots replace the fields and methods that are not exported.
func render(t *testing.T, decl ast.Decl) string {
	t.Helper()
	dots := &ast.Field{Type: ast.NewIdent("...")}
	ast.Inspect(decl, func(n ast.Node) bool {
		if s, ok := n.(*ast.StructType); ok && s.Incomplete {
			s.Incomplete, s.Fields.List = false, append(s.Fields.List, dots)
		}
		if i, ok := n.(*ast.InterfaceType); ok && i.Incomplete {
			i.Incomplete, i.Methods.List = false, append(i.Methods.List, dots)
		}
		return true
	})
	var text bytes.Buffer
	if err := format.Node(&text, token.NewFileSet(), decl); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
