package credentials

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxConfigBytes limits the size of a configuration file.
const maxConfigBytes = 4 << 20

// readFile is os.ReadFile with a limit, for regular files only. A symbolic link counts as what it
// points to, and so does /dev/stdin. A pipe is refused, also the one of the shell's <(command): it
// may never end, and it can be read only once. The errors do not contain the path.
func readFile(path string) ([]byte, error) {
	// To open a device or a pipe may have effects or block, so the file is examined first.
	info, err := os.Stat(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if err := checkRegular(info.Mode()); err != nil {
		return nil, err
	}
	f, err := openNonblocking(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil { // another file may have taken its place
		return nil, withoutPath(err)
	}
	if err := checkRegular(info.Mode()); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(raw) > maxConfigBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxConfigBytes)
	}
	return raw, nil
}

func checkRegular(mode fs.FileMode) error {
	kind := "a special file"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return fmt.Errorf("%s, not a regular file; $%s can hold a configuration that is in no file", kind, authConfigVariable)
}

// isMissing reports whether an error means that a file does not exist. A parent that is not a
// directory counts as well: accounts without a home directory have /dev/null as their home.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// withoutPath removes the path from an error of the os package, because [Error] names the file
// already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
