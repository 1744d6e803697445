package main

import (
	"context"
	"encoding/json"
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

// startServer runs this program's own "serve" in another process, and makes a
// directory with its certificate.
func startServer() (*registry.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	server, err := registry.Start(exec.Command(self, "serve"))
	if err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(server.CA), 0o600)
	}
	return server, dir, err
}

// environment lets every client trust the server, as a user would who runs a
// registry with a certificate of their own, and find nobody's configuration.
func environment(dir string) map[string]string {
	return map[string]string{
		"SSL_CERT_FILE":      filepath.Join(dir, "ca.pem"),
		"SSL_CERT_DIR":       filepath.Join(dir, "none"),
		"HOME":               dir,
		"XDG_CONFIG_HOME":    dir,
		"XDG_RUNTIME_DIR":    dir,
		"DOCKER_CONFIG":      dir,
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
