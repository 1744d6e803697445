//go:build !windows

package command_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience bounds each wait for a process at a terminal.
const patience = time.Minute

// A ptyProcess is a process at a terminal of its own.
type ptyProcess struct {
	*exec.Cmd
	person *os.File // the other end of the terminal: keyboard and screen
	screen []byte   // what was read of it and not yet expected
}

// startAtPTY starts a command whose controlling terminal is a new one of 24 rows. The standard
// streams that cmd leaves open are this terminal; one of them must be. What is typed is in its
// queue before the process begins.
func startAtPTY(t *testing.T, cmd *exec.Cmd, columns uint16, typed string) *ptyProcess {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	defer tty.Close()
	p := &ptyProcess{Cmd: cmd, person: person}
	p.resize(t, columns)
	p.typeKeys(t, typed)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if cmd.Stderr == nil {
		cmd.Stderr, cmd.SysProcAttr.Ctty = tty, 2
	}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.SysProcAttr.Ctty = tty, 1
	}
	if cmd.Stdin == nil {
		cmd.Stdin, cmd.SysProcAttr.Ctty = tty, 0
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *ptyProcess) resize(t *testing.T, columns uint16) {
	t.Helper()
	if err := pty.Setsize(p.person, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

func (p *ptyProcess) typeKeys(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(p.person, keys); err != nil {
		t.Fatal(err)
	}
}

// expect waits until the terminal shows a text, and returns what it has shown before it. Line
// feeds arrive as CRLF.
func (p *ptyProcess) expect(t *testing.T, want string) (before string) {
	t.Helper()
	if err := p.person.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		if before, after, ok := strings.Cut(string(p.screen), want); ok {
			p.screen = []byte(after)
			return before
		}
		buffer := make([]byte, 4096)
		n, err := p.Read(buffer)
		p.screen = append(p.screen, buffer[:n]...)
		if err != nil {
			t.Fatalf("the terminal does not show %q, but %q: %v", want, p.screen, err)
		}
	}
}

// Read reads what the terminal shows. Linux may report its end although there is output left, which
// was written in the same moment; a second read has it.
func (p *ptyProcess) Read(buffer []byte) (int, error) {
	n, err := p.person.Read(buffer)
	if n == 0 && errors.Is(err, syscall.EIO) {
		return p.person.Read(buffer)
	}
	return n, err
}

// rest waits for the end of the process and returns what the terminal has shown since.
func (p *ptyProcess) rest(t *testing.T) string {
	t.Helper()
	if err := p.person.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	more, err := io.ReadAll(p)
	if err != nil && !errors.Is(err, syscall.EIO) { // how Linux ends a terminal
		t.Fatalf("read the terminal: %v", err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("%v: %v", p.Args, err)
	}
	return string(p.screen) + string(more)
}
