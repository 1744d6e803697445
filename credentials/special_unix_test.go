//go:build unix

package credentials_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A specialFile is not a regular file.
type specialFile struct{ name, path, says string }

func specialFiles(t *testing.T, dir string) []specialFile {
	t.Helper()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return []specialFile{
		{"a named pipe without a writer", fifo, "a pipe"},
		{"the pipe of the shell's <(command)", fmt.Sprintf("/dev/fd/%d", r.Fd()), "a pipe"},
		{"a device that ends at once", os.DevNull, "a device"},
		{"a device that never ends", "/dev/zero", "a device"},
		{"a socket", socket, "a socket"},
	}
}

// descriptors returns the paths of an open file.
func descriptors(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return []string{fmt.Sprintf("/dev/fd/%d", f.Fd())}
}
