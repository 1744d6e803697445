package terminal

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// An Interrupted is the cause of a context that a signal cancelled. It is a context.Canceled.
type Interrupted struct{ Signal os.Signal }

// Error names the signal.
func (e *Interrupted) Error() string { return "stopped by a signal: " + e.Signal.String() }

// Is reports whether target is context.Canceled.
func (e *Interrupted) Is(target error) bool { return target == context.Canceled }

// exitInterrupted is the exit code of a command that a second signal ends.
const exitInterrupted = 130

// printTimeout is how long a cancellation waits for the line that announces it.
const printTimeout = 100 * time.Millisecond

// Interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, with an
// [Interrupted] as its cause. On Windows Ctrl-C, Ctrl-Break and a closed console do. It says so
// on Err. The second signal ends the process: it calls exit, which is [os.Exit], with 130.
// stop releases everything and restores what signals do otherwise. The caller calls it.
//
// A signal that the process was started to ignore stays ignored: nohup is about SIGHUP.
func (s *Streams) Interruptible(ctx context.Context, exit func(code int)) (_ context.Context, stop func()) {
	signals := make(chan os.Signal, 2)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	ctx, stopWatching := s.interruptible(ctx, signals, exit)
	return ctx, func() {
		stopWatching()
		signal.Stop(signals)
	}
}

// interruptible is Interruptible for signals from a channel.
func (s *Streams) interruptible(ctx context.Context, signals <-chan os.Signal, exit func(int)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var first os.Signal
		select {
		case first = <-signals:
		case <-quit:
			return
		}
		printed := make(chan struct{})
		go func() {
			defer close(printed)
			_, _ = fmt.Fprintf(s.Err, "Stopping (%v): requests in flight are settled first; again to end at once.\n", first)
		}()
		// The line comes before all that the cancelled command says. A terminal that was stopped
		// with Ctrl-S may block it, but neither the cancellation nor the second signal.
		blocked := time.NewTimer(printTimeout)
		defer blocked.Stop()
		for quit := quit; quit != nil || printed != nil; {
			select {
			case <-blocked.C:
				cancel(&Interrupted{first})
			case <-printed:
				cancel(&Interrupted{first})
				printed = nil
			case <-signals:
				exit(exitInterrupted)
			case <-quit:
				quit = nil
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(quit)
		<-done
		cancel(nil)
	})
}
