package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrNoTerminal means that there is no terminal to ask at, or that it went away before the
// answer. The caller says which flag gives consent instead.
var ErrNoTerminal = errors.New("there is no terminal to ask at")

// CanAsk reports whether a person can be asked: stdin and stderr are terminals, and the
// environment variable CI is not set.
func (s *Streams) CanAsk() bool {
	return s.inTerminal && s.Err.isTerminal && s.getenv("CI") == ""
}

// AskNumber puts a text to the terminal of the process and reports whether the answer is the
// number wanted. Any other answer is a refusal. It asks once. What was typed before the question
// is no answer, and neither is anything from In, even if that is a pipe.
//
// Errors: ErrNoTerminal if no person can be asked, or the terminal is closed (or Ctrl-D pressed)
// without an answer; the context's cause when it ends.
func (s *Streams) AskNumber(ctx context.Context, text string, want int) (bool, error) {
	if !s.CanAsk() {
		return false, ErrNoTerminal
	}
	answer, err := s.ask(ctx, text)
	if ctx.Err() != nil {
		return false, context.Cause(ctx) // an answer in the same moment does not count
	}
	if err != nil {
		return false, err
	}
	return answer == strconv.Itoa(want), nil
}

// ask returns the line that is typed after the text.
func (s *Streams) ask(ctx context.Context, text string) (string, error) {
	console, err := s.openConsole(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	defer console.Close()
	s.Err.screen.setAsking(true)
	answer, err := prompt(console, SafeLines(text))
	if pending := s.Err.screen.setAsking(false); err != nil {
		if pending {
			_, _ = io.WriteString(console, "\n") // what follows begins on a line of its own
		}
		return "", fmt.Errorf("%w: it went away before the answer: %w", ErrNoTerminal, err)
	}
	return answer, nil
}

// setAsking says whether the cursor is behind a question, and returns whether it was. Other
// output, such as that of a signal, breaks the line of the question.
func (s *screen) setAsking(asking bool) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.asking = s.asking, asking
	return before
}

// maxAnswer bounds an answer, in bytes. No number is as long.
const maxAnswer = 1024

// prompt writes a text and reads one line.
func prompt(console io.ReadWriter, text string) (string, error) {
	if _, err := io.WriteString(console, text); err != nil {
		return "", err
	}
	var line []byte
	buffer := make([]byte, 256)
	for len(line) < maxAnswer {
		n, err := console.Read(buffer)
		line = append(line, buffer[:n]...)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
			break
		}
		if err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(string(line)), nil
}
