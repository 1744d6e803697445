package undofolder

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// openLocked opens a journal for reading and appending, creates it if need be, and locks it. The
// lock ends with the process, however that ends.
func openLocked(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		if err := lock(file); err != nil {
			_ = file.Close()
			return nil, err
		}
		same, err := isAt(file, path)
		if err != nil || same {
			return file, err
		}
		_ = file.Close() // another process has removed it between the two calls
	}
}

// isAt reports whether a file is the one at a path.
func isAt(file *os.File, path string) (bool, error) {
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, there), err
}

// syncFolder makes the names in a folder survive a loss of power. Windows has no such call, and
// some file systems of a network refuse it and do so themselves.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
