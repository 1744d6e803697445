package terminal_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// A fakeTerminal is a terminal that remembers what was written to it.
type fakeTerminal struct {
	mu    sync.Mutex
	raw   bytes.Buffer
	width int
}

func (f *fakeTerminal) Columns() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.width
}

func (f *fakeTerminal) resize(width int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.width = width
}

func (f *fakeTerminal) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.raw.Write(p)
}

// Read makes it a reader. A test that reads from it has asked In instead of the console.
func (f *fakeTerminal) Read([]byte) (int, error) { panic("consent was read from a stream") }

// String returns what was written, with its escape sequences.
func (f *fakeTerminal) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.raw.String()
}

// lines returns what a person sees: the lines of the screen, the unfinished one last.
func (f *fakeTerminal) lines(t *testing.T) []string {
	t.Helper()
	lines, column := []string{""}, 0
	raw := f.String()
	for raw != "" {
		last := &lines[len(lines)-1]
		switch {
		case raw[0] == '\r':
			column = 0
		case raw[0] == '\n':
			lines, column = append(lines, ""), 0
		case strings.HasPrefix(raw, "\x1b[K"):
			*last = (*last)[:column]
			raw = raw[2:]
		case raw[0] == '\x1b':
			t.Fatalf("an escape sequence that the screen does not know: %q", raw)
		default:
			after := ""
			if column < len(*last) {
				after = (*last)[column+1:]
			}
			*last = (*last)[:column] + raw[:1] + after
			column++
		}
		raw = raw[1:]
	}
	return lines
}

// environment returns a function for [terminal.Options].
func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

// atTerminal returns streams at one terminal.
func atTerminal(width int, variables map[string]string) (*terminal.Streams, *fakeTerminal) {
	fake := &fakeTerminal{width: width}
	return terminal.New(terminal.Options{
		In: fake, Out: fake, Err: fake, Getenv: environment(variables),
	}), fake
}

// inPipes returns streams that are no terminals.
func inPipes() (s *terminal.Streams, out, err *bytes.Buffer) {
	out, err = &bytes.Buffer{}, &bytes.Buffer{}
	return terminal.New(terminal.Options{Out: out, Err: err}), out, err
}
