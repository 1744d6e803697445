package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	helperPrefix    = "docker-credential-"
	helperTimeout   = 30 * time.Second
	maxHelperOutput = 1 << 20

	// helperWaitDelay limits the wait for the pipes of a helper that has ended: a process that it
	// started may still hold them open.
	helperWaitDelay = 50 * time.Millisecond

	// dockerHubServer is the name of Docker Hub in docker's files and helpers.
	dockerHubServer = "https://index.docker.io/v1/"
)

// helperNames excludes every name that would lead to a program outside of $PATH.
var helperNames = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func checkHelperName(name string) error {
	if !helperNames.MatchString(name) {
		return fmt.Errorf("helper name %q: only letters, digits, dot, dash and underscore", redact.Clip(name))
	}
	return nil
}

// helperServer returns the name by which helpers know a host.
func helperServer(host string) string {
	if host == origin.DockerHub {
		return dockerHubServer
	}
	return host
}

// runHelper asks a credential helper for the credential of one server. No error contains anything
// that the helper prints, because that may be the secret.
//
// See https://github.com/docker/docker-credential-helpers#development
func runHelper(caller context.Context, name, server string) (cred Credential, found bool, err error) {
	ctx, cancel := context.WithTimeoutCause(caller, helperTimeout, fmt.Errorf("no answer within %v", helperTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, helperPrefix+name, "get")
	stdout := &limitedBuffer{limit: maxHelperOutput, onOverflow: cancel}
	cmd.Stdin = strings.NewReader(server)
	cmd.Stdout = stdout
	cmd.Stderr = nil // the null device: helpers complain there, and may quote the secret
	cmd.WaitDelay = helperWaitDelay
	killWithChildren(cmd)
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // the helper succeeded, but a process that it started holds its pipe
		err = nil
	}
	switch {
	case caller.Err() != nil:
		return Credential{}, false, caller.Err()
	case stdout.overflowed:
		return Credential{}, false, fmt.Errorf("printed more than %d bytes", maxHelperOutput)
	case ctx.Err() != nil:
		return Credential{}, false, context.Cause(ctx)
	case err != nil && saysNotFound(stdout.kept.Bytes()):
		return Credential{}, false, nil
	case errors.Is(err, exec.ErrNotFound):
		return Credential{}, false, errors.New("not found in $PATH")
	case err != nil:
		return Credential{}, false, helperFailure(err)
	}
	cred, err = parseHelperOutput(stdout.kept.Bytes())
	return cred, err == nil, err
}

// helperFailure describes why a helper failed, by its exit status or why it could not be started.
func helperFailure(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("failed: %s", exit.ProcessState)
	}
	if start, ok := errors.AsType[*exec.Error](err); ok {
		return fmt.Errorf("cannot be run: %w", start.Err)
	}
	return fmt.Errorf("failed: %w", err)
}

// saysNotFound recognizes a helper that has nothing for a server. Such a helper exits with a
// failure, and only a sentence on its standard output tells that failure from any other.
func saysNotFound(stdout []byte) bool {
	return strings.HasPrefix(strings.ToLower(string(bytes.TrimSpace(stdout))), "credentials not found")
}

// parseHelperOutput reads what a helper printed before it exited successfully. The user name
// "<token>" marks the secret as an identity token.
func parseHelperOutput(stdout []byte) (Credential, error) {
	var wire struct{ Username, Secret string }
	if json.Unmarshal(stdout, &wire) != nil { // the error of the json package may quote the output
		return Credential{}, errors.New("did not print the JSON of a credential")
	}
	cred := Credential{Username: wire.Username, Password: wire.Secret}
	if wire.Username == "<token>" {
		cred = Credential{IdentityToken: wire.Secret}
	}
	if wire.Secret == "" {
		return Credential{}, errors.New("printed no secret")
	}
	if err := cred.Validate(); err != nil {
		return Credential{}, err
	}
	return cred, nil
}

// A limitedBuffer keeps what is written to it up to a limit. It has no method but Write: io.Copy
// would fill a bytes.Buffer through its ReadFrom, past the limit.
type limitedBuffer struct {
	kept       bytes.Buffer
	limit      int
	overflowed bool
	onOverflow func()
}

// Write fails beyond the limit. It also calls onOverflow then, which kills the helper: a helper
// that ignores the closed pipe would keep running.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > b.limit {
		b.overflowed = true
		b.onOverflow()
		return 0, errors.New("too much output")
	}
	return b.kept.Write(p)
}
