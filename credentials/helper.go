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

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	helperPrefix    = "docker-credential-"
	helperTimeout   = 30 * time.Second
	maxHelperOutput = 1 << 20

	// helperWaitDelay limits the wait for the pipes of a helper that has ended: a process that it
	// started may still hold them open.
	helperWaitDelay = time.Second

	// maxHelperComplaint is how much of the end of a helper's standard error is read.
	maxHelperComplaint = 1 << 10
)

// helperNames excludes every name that would lead to a program outside of $PATH.
var helperNames = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func checkHelperName(name string) error {
	if !helperNames.MatchString(name) {
		return fmt.Errorf("helper name %q: only letters, digits, dot, dash and underscore", redact.Clip(name))
	}
	return nil
}

// runHelper asks a credential helper for the credential of one server. No error contains anything
// that the helper prints, because that may be the secret. Instead it has the command that shows it.
//
// See https://github.com/docker/docker-credential-helpers#development
func runHelper(caller context.Context, name, server string) (cred Credential, found bool, err error) {
	ctx, cancel := context.WithTimeoutCause(caller, helperTimeout, fmt.Errorf("no answer within %v", helperTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, helperPrefix+name, "get")
	stdout := &limitedBuffer{limit: maxHelperOutput, onOverflow: cancel}
	stderr := &tailBuffer{limit: maxHelperComplaint}
	cmd.Stdin = strings.NewReader(server)
	cmd.Stdout = stdout
	cmd.Stderr = stderr
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
		err = fmt.Errorf("printed more than %d bytes", maxHelperOutput)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && saysNotFound(stdout.kept.Bytes(), stderr.kept):
		return Credential{}, false, nil
	case errors.Is(err, exec.ErrNotFound):
		return Credential{}, false, errors.New("not found in $PATH; install it, or remove its name from the configuration")
	case err != nil:
		err = helperFailure(err)
	default:
		cred, found, err = parseHelperOutput(stdout.kept.Bytes())
	}
	if err != nil {
		return Credential{}, false, fmt.Errorf("%w; to see its output, run: %s", err, helperCommand(name, server))
	}
	return cred, found, nil
}

// helperCommand is what a user types to see what a helper prints.
func helperCommand(name, server string) string {
	if !plainServer.MatchString(server) {
		server = "HOST"
	}
	return fmt.Sprintf("echo %s | %s%s get", server, helperPrefix, name)
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
// failure, and only a sentence tells that failure from any other. The helpers of docker (desktop,
// osxkeychain, pass, secretservice, wincred) and those built with docker's library (ecr-login, gcr)
// print it on standard output. Docker accepts it nowhere else, but some helpers print it on standard
// error, as their last line.
func saysNotFound(stdout, stderr []byte) bool {
	const short, sentence = "credentials not found", "credentials not found in native keychain"
	out, complaint := strings.ToLower(string(bytes.TrimSpace(stdout))), strings.ToLower(string(bytes.TrimSpace(stderr)))
	if out != "" {
		return out == short || out == sentence
	}
	last := strings.TrimSpace(complaint[strings.LastIndexByte(complaint, '\n')+1:])
	return strings.TrimPrefix(last, "error: ") == sentence
}

// parseHelperOutput reads what a helper printed before it exited successfully. The user name
// "<token>" marks the secret as an identity token.
//
// Without a user name and a secret the helper has nothing: earlier versions of
// docker-credential-pass print {"ServerURL":"…","Username":"","Secret":""}, and scripts print {}.
// Beside other fields that is an error, because one of them may be the reason of a failure.
func parseHelperOutput(stdout []byte) (cred Credential, found bool, err error) {
	var wire struct{ ServerURL, Username, Secret string }
	if json.NewDecoder(bytes.NewReader(stdout)).Decode(&wire) != nil { // the json package's error may quote the output
		return Credential{}, false, errors.New("did not print the JSON of a credential")
	}
	switch {
	case wire.Username == "" && wire.Secret == "":
		strict := json.NewDecoder(bytes.NewReader(stdout))
		strict.DisallowUnknownFields()
		if strict.Decode(&wire) != nil {
			return Credential{}, false, errors.New("printed neither a user name nor a secret")
		}
		return Credential{}, false, nil
	case wire.Username == "<token>" && wire.Secret == "":
		return Credential{}, false, errors.New("printed no secret")
	case wire.Username == "<token>":
		cred = Credential{IdentityToken: wire.Secret}
	default:
		cred = Credential{Username: wire.Username, Password: wire.Secret}
	}
	if err := cred.Validate(); err != nil {
		return Credential{}, false, err
	}
	return cred, true, nil
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

// A tailBuffer keeps the end of what is written to it.
type tailBuffer struct {
	kept  []byte
	limit int
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[max(0, len(p)-b.limit):]...)
	b.kept = b.kept[max(0, len(b.kept)-b.limit):]
	return len(p), nil
}
