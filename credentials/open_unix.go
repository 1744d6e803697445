//go:build unix

package credentials

import (
	"os"
	"syscall"
)

// openNonblocking opens a file for reading and does not wait for the writer of a pipe.
func openNonblocking(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
