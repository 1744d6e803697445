//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package undofolder

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a file for this process, or returns ErrRunning. A file system without locks, as some
// of a network are, lets everybody have it.
func lock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrRunning
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EINVAL):
			return nil
		default:
			return err
		}
	}
}
