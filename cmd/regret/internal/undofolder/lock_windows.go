package undofolder

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedAt is the high half of the offset of the byte that is locked. On Windows nobody else can
// read a locked byte, so it is one that no journal has.
const lockedAt = 1 << 30

// lock locks a file for this process, or returns ErrRunning. A file system without locks, as some
// of a network are, lets everybody have it.
func lock(file *os.File) error {
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: lockedAt})
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return ErrRunning
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, windows.ERROR_INVALID_FUNCTION):
		return nil
	}
	return err
}
