package terminal

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// A console is the console of the process for one question.
type console struct {
	ctx     context.Context
	in, out *os.File
}

// openConsole opens the console and drops what was typed before.
func openConsole(ctx context.Context) (io.ReadWriteCloser, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	_ = windows.FlushConsoleInputBuffer(windows.Handle(in.Fd()))
	return &console{ctx, in, out}, nil
}

// Read reads a line. Windows does not reliably cancel a read of a console: when the context ends,
// the goroutine stays behind until a line is typed or the process, which has nothing left to do
// but to end, ends.
func (c *console) Read(p []byte) (int, error) {
	type result struct {
		line []byte
		err  error
	}
	done := make(chan result, 1)
	size := len(p)
	go func() {
		line := make([]byte, size)
		n, err := c.in.Read(line)
		done <- result{line[:n], err}
	}()
	select {
	case r := <-done:
		return copy(p, r.line), r.err
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	}
}

func (c *console) Write(p []byte) (int, error) { return c.out.Write(p) }

// Close leaves the input open if a read of it is still blocked: closing would wait for it.
func (c *console) Close() error {
	if c.ctx.Err() != nil {
		return c.out.Close()
	}
	return errors.Join(c.in.Close(), c.out.Close())
}

// enableEscapes asks a console to act on escape sequences and reports whether it does. Those
// before Windows 10 do not.
func enableEscapes(file *os.File) bool {
	handle := windows.Handle(file.Fd())
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) != nil {
		return false
	}
	if mode&windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0 {
		return true
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
