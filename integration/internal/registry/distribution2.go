package registry

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"
)

// binaryVariable is the environment variable that can name the registry's binary.
const binaryVariable = "REGRET_DOCKER_REGISTRY"

const installHint = "the tests need distribution 2.8: run apt-get install docker-registry, or set the path of its binary in " + binaryVariable

// maxLogShown is how many bytes of the end of the registry's log a failing test shows.
const maxLogShown = 8 << 10

// Distribution2 returns distribution 2.8, the last version that supports Docker schema1. It runs in its
// own process.
func Distribution2() Kind {
	return Kind{Name: "distribution 2.8", Schema1: true, start: startDistribution2}
}

func startDistribution2(t testing.TB, config []byte) string {
	t.Helper()
	binary := findDistribution2(t)
	file := writeFile(t, "config.yml", config)

	log := &serverLog{address: make(chan string, 1)}
	cmd := exec.Command(binary, "serve", file)
	cmd.Env = []string{} // REGISTRY_* variables would override the configuration file
	cmd.Stdout, cmd.Stderr = log, log
	exited, err := startProcess(cmd)
	if err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	t.Cleanup(func() {
		killErr := cmd.Process.Kill()
		waitErr := <-exited
		if t.Failed() {
			t.Logf("%s exited: kill %v, wait %v; its log:\n%s", binary, killErr, waitErr, log)
		}
	})

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case address := <-log.address:
		return "http://" + address
	case err := <-exited:
		exited <- err // the cleanup receives it again
		t.Fatalf("%s exited before it listened: %v", binary, err)
	case <-ctx.Done():
		t.Fatalf("%s did not start to listen: %v", binary, ctx.Err())
	}
	return ""
}

func findDistribution2(t testing.TB) string {
	t.Helper()
	name := os.Getenv(binaryVariable)
	if name == "" {
		name = "docker-registry"
	}
	binary, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v\n%s", err, installHint)
	}
	return binary
}

// startProcess starts a process that does not outlive this one, however this one exits. The returned
// channel receives the result of Wait.
func startProcess(cmd *exec.Cmd) (exited chan error, err error) {
	dieWithParent(cmd)
	started := make(chan error, 1)
	exited = make(chan error, 1)
	go func() {
		// Pdeathsig is sent when the parent thread exits, so the thread must live as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exited <- cmd.Wait()
		}
	}()
	return exited, <-started
}

// serverLog keeps the output of the process and finds the address it listens on. The kernel chooses the
// port when the process binds it, so no other process can take it in between.
type serverLog struct {
	address chan string

	mu    sync.Mutex
	text  bytes.Buffer
	found bool
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	if !l.found {
		listening := regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)\b`)
		if match := listening.FindSubmatch(l.text.Bytes()); match != nil {
			l.found = true
			l.address <- string(match[1])
		}
	}
	return n, err
}

// String returns the end of the log.
func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	if cut := len(text) - maxLogShown; cut > 0 {
		text = "…" + text[cut:]
	}
	return text
}
