package terminal

import (
	"io"
	"os"
	"sync"
)

// An Output is stdout or stderr. Methods may be called by several goroutines at a time.
type Output struct {
	w          io.Writer
	width      func() int
	isTerminal bool
	redraws    bool
	getenv     func(string) string
	screen     *screen

	// Guarded by screen.mu.
	outlives bool
	lost     error
}

// A screen is what the outputs that are terminals share: they are taken to be the same terminal.
// Any other output has a screen of its own, so that a slow reader of stdout does not block stderr.
type screen struct {
	mu     sync.Mutex
	drawn  *Output // has the status line and the cursor at its end; nil if there is none
	midway bool    // the cursor is in the middle of a line of other output
	asking bool    // the cursor is behind a question
}

func newOutput(w io.Writer, shared *screen, getenv func(string) string) *Output {
	if w == nil {
		w = io.Discard
	}
	o := &Output{w: w, getenv: getenv, screen: shared}
	if o.width, o.isTerminal = columns(w); !o.isTerminal {
		o.screen = &screen{}
		return o
	}
	o.redraws = getenv("TERM") != "dumb"
	if file, ok := w.(*os.File); ok && o.redraws {
		o.redraws = enableEscapes(file)
	}
	return o
}

// IsTerminal reports whether the output is a terminal.
func (o *Output) IsTerminal() bool { return o.isTerminal }

// defaultWidth is taken for a terminal that does not know its width.
const defaultWidth = 80

// Width returns the columns of the terminal as they are now, and 0 for what is no terminal:
// nothing is cut there.
func (o *Output) Width() int {
	if !o.isTerminal {
		return 0
	}
	if width := o.width(); width > 0 {
		return width
	}
	return defaultWidth
}

// Write writes p. A status line on the same terminal gives way to it and is drawn again later.
//
// Errors: those of the underlying writer; none after [Streams.Outlive], see [Output.Lost].
func (o *Output) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s := o.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	if s.asking && o.isTerminal {
		s.asking = false
		_, _ = o.write([]byte("\n"))
	}
	s.midway = o.isTerminal && p[len(p)-1] != '\n'
	return o.write(p)
}

// write writes p to the underlying writer. The caller holds screen.mu.
func (o *Output) write(p []byte) (int, error) {
	if o.outlives && o.lost != nil {
		return len(p), nil
	}
	n, err := o.w.Write(p)
	if err != nil && o.lost == nil {
		o.lost = err
	}
	if o.outlives {
		return len(p), nil
	}
	return n, err
}

// Lost returns the first error of writing, or nil. After it, [Streams.Outlive] drops the output.
func (o *Output) Lost() error {
	o.screen.mu.Lock()
	defer o.screen.mu.Unlock()
	return o.lost
}
