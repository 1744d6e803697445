package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/measure"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// servers holds the running registries, each in its own process, and a temporary directory with
// their certificate.
type servers struct {
	running map[registry.Kind]*registry.Process
	dir     string
}

// startServers starts the minimal registry, which is this program's "serve" command, and optionally
// distribution 3. The latter is a separate program, so that the clients' processes do not contain
// its code.
func startServers(distribution bool) (s servers, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	s.running = make(map[registry.Kind]*registry.Process)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	commands := map[registry.Kind]*exec.Cmd{registry.Minimal: exec.Command(self, "serve")}
	if distribution {
		commands[registry.Distribution3] = exec.Command("go", "run", "./distribution3")
	}
	for kind, cmd := range commands {
		p, err := registry.Start(cmd)
		if err != nil {
			return s, err
		}
		s.running[kind] = p
	}
	if s.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return s, err
	}
	return s, os.WriteFile(filepath.Join(s.dir, "ca.pem"), []byte(s.running[registry.Minimal].CA), 0o600)
}

// address returns the address of the registry of a cell.
func (s servers) address(cell measure.Cell) registry.Address { return s.running[cell.Server].Address }

func (s servers) stop() (err error) {
	for _, p := range s.running {
		err = errors.Join(err, p.Stop())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// environment returns environment variables that make every client trust the servers' certificate,
// as for any registry with a private one, and find no configuration files of the user.
func (s servers) environment() map[string]string {
	return map[string]string{
		"SSL_CERT_FILE":      filepath.Join(s.dir, "ca.pem"),
		"SSL_CERT_DIR":       filepath.Join(s.dir, "none"),
		"HOME":               s.dir,
		"XDG_CONFIG_HOME":    s.dir,
		"XDG_RUNTIME_DIR":    s.dir,
		"DOCKER_CONFIG":      s.dir,
		"REGISTRY_AUTH_FILE": "",
	}
}

// A job tells a process what to measure.
type job struct {
	Server registry.Address
	Row    int // index in clients.Rows
	Cell   measure.Cell
	Heap   bool // watch the heap
}

// runMeasure reads one job and writes its result. A failure of the client is a result too.
func runMeasure(ctx context.Context, in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	if err := measure.WarmUp(ctx, j.Server, j.Cell); err != nil {
		return err
	}
	r, err := measure.Run(ctx, j.Server, clients.Rows()[j.Row], j.Cell, j.Heap)
	if err != nil {
		r.Failure = err.Error()
	}
	return json.NewEncoder(out).Encode(r)
}

// runTimeout limits the duration of one run.
const runTimeout = 2 * time.Minute

// measureInProcess runs one job in a new process, so that nothing an earlier run or another client
// left in memory influences it.
func measureInProcess(ctx context.Context, j job, env map[string]string) (measure.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return measure.Result{}, err
	}
	cmd := exec.CommandContext(ctx, self, "measure")
	cmd.Env = os.Environ()
	for _, key := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, key+"="+env[key])
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return measure.Result{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return measure.Result{}, err
	}
	if err := cmd.Start(); err != nil {
		return measure.Result{}, err
	}
	var r measure.Result
	sendErr := json.NewEncoder(in).Encode(j)
	in.Close() // sendErr reports whether the job was sent
	receiveErr := json.NewDecoder(out).Decode(&r)
	if err := cmd.Wait(); err != nil {
		return r, fmt.Errorf("%s in %s: %w", clients.Rows()[j.Row].Name, j.Cell, err)
	}
	if sendErr != nil {
		return r, sendErr
	}
	return r, receiveErr
}
