//go:build !windows

package terminal_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
)

// role names the variable with what the test binary does instead of testing.
const role = "REGRET_TEST_ROLE"

func TestMain(m *testing.M) {
	s := terminal.Standard()
	switch os.Getenv(role) {
	case "":
		for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			if signal.Ignored(sig) { // as in a script's background; processes would inherit it
				signal.Notify(make(chan os.Signal, 1), sig)
			}
		}
		os.Exit(m.Run())
	case "stops":
		ctx, stop := s.Interruptible(context.Background(), os.Exit)
		fmt.Fprintln(s.Out, "ready")
		<-ctx.Done()
		stop()
		fmt.Fprintln(s.Out, context.Cause(ctx))
	case "does not stop":
		ctx, _ := s.Interruptible(context.Background(), os.Exit)
		fmt.Fprintln(s.Out, "ready")
		<-ctx.Done()
		fmt.Fprintln(s.Out, "cancelled")
		select {}
	case "reads only":
		for {
			if _, err := fmt.Fprintln(s.Out, "data"); err != nil {
				fmt.Fprintln(s.Err, "unexpected:", err)
				os.Exit(1)
			}
		}
	case "writes":
		stop := s.Outlive()
		for s.Out.Lost() == nil {
			fmt.Fprintln(s.Out, "data")
		}
		fmt.Fprintln(s.Err, "goes on; closed pipe:", terminal.IsClosedPipe(s.Out.Lost()))
		child := exec.Command("sh", "-c", "kill -PIPE $$; echo SIGPIPE is ignored")
		out, err := child.Output()
		fmt.Fprintf(s.Err, "child: %s%v\n", out, err)
		stop()
		fmt.Fprintln(os.Stdout, "data") // ends the process
		fmt.Fprintln(s.Err, "it outlived SIGPIPE after stop")
	}
}

// A process is the test binary in a role.
type process struct {
	*exec.Cmd
	out    *bufio.Reader
	stderr strings.Builder
}

// start runs the test binary in a role, through the shell command, if there is one.
func start(t *testing.T, as, shell string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), exe)}
	if shell != "" {
		p.Cmd = exec.CommandContext(t.Context(), "sh", "-c", shell, exe)
	}
	p.Env = append(os.Environ(), role+"="+as)
	p.Stderr = &p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// expect reads one line of stdout.
func (p *process) expect(t *testing.T, want string) {
	t.Helper()
	if line, err := p.out.ReadString('\n'); line != want+"\n" || err != nil {
		t.Fatalf("stdout has %q, %v, want %q", line, err, want)
	}
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func TestSignalsOfTheProcess(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]os.Signal{
		"interrupt": syscall.SIGINT, "terminated": syscall.SIGTERM, "hangup": syscall.SIGHUP,
	} {
		t.Run("the first one stops cleanly: "+name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "stops", "")
			p.expect(t, "ready")
			p.signal(t, sig)
			p.expect(t, "stopped by a signal: "+name)
			if err := p.Wait(); err != nil || !strings.HasPrefix(p.stderr.String(), "Stopping ("+name+")") {
				t.Errorf("%v, stderr: %s", err, &p.stderr)
			}
		})
		t.Run("the second one ends it: "+name, func(t *testing.T) {
			t.Parallel()
			p := start(t, "does not stop", "")
			p.expect(t, "ready")
			p.signal(t, syscall.SIGTERM)
			p.expect(t, "cancelled")
			p.signal(t, sig)
			if _ = p.Wait(); p.ProcessState.ExitCode() != 130 {
				t.Errorf("%v, want exit code 130; stderr: %s", p.ProcessState, &p.stderr)
			}
		})
	}
	t.Run("nohup keeps SIGHUP away", func(t *testing.T) {
		t.Parallel()
		p := start(t, "stops", `trap "" HUP; exec "$0"`)
		p.expect(t, "ready")
		p.signal(t, syscall.SIGHUP)
		p.signal(t, syscall.SIGTERM)
		p.expect(t, "stopped by a signal: terminated")
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestStdoutThatGoesAway(t *testing.T) {
	t.Parallel()
	t.Run("ends a command that only reads, without a word", func(t *testing.T) {
		t.Parallel()
		p := start(t, "reads only", `"$0" | head -n 1`)
		p.expect(t, "data")
		if err := p.Wait(); err != nil || p.stderr.Len() > 0 {
			t.Errorf("%v, stderr: %s", err, &p.stderr)
		}
	})
	t.Run("by SIGPIPE", func(t *testing.T) {
		t.Parallel()
		p := start(t, "reads only", `{ "$0"; echo $? >&2; } | head -n 1`)
		p.expect(t, "data")
		if err := p.Wait(); err != nil || p.stderr.String() != "141\n" {
			t.Errorf("%v, stderr: %s", err, &p.stderr)
		}
	})
	t.Run("does not end one that writes to a registry", func(t *testing.T) {
		t.Parallel()
		p := start(t, "writes", `{ "$0"; echo $? >&2; } | head -n 1`)
		p.expect(t, "data")
		want := "goes on; closed pipe: true\nchild: signal: broken pipe\n141\n"
		if err := p.Wait(); err != nil || p.stderr.String() != want {
			t.Errorf("%v, stderr: %q, want %q", err, &p.stderr, want)
		}
	})
}
