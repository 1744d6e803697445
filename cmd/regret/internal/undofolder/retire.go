package undofolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Retire puts the journal and the report in a folder aside, under names with a number, before
// something is restored from it: what they say was deleted is there again then, so that carrying
// out the plan once more must begin anew. Until release is called, no other process can open the
// folder. A folder without a journal, and one that cannot be written to, is left as it is.
//
// Errors: [ErrRunning]; those of files.
func Retire(path string) (release func() error, err error) {
	release = func() error { return nil }
	journal := filepath.Join(path, journalFile)
	if _, err := os.Stat(journal); errors.Is(err, fs.ErrNotExist) {
		return release, nil
	}
	file, err := openLocked(journal)
	switch {
	case errors.Is(err, ErrRunning):
		return release, fmt.Errorf("%w, in %s: wait for it to end, or stop it", ErrRunning, path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return release, nil // so that no run can use the journal either
	case err != nil:
		return release, err
	}
	if info, err := file.Stat(); err != nil || info.Size() == 0 {
		return file.Close, err
	}
	if err := putAside(path, file); err != nil {
		return release, errors.Join(err, file.Close())
	}
	next, err := openLocked(journal)
	if err = errors.Join(err, closeUnlessClosed(file), syncFolder(path)); err != nil {
		return release, err
	}
	return next.Close, nil
}

// closeUnlessClosed closes a file that may be closed already.
func closeUnlessClosed(file *os.File) error {
	if err := file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// putAside renames the journal and the report.
func putAside(path string, journal *os.File) error {
	if runtime.GOOS == "windows" { // which does not rename what is open
		if err := journal.Close(); err != nil {
			return err
		}
	}
	aside := func(name, kind string, n int) string {
		return filepath.Join(path, fmt.Sprintf("%s-%d%s", name, n, kind))
	}
	n := 1
	for isThere(aside("journal", ".jsonl", n)) || isThere(aside("report", ".json", n)) {
		n++
	}
	if err := os.Rename(filepath.Join(path, journalFile), aside("journal", ".jsonl", n)); err != nil {
		return err
	}
	err := os.Rename(filepath.Join(path, reportFile), aside("report", ".json", n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
