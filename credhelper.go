package regret

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
)

const (
	helperPrefix    = "docker-credential-"
	maxHelperOutput = 1 << 20
	helperTime      = 30 * time.Second

	// helperGrace is how long the pipes of a helper that was killed are waited
	// for: a grandchild may hold them open.
	helperGrace = 50 * time.Millisecond
)

// helperName keeps a name from the configuration inside $PATH.
var helperName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// runHelper asks a credential helper for one server. What it prints is never
// shown: it may be the secret.
//
// See https://github.com/docker/docker-credential-helpers#development
func runHelper(caller context.Context, helper, server string) (Credential, bool, error) {
	ctx, cancel := context.WithTimeoutCause(caller, helperTime, fmt.Errorf("no answer within %v", helperTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, helperPrefix+helper, "get")
	stdout := &boundedBuffer{limit: maxHelperOutput, full: cancel}
	cmd.Stdin = strings.NewReader(server)
	cmd.Stdout = stdout
	cmd.Stderr = nil // the null device, not our own
	cmd.WaitDelay = helperGrace
	killWithChildren(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it succeeded, and left somebody behind who holds its pipe
		err = nil
	}
	switch {
	case caller.Err() != nil:
		return Credential{}, false, caller.Err()
	case stdout.over:
		return Credential{}, false, fmt.Errorf("printed more than %d bytes", maxHelperOutput)
	case ctx.Err() != nil:
		return Credential{}, false, context.Cause(ctx)
	case err != nil && notFoundInHelper(stdout.kept.Bytes()):
		return Credential{}, false, nil
	case errors.Is(err, exec.ErrNotFound):
		return Credential{}, false, errors.New("not found in $PATH")
	case err != nil:
		return Credential{}, false, helperFailure(err)
	}
	return helperCredential(stdout.kept.Bytes())
}

// helperFailure keeps the exit status and nothing that the helper said.
func helperFailure(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("failed: %s", exit.ProcessState)
	}
	if start, ok := errors.AsType[*exec.Error](err); ok {
		return fmt.Errorf("cannot be run: %w", start.Err)
	}
	return fmt.Errorf("failed: %w", err)
}

// notFoundInHelper recognises how helpers say that they have nothing: a
// sentence on standard output, and an exit status.
func notFoundInHelper(stdout []byte) bool {
	return strings.HasPrefix(strings.ToLower(string(bytes.TrimSpace(stdout))), "credentials not found")
}

// helperCredential reads the answer of a helper. The user name "<token>" marks
// the secret as an identity token.
func helperCredential(stdout []byte) (Credential, bool, error) {
	var answer struct{ Username, Secret string }
	if json.Unmarshal(stdout, &answer) != nil {
		return Credential{}, false, errors.New("did not print the JSON of a credential")
	}
	cred := Credential{Username: answer.Username, Password: answer.Secret}
	if answer.Username == "<token>" {
		cred = Credential{IdentityToken: answer.Secret}
	}
	if answer.Secret == "" {
		return Credential{}, false, errors.New("printed no secret")
	}
	return cred, true, cred.check()
}

// A boundedBuffer keeps what fits and remembers that there was more. It is
// nothing but a Writer: with the other methods of a bytes.Buffer it would be
// filled past its Write.
type boundedBuffer struct {
	kept  bytes.Buffer
	limit int
	over  bool
	full  func() // called when there is more
}

// Write fails beyond the limit.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > b.limit {
		b.over = true
		b.full() // who ignores a closed pipe is not waited for
		return 0, errors.New("too much output")
	}
	return b.kept.Write(p)
}
