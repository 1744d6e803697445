package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// A fakeConsole answers with a text and remembers what was asked.
type fakeConsole struct {
	io.Reader
	bytes.Buffer

	closed bool
}

func (f *fakeConsole) Read(p []byte) (int, error) { return f.Reader.Read(p) }
func (f *fakeConsole) Close() error               { f.closed = true; return nil }

// asking returns streams at a terminal whose console is the fake.
func asking(console *fakeConsole, variables map[string]string) (*terminal.Streams, *fakeTerminal) {
	fake := &fakeTerminal{width: 80}
	return terminal.New(terminal.Options{
		In: fake, Out: fake, Err: fake, Getenv: environment(variables),
		OpenConsole: func(context.Context) (io.ReadWriteCloser, error) { return console, nil },
	}), fake
}

const question = "Type the number of images to go on: "

func TestAskNumber(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		want   bool
	}{
		"the number is consent":             {"49\n", true},
		"with the line ends of Windows":     {"49\r\n", true},
		"with spaces around it":             {" 49\t\n", true},
		"only the first line counts":        {"50\n49\n", false},
		"another number is a refusal":       {"48\n", false},
		"an empty line is a refusal":        {"\n", false},
		"yes is a refusal":                  {"yes\n", false},
		"a number with a sign is a refusal": {"+49\n", false},
		"a number with more is a refusal":   {"49 images\n", false},
		"a leading zero is a refusal":       {"049\n", false},
		"half the number is a refusal":      {"4\n", false},
		"an endless answer is a refusal":    {strings.Repeat(" ", 1<<20) + "49\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			console := &fakeConsole{Reader: strings.NewReader(test.answer)}
			s, _ := asking(console, nil)
			got, err := s.AskNumber(t.Context(), question, 49)
			if got != test.want || err != nil {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
			if asked := console.String(); asked != question {
				t.Errorf("asked %q, want %q", asked, question)
			}
			if !console.closed {
				t.Error("the console is still open")
			}
		})
	}
}

func TestAskNumberShowsNoControlSequence(t *testing.T) {
	t.Parallel()
	console := &fakeConsole{Reader: strings.NewReader("1\n")}
	s, _ := asking(console, nil)
	if _, err := s.AskNumber(t.Context(), "a\x1b[2J\nb: ", 1); err != nil {
		t.Fatal(err)
	}
	if got, want := console.String(), `a\x1b[2J`+"\nb: "; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestAskNumberWithoutTerminal(t *testing.T) {
	t.Parallel()
	tty := &fakeTerminal{width: 80}
	consent := func() io.Reader { return strings.NewReader("49\n") }
	for name, options := range map[string]terminal.Options{
		"stdin is a pipe, whatever it says": {In: consent(), Out: tty, Err: tty},
		"stderr is a pipe":                  {In: tty, Out: tty, Err: io.Discard},
		"nothing is a terminal":             {In: consent(), Out: io.Discard, Err: io.Discard},
		"CI is set":                         {In: tty, Out: tty, Err: tty, Getenv: environment(map[string]string{"CI": "1"})},
		"CI is set to false":                {In: tty, Out: tty, Err: tty, Getenv: environment(map[string]string{"CI": "false"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options.OpenConsole = func(context.Context) (io.ReadWriteCloser, error) {
				t.Error("the console was opened")
				return &fakeConsole{Reader: consent()}, nil
			}
			s := terminal.New(options)
			got, err := s.AskNumber(t.Context(), question, 49)
			if got || !errors.Is(err, terminal.ErrNoTerminal) {
				t.Errorf("got %v, %v, want ErrNoTerminal", got, err)
			}
			if s.CanAsk() {
				t.Error("CanAsk says yes")
			}
		})
	}
	t.Run("stdout may be a pipe", func(t *testing.T) {
		t.Parallel()
		if s := terminal.New(terminal.Options{In: tty, Out: io.Discard, Err: tty}); !s.CanAsk() {
			t.Error("CanAsk says no")
		}
	})
}

func TestAskNumberFails(t *testing.T) {
	t.Parallel()
	t.Run("when the process has no console", func(t *testing.T) {
		t.Parallel()
		tty, cause := &fakeTerminal{width: 80}, errors.New("no such device")
		s := terminal.New(terminal.Options{In: tty, Out: tty, Err: tty,
			OpenConsole: func(context.Context) (io.ReadWriteCloser, error) { return nil, cause }})
		got, err := s.AskNumber(t.Context(), question, 49)
		if got || !errors.Is(err, terminal.ErrNoTerminal) || !errors.Is(err, cause) {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("when the terminal goes away, even after the right number", func(t *testing.T) {
		t.Parallel()
		console := &fakeConsole{Reader: strings.NewReader("49")}
		s, _ := asking(console, nil)
		got, err := s.AskNumber(t.Context(), question, 49)
		if got || !errors.Is(err, terminal.ErrNoTerminal) || !errors.Is(err, io.EOF) {
			t.Errorf("got %v, %v", got, err)
		}
		if asked := console.String(); asked != question+"\n" {
			t.Errorf("asked %q, want the line to end", asked)
		}
	})
	t.Run("with its context, even if the number was typed", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		s, _ := asking(&fakeConsole{Reader: strings.NewReader("49\n")}, nil)
		if got, err := s.AskNumber(ctx, question, 49); got || !errors.Is(err, cause) {
			t.Errorf("got %v, %v, want %v", got, err, cause)
		}
	})
	t.Run("and what is written meanwhile begins on a line of its own", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		console := &fakeConsole{}
		s, tty := asking(console, nil)
		console.Reader = readFunc(func([]byte) (int, error) {
			cancel()
			_, _ = fmt.Fprintln(s.Err, "stopping")
			return 0, ctx.Err()
		})
		if got, err := s.AskNumber(ctx, question, 49); got || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v", got, err)
		}
		if all := console.String() + tty.String(); all != question+"\nstopping\n" {
			t.Errorf("the terminal shows %q", all)
		}
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
