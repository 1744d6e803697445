//go:build !windows

package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// A console is the controlling terminal of the process for one question. It polls because
// kqueue and poll of macOS do not support /dev/tty, and a blocked read would outlast the context.
type console struct {
	ctx context.Context
	fd  int
}

// pollInterval is too short for a person to notice and costs next to no processor time.
const pollInterval = 20 * time.Millisecond

// openConsole opens /dev/tty and drops the lines that were typed before. O_NONBLOCK stays with
// this opening: the shell and its other children do not notice.
func openConsole(ctx context.Context) (io.ReadWriteCloser, error) {
	const path, flags = "/dev/tty", syscall.O_RDWR | syscall.O_NOCTTY | syscall.O_NONBLOCK | syscall.O_CLOEXEC
	fd, err := syscall.Open(path, flags, 0)
	for errors.Is(err, syscall.EINTR) {
		fd, err = syscall.Open(path, flags, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	c := &console{ctx: ctx, fd: fd}
	c.discard()
	return c, nil
}

// discard drops the complete lines that are waiting. It gives up on a terminal that never runs dry.
func (c *console) discard() {
	buffer := make([]byte, 4096)
	for range 1024 {
		n, err := syscall.Read(c.fd, buffer)
		if n <= 0 && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

func (c *console) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(c.fd, p)
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		}
		if err := c.retry(err); err != nil {
			return 0, err
		}
	}
}

func (c *console) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := syscall.Write(c.fd, p[written:])
		if err == nil {
			written += n
			continue
		}
		if err := c.retry(err); err != nil {
			return written, err
		}
	}
	return written, nil
}

// retry returns nil, after a moment, if err passes, and otherwise err or the context's cause.
func (c *console) retry(err error) error {
	if errors.Is(err, syscall.EINTR) {
		return nil
	}
	if !errors.Is(err, syscall.EAGAIN) {
		return err
	}
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

func (c *console) Close() error { return syscall.Close(c.fd) }

// enableEscapes reports whether a terminal understands escape sequences.
func enableEscapes(*os.File) bool { return true }
