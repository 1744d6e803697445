package regret_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are the packages of the library, the lowest first. A package imports
// packages of lower floors only, and so knows nothing of those above or beside it.
var floors = [][]string{
	{"internal/body", "internal/bounded", "internal/field", "internal/rate", "internal/redact", "internal/retryafter", "internal/schema1"},
	{"internal/challenge", "internal/errorbody", "internal/link", "internal/manifest", "internal/memory", "internal/origin", "internal/page"},
	{"credentials", "internal/grammar", "internal/transport"},
	{"internal/auth"},
	{"."},
	{"prune/internal/graph", "prune/internal/trash", "prune/policy"},
	{"prune/plan"},
	{"prune", "prune/undo"},
	{"prune/apply", "regrettest"}, // nothing imports regrettest
}

const module = "github.com/seed-8cb7cc86/regret"

func floorOf(dir string) int {
	return slices.IndexFunc(floors, func(packages []string) bool { return slices.Contains(packages, dir) })
}

func TestPackagesImportLowerFloorsOnly(t *testing.T) {
	t.Parallel()
	for dir, files := range libraryFiles(t) {
		floor := floorOf(dir)
		if floor < 0 {
			t.Errorf("package %s stands on no floor: add it to the list above", dir)
		}
		for _, file := range files {
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if imported, ours := strings.CutPrefix(path, module+"/"); ours && floorOf(imported) >= floor {
					t.Errorf("package %s imports %s, which is not on a lower floor", dir, imported)
				}
			}
		}
	}
}

// The fake registry reaches users through regrettest alone.
func TestOnlyRegrettestImportsTheFakeRegistry(t *testing.T) {
	t.Parallel()
	for dir, files := range libraryFiles(t) {
		for _, file := range files {
			for _, spec := range file.Imports {
				if dir != "regrettest" && spec.Path.Value == strconv.Quote(module+"/internal/fakeregistry") {
					t.Errorf("package %s imports internal/fakeregistry", dir)
				}
			}
		}
	}
}

func TestNoLayerFindsAnObjectInAContext(t *testing.T) {
	t.Parallel()
	for dir, files := range libraryFiles(t) {
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "WithValue" {
					t.Errorf("package %s uses %s", dir, s.Sel.Name)
				}
				return true
			})
		}
	}
}

// Deciding what to delete depends on its input alone, so that the same snapshot, policy and time
// always result in the same plan.
func TestDecidingReadsNoClockAndSendsNothing(t *testing.T) {
	t.Parallel()
	files := libraryFiles(t)
	for _, dir := range []string{"prune/internal/graph", "prune/internal/trash", "prune/policy", "prune/plan"} {
		if len(files[dir]) == 0 {
			t.Errorf("there is no package %s", dir)
		}
		for _, file := range files[dir] {
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				switch first, _, _ := strings.Cut(path, "/"); {
				case first == "context", first == "net", first == "os", first == "syscall", strings.HasPrefix(path, "math/rand"), path == "crypto/rand":
					t.Errorf("package %s imports %s", dir, path)
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				of, ok := s.X.(*ast.Ident)
				clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Local"}
				if ok && of.Name == "time" && slices.Contains(clock, s.Sel.Name) {
					t.Errorf("package %s uses time.%s", dir, s.Sel.Name)
				}
				return true
			})
		}
	}
}

// libraryFiles parses the library's code by folder: without tests, nested
// modules, examples and the packages that only tests import.
func libraryFiles(t *testing.T) map[string][]*ast.File {
	t.Helper()
	found := map[string][]*ast.File{}
	others := []string{"bench", "cmd", "examples", "integration", "internal/fakeregistry", "internal/simulation", "internal/threats", "regrettest", "prune/internal/cases", "prune/internal/model", "prune/internal/simulation"}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		path = filepath.ToSlash(path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains(others, path) || entry.Name() == "testdata" || path != "." && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		dir := filepath.ToSlash(filepath.Dir(path))
		found[dir] = append(found[dir], file)
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatal(err, found)
	}
	return found
}
