package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
)

// A Process is a registry that runs in another process.
type Process struct {
	Address
	cmd   *exec.Cmd
	stdin io.Closer
}

// Start runs a command that calls [Serve] on its standard input and output, and
// waits until the registry is there.
func Start(cmd *exec.Cmd) (*Process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, stdin: in}
	if err := json.NewDecoder(out).Decode(&p.Address); err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not say where it is: %w", err), p.Stop())
	}
	return p, nil
}

// Stop ends the process.
func (p *Process) Stop() error {
	return errors.Join(p.stdin.Close(), p.cmd.Wait())
}

// Reset gives the registry new state and zero counts.
func (a Address) Reset(ctx context.Context, settings Settings) error {
	return a.ask(ctx, http.MethodPost, "/reset", settings, nil)
}

// Revoke makes all tokens worthless.
func (a Address) Revoke(ctx context.Context) error {
	return a.ask(ctx, http.MethodPost, "/revoke", nil, nil)
}

// Counts reads the counts.
func (a Address) Counts(ctx context.Context) (c Counts, err error) {
	return c, a.ask(ctx, http.MethodGet, "/counts", nil, &c)
}

// ask keeps no connection, so that nothing of it lives on in what is measured.
func (a Address) ask(ctx context.Context, method, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, a.Control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, err := io.ReadAll(resp.Body)
		return errors.Join(fmt.Errorf("control: %s %s: %s: %s", method, path, resp.Status, why), err)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
