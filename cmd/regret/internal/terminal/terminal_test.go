package terminal_test

import (
	"io"
	"os"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestStreams(t *testing.T) {
	t.Parallel()
	t.Run("at a terminal", func(t *testing.T) {
		t.Parallel()
		s, fake := atTerminal(90, nil)
		if !s.InIsTerminal() || !s.Out.IsTerminal() || !s.Err.IsTerminal() {
			t.Error("a stream is no terminal")
		}
		if got := s.Out.Width(); got != 90 {
			t.Errorf("width %d, want 90", got)
		}
		fake.resize(70)
		if got := s.Out.Width(); got != 70 {
			t.Errorf("width %d after it was resized, want 70", got)
		}
		fake.resize(0)
		if got := s.Out.Width(); got != 80 {
			t.Errorf("width %d of a terminal that does not know it, want 80", got)
		}
	})
	t.Run("files and pipes are no terminals and have no width", func(t *testing.T) {
		t.Parallel()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		defer write.Close()
		file, err := os.Create(t.TempDir() + "/file")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		s := terminal.New(terminal.Options{In: read, Out: write, Err: file})
		if s.InIsTerminal() || s.Out.IsTerminal() || s.Err.IsTerminal() {
			t.Error("a stream is a terminal")
		}
		if got := s.Out.Width(); got != 0 {
			t.Errorf("width %d, want 0", got)
		}
	})
	t.Run("streams that are missing are empty", func(t *testing.T) {
		t.Parallel()
		s := terminal.New(terminal.Options{})
		if in, err := io.ReadAll(s.In); err != nil || len(in) > 0 {
			t.Errorf("read %q, %v", in, err)
		}
		if n, err := s.Out.Write([]byte("data")); n != 4 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	})
}
