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

// servers are the registries that are measured against, each in a process of
// its own, and a directory with their certificate.
type servers struct {
	running map[registry.Kind]*registry.Process
	dir     string
}

// startServers runs this program's own "serve" and, if it is wanted and as
// another program because no client's process is to carry it, distribution 3.
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

// at is where a cell is measured.
func (s servers) at(cell measure.Cell) registry.Address { return s.running[cell.Server].Address }

func (s servers) stop() (err error) {
	for _, p := range s.running {
		err = errors.Join(err, p.Stop())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// environment lets every client trust the servers, as a user would who runs a
// registry with a certificate of their own, and find nobody's configuration.
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

// A job is what one process measures.
type job struct {
	At   registry.Address
	Row  int
	Cell measure.Cell
	Heap bool
}

// runMeasure does one job. What fails is a result too.
func runMeasure(ctx context.Context, in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	if err := measure.WarmUp(ctx, j.At, j.Cell); err != nil {
		return err
	}
	r, err := measure.Run(ctx, j.At, clients.Rows()[j.Row], j.Cell, j.Heap)
	if err != nil {
		r.Failure = err.Error()
	}
	return json.NewEncoder(out).Encode(r)
}

// patience is how long one run may take.
const patience = 2 * time.Minute

// measureApart does one job in a process of its own: nothing that an earlier
// run or another client left in memory can help or hinder it.
func measureApart(ctx context.Context, j job, env map[string]string) (measure.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
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
	sent := json.NewEncoder(in).Encode(j)
	in.Close() // the encoder's error says whether it arrived
	received := json.NewDecoder(out).Decode(&r)
	if err := cmd.Wait(); err != nil {
		return r, fmt.Errorf("%s in %s: %w", clients.Rows()[j.Row].Name, j.Cell, err)
	}
	if sent != nil {
		return r, sent
	}
	return r, received
}
