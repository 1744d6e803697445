package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	library = "github.com/seed-8cb7cc86/regret/"
	command = library + "cmd/regret/"
)

// rooms are the packages below the commands. They know nothing of each other.
var rooms = map[string]bool{"exit": true, "htmlpage": true, "policyfile": true, "terminal": true, "undofolder": true}

// TestPackages checks that the commands import the rooms and no room another one, and that the
// command is built on what the library offers to everybody.
func TestPackages(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(filepath.ToSlash(path), "/testdata/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "internal/")
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			switch room, ours := strings.CutPrefix(imported, command+"internal/"); {
			case ours && dir == "cli" && rooms[room], ours && dir == "." && room == "cli":
			case ours:
				t.Errorf("%s imports %s", path, imported)
			case strings.HasPrefix(imported, library) && strings.Contains(imported, "/internal/"):
				t.Errorf("%s imports %s, which is no part of the library's public API", path, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
