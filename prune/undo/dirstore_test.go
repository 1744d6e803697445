package undo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func newDirStore(t testing.TB, path string) undo.Store {
	t.Helper()
	store, err := undo.DirStore(path)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// filesIn returns the paths of all files and folders below a folder.
func filesIn(t testing.TB, root string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		relative, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(relative)] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDirStore(t *testing.T) {
	t.Parallel()
	t.Run("what is put is there, and only for its owner", func(t *testing.T) {
		t.Parallel()
		root := filepath.Join(t.TempDir(), "a", "b")
		store := newDirStore(t, root)
		if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder is there before anything is put: %v", err)
		}
		for name, data := range map[string]string{"index.json": "{}", "blobs/sha256/abc": "", "blobs/sha512/abc": "x"} {
			if err := store.Put(t.Context(), name, []byte(data)); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Get(t.Context(), name); err != nil || string(got) != data {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		want := map[string]fs.FileMode{
			".": 0o700, "index.json": 0o600, "blobs": 0o700, "blobs/sha256": 0o700, "blobs/sha256/abc": 0o600,
			"blobs/sha512": 0o700, "blobs/sha512/abc": 0o600,
		}
		if diff := cmp.Diff(want, filesIn(t, root)); diff != "" && runtime.GOOS != "windows" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	})
	t.Run("a file is replaced", func(t *testing.T) {
		t.Parallel()
		store := newDirStore(t, t.TempDir())
		for _, data := range []string{"long content", "short", ""} {
			if err := store.Put(t.Context(), "f", []byte(data)); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Get(t.Context(), "f"); err != nil || string(got) != data {
				t.Errorf("%q, %v", got, err)
			}
		}
	})
	t.Run("what is not there is fs.ErrNotExist", func(t *testing.T) {
		t.Parallel()
		root := filepath.Join(t.TempDir(), "a")
		store := newDirStore(t, root)
		for _, name := range []string{"f", "blobs/sha256/abc"} {
			if _, err := store.Get(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading creates the folder: %v", err)
		}
	})
	t.Run("a path that is empty, or that of a file, is an error", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"", file} {
			if _, err := undo.DirStore(path); err == nil {
				t.Errorf("%q is no error", path)
			}
		}
		store := newDirStore(t, filepath.Join(file, "a"))
		if err := store.Put(t.Context(), "f", nil); err == nil {
			t.Error("a folder in a file is no error")
		}
	})
	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		store := newDirStore(t, root)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := store.Put(ctx, "f", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v", err)
		}
		if _, err := store.Get(ctx, "f"); !errors.Is(err, context.Canceled) {
			t.Errorf("get: %v", err)
		}
		if files := filesIn(t, root); len(files) > 1 {
			t.Errorf("there are files: %v", files)
		}
	})
}

func TestDirStoreRefusesNamesThatLeadOut(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	root := filepath.Join(outside, "archive")
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := newDirStore(t, root)
	for _, name := range []string{
		"", ".", "..", "/", "../secret", "a/../../secret", "blobs/../../secret", "./a", "a/", "a//b", "/etc/passwd",
		filepath.Join(outside, "secret"), "a/./b",
	} {
		if err := store.Put(t.Context(), name, []byte("y")); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("put %q: %v", name, err)
		}
		if _, err := store.Get(t.Context(), name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("get %q: %v", name, err)
		}
	}
	if diff := cmp.Diff(map[string]fs.FileMode{".": 0, "secret": 0o600}, filesIn(t, outside), cmp.Comparer(func(fs.FileMode, fs.FileMode) bool { return true })); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestDirStoreIsAtomic puts and gets one file at the same time. Each reader sees one content
// as a whole.
func TestDirStoreIsAtomic(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	store := newDirStore(t, root)
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 1+i*10_000) }
	if err := store.Put(t.Context(), "blobs/f", content(0)); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 5 {
				if err := store.Put(t.Context(), "blobs/f", content(i)); err != nil {
					t.Error(err)
				}
				if err := store.Put(t.Context(), fmt.Sprintf("blobs/%d", i), content(i)); err != nil {
					t.Error(err)
				}
				data, err := store.Get(t.Context(), "blobs/f")
				if err != nil || len(data) == 0 || !bytes.Equal(data, content(int(data[0]-'a'))) {
					t.Errorf("%d bytes, %v", len(data), err)
				}
			}
		})
	}
	all.Wait()
	for name := range filesIn(t, root) {
		if strings.Contains(name, ".new-") {
			t.Errorf("%s is left", name)
		}
	}
}

func TestDirStoreKeepsWhatItCannotReplace(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	store := newDirStore(t, root)
	if err := store.Put(t.Context(), "f/g", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), "f", []byte("y")); err == nil { // a folder is there
		t.Error("a folder was replaced by a file")
	}
	if got, err := store.Get(t.Context(), "f/g"); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	for name := range filesIn(t, root) {
		if strings.Contains(name, ".new-") {
			t.Errorf("%s is left", name)
		}
	}
}

func TestArchiveInAFolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.archive(t)
	root := filepath.Join(t.TempDir(), "undo")
	store := newDirStore(t, root)
	for range 2 {
		if _, err := undo.Write(t.Context(), f.client, f.plan, store, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range f.store.files {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
	f.apply(t, -1)
	if report, err := undo.Restore(t.Context(), f.client, newDirStore(t, root), nil); err != nil || !report.IsComplete() {
		t.Errorf("%v, %v", report, err)
	}
	if diff := cmp.Diff(f.before, f.state(t)); diff != "" {
		t.Errorf("the repository (-before +after):\n%s", diff)
	}
}
