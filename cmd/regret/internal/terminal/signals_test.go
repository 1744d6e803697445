package terminal_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

func TestInterruptible(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]os.Signal{
		"interrupt": os.Interrupt, "terminated": syscall.SIGTERM, "hangup": syscall.SIGHUP,
	} {
		t.Run("the first signal cancels and says so: "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, out, stderr := inPipes()
				signals := make(chan os.Signal, 2)
				ctx, stop := s.InterruptibleBy(t.Context(), signals, func(int) { t.Error("it ended the process") })
				signals <- sig
				<-ctx.Done()
				stop()
				var interrupted *terminal.Interrupted
				if cause := context.Cause(ctx); !errors.As(cause, &interrupted) || interrupted.Signal != sig {
					t.Errorf("the cause is %v", cause)
				} else if !errors.Is(cause, context.Canceled) || !strings.Contains(cause.Error(), name) {
					t.Errorf("the cause %q is no context.Canceled or does not name the signal", cause)
				}
				want := "Stopping (" + name + "): requests in flight are settled first; again to end at once.\n"
				if got := stderr.String(); got != want || out.Len() > 0 {
					t.Errorf("stderr %q, want %q; stdout %q", got, want, out)
				}
			})
		})
	}
	t.Run("the second ends the process at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, _, _ := inPipes()
			signals, code := make(chan os.Signal, 2), make(chan int, 1)
			ctx, stop := s.InterruptibleBy(t.Context(), signals, func(c int) { code <- c })
			defer stop()
			signals <- os.Interrupt
			<-ctx.Done()
			signals <- syscall.SIGTERM
			if got := <-code; got != 130 {
				t.Errorf("exit code %d, want 130", got)
			}
		})
	})
	t.Run("even if the terminal is stopped and the command is about to end", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			blocked := make(chan struct{})
			s := terminal.New(terminal.Options{Err: writeFunc(func(p []byte) (int, error) {
				<-blocked
				return len(p), nil
			})})
			signals, code := make(chan os.Signal, 2), make(chan int, 1)
			ctx, stop := s.InterruptibleBy(t.Context(), signals, func(c int) { code <- c })
			signals <- os.Interrupt
			<-ctx.Done()
			stopped := make(chan struct{})
			go func() { stop(); close(stopped) }()
			synctest.Wait()
			signals <- os.Interrupt
			if got := <-code; got != 130 {
				t.Errorf("exit code %d, want 130", got)
			}
			close(blocked)
			<-stopped
		})
	})
	t.Run("without a signal stop leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, _, stderr := inPipes()
			ctx, stop := s.InterruptibleBy(t.Context(), nil, func(int) { t.Error("it ended the process") })
			time.Sleep(time.Hour)
			if err := ctx.Err(); err != nil {
				t.Errorf("the context has ended: %v", err)
			}
			stop()
			stop()
			if err := ctx.Err(); err == nil {
				t.Error("the context goes on")
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr has %q", stderr)
			}
		})
	})
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }
