package terminal_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestOutputsThatFail(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	failing := func(calls *int) io.Writer {
		return writeFunc(func(p []byte) (int, error) { *calls++; return 0, full })
	}
	t.Run("a command that only reads gets the error", func(t *testing.T) {
		t.Parallel()
		var calls int
		s := terminal.New(terminal.Options{Out: failing(&calls)})
		for range 2 {
			if _, err := fmt.Fprintln(s.Out, "data"); !errors.Is(err, full) {
				t.Errorf("got %v, want %v", err, full)
			}
		}
		if err := s.Out.Lost(); calls != 2 || !errors.Is(err, full) {
			t.Errorf("%d calls, lost: %v", calls, err)
		}
	})
	t.Run("one that writes to a registry outlives it", func(t *testing.T) {
		t.Parallel()
		var calls int
		s := terminal.New(terminal.Options{Out: failing(&calls)})
		stop := s.Outlive()
		defer stop()
		for range 3 {
			if n, err := fmt.Fprint(s.Out, "data"); n != 4 || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		if err := s.Out.Lost(); calls != 1 || !errors.Is(err, full) {
			t.Errorf("%d calls, lost: %v", calls, err)
		}
		if err := s.Err.Lost(); err != nil {
			t.Errorf("stderr is lost, too: %v", err)
		}
	})
}

func TestIsClosedPipe(t *testing.T) {
	t.Parallel()
	t.Run("a pipe whose reader has gone", func(t *testing.T) {
		t.Parallel()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer write.Close()
		_ = read.Close()
		s := terminal.New(terminal.Options{Out: write})
		if _, err := fmt.Fprintln(s.Out, "data"); !terminal.IsClosedPipe(err) {
			t.Errorf("%v is no closed pipe", err)
		}
	})
	t.Run("one within the process", func(t *testing.T) {
		t.Parallel()
		read, write := io.Pipe()
		_ = read.Close()
		if _, err := write.Write([]byte("data")); !terminal.IsClosedPipe(fmt.Errorf("write: %w", err)) {
			t.Errorf("%v is no closed pipe", err)
		}
	})
	t.Run("nothing else is one", func(t *testing.T) {
		t.Parallel()
		for _, err := range []error{nil, io.EOF, io.ErrShortWrite, os.ErrClosed} {
			if terminal.IsClosedPipe(err) {
				t.Errorf("%v is a closed pipe", err)
			}
		}
	})
}
