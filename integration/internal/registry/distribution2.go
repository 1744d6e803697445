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

// binaryVariable names the environment variable that may name the registry's binary.
const binaryVariable = "REGRET_DOCKER_REGISTRY"

const installHint = "distribution 2.8 is needed: apt-get install docker-registry, or name its binary in " + binaryVariable

// shownLog is how many bytes at the end of the registry's log a failing test shows.
const shownLog = 8 << 10

// Distribution2 is distribution 2.8, the last line that still has docker schema1. It runs as a process of its own.
func Distribution2() Kind {
	return Kind{Name: "distribution 2.8", Schema1: true, start: startDistribution2}
}

func startDistribution2(t testing.TB, config []byte) string {
	t.Helper()
	name := os.Getenv(binaryVariable)
	if name == "" {
		name = "docker-registry"
	}
	binary, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v\n%s", err, installHint)
	}
	file := writeFile(t, "config.yml", config)

	log := &serverLog{address: make(chan string, 1)}
	cmd := exec.Command(binary, "serve", file)
	cmd.Env = []string{} // REGISTRY_… variables would override the file
	cmd.Stdout, cmd.Stderr = log, log
	exited, err := run(cmd)
	if err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	t.Cleanup(func() {
		killErr := cmd.Process.Kill()
		waitErr := <-exited
		if t.Failed() {
			t.Logf("%s ended: kill %v, wait %v; its log:\n%s", binary, killErr, waitErr, log)
		}
	})

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case address := <-log.address:
		return "http://" + address
	case err := <-exited:
		exited <- err // for the cleanup
		t.Fatalf("%s ended before it listened: %v", binary, err)
	case <-ctx.Done():
		t.Fatalf("%s does not listen: %v", binary, ctx.Err())
	}
	return ""
}

// run starts a process that does not outlive this one, however that ends, and tells when it has ended.
func run(cmd *exec.Cmd) (exited chan error, err error) {
	dieWithParent(cmd)
	started := make(chan error, 1)
	exited = make(chan error, 1)
	go func() {
		// The parent whose death counts is the thread: it must last as long as the process.
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

// serverLog keeps what the process writes and finds the port it was given. A port chosen by the process
// itself cannot be taken by somebody else in between.
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
	if cut := len(text) - shownLog; cut > 0 {
		text = "…" + text[cut:]
	}
	return text
}
