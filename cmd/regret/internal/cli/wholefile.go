package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
)

// writeWhole writes a file whole or not at all: under a temporary name beside it, which is then
// renamed. What was there before stays until then. An error has the code of a failure on the way.
func writeWhole(path string, write func(io.Writer) error) error {
	err := replace(path, write)
	if err == nil {
		return nil
	}
	return exit.With(exit.Failed, fmt.Errorf("%s is not written: %w", path, reasonOf(err)))
}

// replace is writeWhole without the context of its errors.
func replace(path string, write func(io.Writer) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays one
	}
	file, err := createTemporary(path)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Sync())
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// createTemporary creates a file beside another one.
func createTemporary(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), ".new-"+rand.Text())
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) // and what the umask leaves
}

// syncFolder makes a renamed file survive a loss of power. Windows cannot sync folders.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// checkOutputFile returns an error if an output file cannot be written, before there is something
// to write. Whatever is no regular file, such as /dev/null, is never replaced.
func checkOutputFile(flag, path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return usagef("%s %s is a folder: name a file in it", flag, path)
	case err == nil && !info.Mode().IsRegular():
		return usagef("%s %s is no regular file; -o json prints to stdout", flag, path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return usagef("%s %s: %w", flag, path, reasonOf(err))
	}
	return tryToWrite(flag, path)
}

// checkOutputFolder creates a folder for output, unless it is there, and returns an error if
// nothing can be written into it.
func checkOutputFolder(flag, path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return usagef("%s %s is a file: for several repositories it names a folder", flag, path)
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return usagef("%s %s: %w", flag, path, reasonOf(err))
	}
	return tryToWrite(flag, filepath.Join(path, "any"))
}

// tryToWrite creates and removes a file beside another one.
func tryToWrite(flag, path string) error {
	file, err := createTemporary(path)
	if err != nil {
		return usagef("%s: nothing can be written into %s: %w", flag, filepath.Dir(path), reasonOf(err))
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
