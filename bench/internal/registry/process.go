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

// A Process is a registry in another process.
type Process struct {
	Address
	cmd   *exec.Cmd
	stdin io.Closer
}

// Start runs a command that calls [Serve] on its standard input and output, and waits until the
// registry is listening.
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
		return nil, errors.Join(fmt.Errorf("the server did not send its address: %w", err), p.Stop())
	}
	return p, nil
}

// Stop closes the standard input of the process, which makes it exit, and waits for it.
func (p *Process) Stop() error {
	return errors.Join(p.stdin.Close(), p.cmd.Wait())
}

// Reset replaces the state of the registry and sets all counts to zero.
func (a Address) Reset(ctx context.Context, settings Settings) error {
	return a.control(ctx, http.MethodPost, "/reset", settings, nil)
}

// Revoke revokes all tokens.
func (a Address) Revoke(ctx context.Context) error {
	return a.control(ctx, http.MethodPost, "/revoke", nil, nil)
}

// Counts returns the counts.
func (a Address) Counts(ctx context.Context) (c Counts, err error) {
	return c, a.control(ctx, http.MethodGet, "/counts", nil, &c)
}

// control sends a request to the control endpoint. It keeps no connection open, so that it leaves
// nothing behind in the process that is measured.
func (a Address) control(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
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
		message, err := io.ReadAll(resp.Body)
		return errors.Join(fmt.Errorf("control: %s %s: %s: %s", method, path, resp.Status, message), err)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
