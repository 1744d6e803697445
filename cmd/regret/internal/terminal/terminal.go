// Package terminal deals with people at a terminal: what the standard streams are, questions,
// the status line, signals, colour, tables, and text that is safe to show.
//
// It knows nothing about registries, plans or exit codes. Its invariants:
//
//   - Data goes to Out and talk to Err. Nothing is ever asked or answered through either, nor
//     through In: consent is read from the terminal of the process.
//   - Escape sequences go only to a terminal that understands them, unless the user forces colour.
//   - Whatever is written through Out and Err, at any time and from any goroutine, never ends up
//     in the middle of the status line.
package terminal

import (
	"context"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Streams are the standard streams of a command.
type Streams struct {
	In  io.Reader // data only; consent never comes from here
	Out *Output   // data
	Err *Output   // talk

	getenv      func(string) string
	inTerminal  bool
	openConsole func(context.Context) (io.ReadWriteCloser, error)
}

// Options are what [New] makes streams of.
//
// A reader or writer is a terminal if it is an [os.File] that is one, or if it has a method
// Columns() int, which returns the width: so does a test's.
type Options struct {
	In       io.Reader // nil is empty
	Out, Err io.Writer // nil discards

	// Getenv returns a variable of the environment. Nil stands for an empty environment.
	Getenv func(name string) string

	// OpenConsole opens the terminal of the process, whatever the streams are. Input that was
	// typed before must not be in it, and reading must end with the context. Nil stands for
	// /dev/tty, and on Windows for CONIN$ and CONOUT$.
	OpenConsole func(context.Context) (io.ReadWriteCloser, error)
}

// Standard returns the standard streams of the process.
func Standard() *Streams {
	return New(Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
}

// New returns streams for a command.
func New(o Options) *Streams {
	s := &Streams{In: o.In, getenv: o.Getenv, openConsole: o.OpenConsole}
	if s.In == nil {
		s.In = strings.NewReader("")
	}
	if s.getenv == nil {
		s.getenv = func(string) string { return "" }
	}
	if s.openConsole == nil {
		s.openConsole = openConsole
	}
	_, s.inTerminal = columns(o.In)
	shared := &screen{}
	s.Out, s.Err = newOutput(o.Out, shared, s.getenv), newOutput(o.Err, shared, s.getenv)
	return s
}

// InIsTerminal reports whether In is a terminal. What is read from it is nevertheless data.
func (s *Streams) InIsTerminal() bool { return s.inTerminal }

// columns returns a function that measures the width of a terminal, 0 if it cannot be known.
// It reports false for what is no terminal.
func columns(stream any) (width func() int, ok bool) {
	switch stream := stream.(type) {
	case *os.File:
		fd := int(stream.Fd())
		width = func() int {
			columns, _, err := term.GetSize(fd)
			if err != nil {
				return 0
			}
			return columns
		}
		return width, term.IsTerminal(fd)
	case interface{ Columns() int }:
		return stream.Columns, true
	}
	return nil, false
}
