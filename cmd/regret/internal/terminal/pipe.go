package terminal

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Outlive makes the command outlive its readers: for commands that write to a registry, since
// apply … | head must not end a deletion half-way. SIGPIPE does not end the process, and an
// output that fails, for whatever reason, is dropped from then on without an error. [Output.Lost]
// has it. stop restores SIGPIPE; the caller calls it.
//
// Commands that only read do not call it. SIGPIPE ends them without a word, as it ends every
// other tool in a pipe; see also [IsClosedPipe].
func (s *Streams) Outlive() (stop func()) {
	for _, o := range []*Output{s.Out, s.Err} {
		o.screen.mu.Lock()
		o.outlives = true
		o.screen.mu.Unlock()
	}
	// Children would inherit signal.Ignore, and credential helpers are not made for it.
	dropped := make(chan os.Signal, 1)
	signal.Notify(dropped, syscall.SIGPIPE)
	return func() { signal.Stop(dropped) }
}

// IsClosedPipe reports whether an error of writing means that the reader has gone. A command that
// only reads ends then with exit code 0 and without a message: the reader has all that it wants.
// This shows on Windows and where SIGPIPE is ignored; otherwise SIGPIPE has ended the process.
func IsClosedPipe(err error) bool {
	if errors.Is(err, io.ErrClosedPipe) {
		return true
	}
	for _, errno := range closedPipe {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
