package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// A watched is a standard stream in which a test waits for texts.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed with the next write
}

func newWatched() *watched { return &watched{more: make(chan struct{})} }

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.more)
	w.more = make(chan struct{})
	return w.text.Write(p)
}

// String returns everything up to now.
func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// await waits until a text was written.
func (w *watched) await(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		w.mu.Lock()
		text, more := w.text.String(), w.more
		w.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("it does not say %q, but %q", want, text)
		}
	}
}

// A process is a running command.
type process struct {
	*exec.Cmd
	stdout, stderr *watched
}

// start starts the command.
func (s *shell) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{s.command(t, args...), newWatched(), newWatched()}
	p.Stdout, p.Stderr = p.stdout, p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// end waits for the end of the process.
func (p *process) end(t *testing.T) outcome {
	t.Helper()
	if err := p.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return outcome{p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

// signal sends a signal to the process.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// allPullRequests removes what fakePullRequests stores.
const allPullRequests = `{"version": 1, "remove": [{"name": "pull requests", "tags": "pr-*"}], "limits": {"max-percent": 100}}`

// fakePullRequests stores images of pull requests and one release, and returns a shell with a
// policy and a plan that removes the former.
func fakePullRequests(t *testing.T, fake *regrettest.Registry, s *site, n int) *shell {
	t.Helper()
	for i := range n {
		tag := fmt.Sprintf("pr-%d", i)
		fake.PutImage(app, regrettest.Image{Layers: []string{tag}}, tag)
	}
	fake.PutImage(app, regrettest.Image{Layers: []string{"release"}}, "1.0.0")
	sh := newShell(t)
	sh.write(t, "policy.json", allPullRequests)
	sh.want(t, 0, "plan", s.name(), "-p", "policy.json", "--out", "plan.json")
	fake.ResetRequests()
	return sh
}

// wantRelease checks that only the release is left.
func wantRelease(t *testing.T, fake *regrettest.Registry) {
	t.Helper()
	if tags := fake.Tags(app); len(tags) != 1 || tags["1.0.0"] == "" {
		t.Errorf("the tags are %v", tags)
	}
}
