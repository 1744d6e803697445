//go:build !windows

package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// phases are moments in apply, by a request that belongs to them.
func phases() map[string]struct{ method, path string } {
	return map[string]struct{ method, path string }{
		"it archives":                {http.MethodGet, "/v2/" + app + "/manifests/sha256:*"},
		"it looks at all tags":       {http.MethodGet, "/v2/" + app + "/tags/list"},
		"it looks before a deletion": {http.MethodHead, "/v2/" + app + "/manifests/*"},
		"it deletes":                 {http.MethodDelete, "/v2/" + app + "/manifests/*"},
		"it verifies":                {http.MethodHead, "/v2/" + app + "/blobs/*"},
	}
}

// A hold keeps the requests waiting that reach it.
type hold struct {
	reached, released chan struct{}
	reach, release    func()
}

// holdUp holds up all requests with a method and a path. When they are released, the registry is
// slow: a command that was stopped has begun to stop when the next request would be due.
func holdUp(t *testing.T, fake *regrettest.Registry, method, path string) *hold {
	t.Helper()
	h := &hold{reached: make(chan struct{}), released: make(chan struct{})}
	h.reach = sync.OnceFunc(func() { close(h.reached) })
	h.release = sync.OnceFunc(func() { close(h.released) })
	t.Cleanup(h.release)
	fake.Inject(0, method, path, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		h.reach()
		select {
		case <-h.released:
			slow := time.NewTimer(slowness)
			defer slow.Stop()
			<-slow.C
			next.ServeHTTP(w, req)
		case <-req.Context().Done():
			panic(http.ErrAbortHandler)
		}
	})
	return h
}

// slowness is how long a slow registry takes for a request.
const slowness = 200 * time.Millisecond

// await waits until a request is held up.
func (h *hold) await(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-h.reached:
	case <-ctx.Done():
		t.Fatal("no request is held up")
	}
}

// TestSignals stops apply with each signal in each phase, and lets it go on.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for phase, request := range phases() {
			t.Run(signal.String()+" while "+phase, func(t *testing.T) {
				t.Parallel()
				fake, s := onFake(t, "spec")
				sh := fakePullRequests(t, fake, s, 12)
				held := holdUp(t, fake, request.method, request.path)
				p := sh.start(t, "apply", "plan.json", "--verify", "-j", "2")
				held.await(t)
				p.signal(t, signal)
				p.stderr.await(t, "Stopping ("+signal.String()+")")
				if request.method == http.MethodDelete { // reading ends at once
					held.release()
				}
				got := p.end(t)
				held.release()
				fake.Inject(0, request.method, request.path, nil)
				if got.code != 130 {
					t.Errorf("the code is %d: %s", got.code, got.stderr)
				}
				says(t, got.stderr, "Error: stopped by a signal: "+signal.String(), "the same command again")
				if phase == "it deletes" {
					if n := len(fake.Writes()); n == 0 || n > 4 { // 2 at once, and those that began before it stopped
						t.Errorf("%d deletions were sent", n)
					}
					wantSettled(t, sh, len(fake.Writes()))
				}
				sh.want(t, 0, "apply", "plan.json")
				wantRelease(t, fake)
			})
		}
	}
}

// wantSettled checks that the report has the outcome of each deletion that was sent.
func wantSettled(t *testing.T, sh *shell, sent int) {
	t.Helper()
	var report struct {
		Results []struct{ Status string }
	}
	text := sh.read(t, filepath.Join(sh.undoFolder(t), "report.json"))
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	deleted := 0
	for _, result := range report.Results {
		switch result.Status {
		case "deleted":
			deleted++
		case "not attempted":
		default:
			t.Errorf("the report has the status %q", result.Status)
		}
	}
	if deleted != sent {
		t.Errorf("the report has %d deletions, and %d were sent:\n%s", deleted, sent, text)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	fake, s := onFake(t, "spec")
	sh := fakePullRequests(t, fake, s, 4)
	held := holdUp(t, fake, http.MethodDelete, "/v2/"+app+"/manifests/*")
	p := sh.start(t, "apply", "plan.json")
	held.await(t)
	p.signal(t, syscall.SIGTERM)
	p.stderr.await(t, "Stopping")
	p.signal(t, syscall.SIGTERM)
	if got := p.end(t); got.code != 130 {
		t.Errorf("the code is %d: %s", got.code, got.stderr)
	}
	held.release()
	fake.Inject(0, http.MethodDelete, anyManifest, nil)
	sh.want(t, 0, "apply", "plan.json")
	wantRelease(t, fake)
}

// TestSignalsAtATerminal does the same with keys, and with a terminal that goes away.
func TestSignalsAtATerminal(t *testing.T) {
	t.Parallel()
	for phase, request := range phases() {
		t.Run("Ctrl-C while "+phase, func(t *testing.T) {
			t.Parallel()
			fake, s := onFake(t, "spec")
			sh := fakePullRequests(t, fake, s, 12)
			held := holdUp(t, fake, request.method, request.path)
			p := startAtPTY(t, sh.command(t, "apply", "plan.json", "--verify", "-j", "2"), 100, "")
			p.expect(t, "Removes 12 images (12 tags)")
			p.expect(t, "Type the number of images to go on: ")
			p.typeKeys(t, "12\n")
			held.await(t)
			p.typeKeys(t, "\x03")
			p.expect(t, "Stopping (interrupt)")
			if request.method == http.MethodDelete {
				held.release()
			}
			p.expect(t, "the same command again")
			p.wantCode(t, 130)
			held.release()
			fake.Inject(0, request.method, request.path, nil)

			again := startAtPTY(t, sh.command(t, "apply", "plan.json"), 100, "")
			again.expect(t, "Type the number of images to go on: ")
			again.typeKeys(t, "12\n")
			again.expect(t, "deleted")
			again.wantCode(t, 0)
			wantRelease(t, fake)
		})
	}
	t.Run("the terminal goes away", func(t *testing.T) {
		t.Parallel()
		fake, s := onFake(t, "spec")
		sh := fakePullRequests(t, fake, s, 12)
		held := holdUp(t, fake, http.MethodDelete, "/v2/"+app+"/manifests/*")
		p := startAtPTY(t, sh.command(t, "apply", "plan.json", "--yes", "-j", "2"), 100, "")
		held.await(t)
		if err := p.person.Close(); err != nil {
			t.Fatal(err)
		}
		held.release()
		err := p.Wait()
		if _, exited := errors.AsType[*exec.ExitError](err); !exited && err != nil {
			t.Fatal(err)
		}
		// The hangup stops it, unless it was done before.
		if code := p.ProcessState.ExitCode(); code != 130 && code != 0 {
			t.Errorf("the code is %d", code)
		}
		sh.want(t, 0, "apply", "plan.json")
		wantRelease(t, fake)
	})
}

// screenToEnd returns what the terminal shows until the process ends.
func (p *ptyProcess) screenToEnd(t *testing.T) string {
	t.Helper()
	if err := p.person.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	more, err := io.ReadAll(p)
	if err != nil && !errors.Is(err, syscall.EIO) { // how Linux ends a terminal
		t.Fatalf("read the terminal: %v", err)
	}
	return string(p.screen) + string(more)
}

// wantCode reads the terminal to its end, and checks the exit code.
func (p *ptyProcess) wantCode(t *testing.T, want int) (shown string) {
	t.Helper()
	shown = p.screenToEnd(t)
	err := p.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited && err != nil {
		t.Fatal(err)
	}
	if code := p.ProcessState.ExitCode(); code != want {
		t.Errorf("the code is %d, want %d: %s", code, want, shown)
	}
	return shown
}
