package credentials_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/credentials"
)

func TestHelperAnswers(t *testing.T) {
	t.Parallel()
	fromHelper := credentials.Credential{Username: "ann", Password: helperSecret}
	echo := func(server string) credentials.Credential {
		return credentials.Credential{Username: "echo", Password: server}
	}
	auths := `"auths":{"` + host + `":` + entry(account, password) + `}`
	tests := []struct {
		name, registry, content string
		want                    credentials.Credential
	}{
		{"the store is asked for every registry", host, `{"credsStore":"regret-good"}`, fromHelper},
		{"a registry may have a helper of its own", host, `{"credHelpers":{"` + host + `":"regret-good"}}`, fromHelper},
		{"a registry's helper is not asked for other registries", "other.example.com",
			`{"credHelpers":{"` + host + `":"regret-fails"}}`, credentials.Credential{}},
		{"a registry's helper is asked instead of the store", host,
			`{"credsStore":"regret-fails","credHelpers":{"https://` + host + `/v1/":"regret-good"}}`, fromHelper},
		{"an empty helper name means the file itself instead of the store", host,
			`{"credsStore":"regret-fails","credHelpers":{"` + host + `":""},` + auths + `}`, good},
		{"a helper takes precedence over the file's own entry", host, `{"credsStore":"regret-good",` + auths + `}`, fromHelper},
		{"the file's own entry is used if the helper has nothing", host, `{"credsStore":"regret-none",` + auths + `}`, good},
		{"the store is not asked if the registry's helper has nothing", host,
			`{"credsStore":"regret-fails","credHelpers":{"` + host + `":"regret-none"},` + auths + `}`, good},
		{"a helper that has nothing leaves the caller anonymous if there is nothing else", host,
			`{"credsStore":"regret-none","auths":{"` + host + `":{}}}`, credentials.Credential{}},
		{"a repository's entry takes precedence over a helper", host,
			`{"credsStore":"regret-fails","auths":{"` + host + `/team":` + entry(account, password) + `}}`, good},
		{"the user <token> marks an identity token", host, `{"credsStore":"regret-token"}`, credentials.Credential{IdentityToken: helperSecret}},
		{"300 MB on standard error are ignored", host, `{"credsStore":"regret-floods-stderr"}`, fromHelper},
		{"a helper is asked for the host", host, `{"credsStore":"regret-echo"}`, echo(host)},
		{"a helper is asked for host and port", host + ":5000", `{"credsStore":"regret-echo"}`, echo(host + ":5000")},
		{"the store is asked for Docker Hub by its name in docker's files", hub, `{"credsStore":"regret-echo"}`, echo("https://index.docker.io/v1/")},
		{"Docker Hub's own helper is asked by the name that is its key", hub,
			`{"credHelpers":{"docker.io":"regret-echo"}}`, echo("docker.io")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, tt.content), tt.registry, repo, tt.want)
		})
	}
	t.Run("the next file is used if the helper has nothing", func(t *testing.T) {
		t.Parallel()
		wantCredential(t, load(t, `{"credsStore":"regret-none"}`, `{`+auths+`}`), host, repo, good)
	})
	t.Run("a helper does not run before its registry is asked for", func(t *testing.T) {
		t.Parallel()
		source := load(t, `{"credHelpers":{"`+host+`":"regret-fails","other.example.com":"regret-missing"},`+auths+`}`)
		wantCredential(t, source, "third.example.com", repo, credentials.Credential{})
	})
}

// loadWithStore returns a source that asks a helper for every registry, and the path of its file.
// The file also has entries of its own, and a second file has another, which must not be used when
// the helper fails.
func loadWithStore(t testing.TB, helper string) (source credentials.Source, path string) {
	t.Helper()
	path = writeConfig(t, `{"credsStore":"`+helper+`","auths":{"`+host+`":`+entry(account, fileSecret)+
		`,"https://index.docker.io/v1/":`+entry("hub", fileSecret)+`}}`)
	source, err := credentials.LoadDockerConfig(path, writeConfig(t, authsFor(host, entry(account, fileSecret))))
	if err != nil {
		t.Fatal(err)
	}
	return source, path
}

// A failing helper never makes the caller anonymous, and no other account takes the place of the
// one it has (V16).
func TestHelperFailures(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, helper, want string }{
		{"a helper that does not exist", "missing", "not found in $PATH"},
		{"a helper that is not executable", "not-executable", "not found in $PATH"},
		{"a helper that is not a program", "not-a-program", "failed"},
		{"a helper that exits with a failure", "fails", "exit status 1"},
		{"a helper that prints no JSON", "garbage", "did not print the JSON"},
		{"a helper that prints that it has nothing, but succeeds", "not-found-but-succeeds", "did not print the JSON"},
		{"a helper that prints nothing", "silent", "did not print the JSON"},
		{"a helper that prints an identity token without its secret", "no-secret", "no secret"},
		{"a helper that prints a user name with a colon", "colon", "colon"},
		{"a helper that prints more than 1 MiB and then hangs", "floods", "more than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error that names it and the registry", func(t *testing.T) {
			t.Parallel()
			source, path := loadWithStore(t, "regret-"+tt.helper)
			got, err := source.Credential(t.Context(), host, repo)
			if !got.IsZero() {
				t.Errorf("credential is %v", got)
			}
			wantError(t, err, credentials.Error{Registry: host, File: path, Helper: helperPrefix + tt.helper})
			wantText(t, err, host, helperPrefix+tt.helper, path, tt.want)
			wantNoSecretInError(t, err, helperSecret, fileSecret)
			text, command, _ := strings.Cut(err.Error(), "; to see its output, run: ")
			if n := strings.Count(text, host); n != 1 {
				t.Errorf("the text names the registry %d times: %v", n, err)
			}
			if command != "" && command != "echo "+host+" | "+helperPrefix+tt.helper+" get" {
				t.Errorf("the command is %q", command)
			}
		})
	}
}

func TestHelperInWorkingDirectoryIsNotRun(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, helperPrefix+"here"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, helperPrefix+"here"), 0o755); err != nil {
		t.Fatal(err)
	}
	source, _ := loadWithStore(t, "regret-here")
	t.Chdir(dir)
	t.Setenv("PATH", ".")
	_, err := source.Credential(t.Context(), host, repo)
	if !errors.Is(err, exec.ErrDot) {
		t.Errorf("%v, want %v", err, exec.ErrDot)
	}
	wantText(t, err, host, helperPrefix+"here", "cannot be run")
}

// listen returns the listener to which helpers and their children connect. Its address is the
// registry that the helper is asked for.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// accept waits for one process to connect.
func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// tolerance is much shorter than the minute for which the programs hang, and long enough for a busy
// machine. Processes do not run in the virtual time of testing/synctest.
const tolerance = 20 * time.Second

func wantWithin(t *testing.T, start time.Time, limit time.Duration) {
	t.Helper()
	if took := time.Since(start); took > limit {
		t.Errorf("it took %v, want less than %v", took, limit)
	}
}

func TestHelperEndsWithItsContext(t *testing.T) {
	t.Parallel()
	askAndCancel := func(t *testing.T, helper string) (program, child net.Conn) {
		t.Helper()
		l := listen(t)
		source := load(t, `{"credsStore":"`+helper+`"}`)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			_, err := source.Credential(ctx, l.Addr().String(), repo)
			failed <- err
		}()
		program, child = accept(t, l), accept(t, l)
		start := time.Now()
		cancel()
		err := <-failed
		wantWithin(t, start, tolerance)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is not %q: %v", context.Canceled, err)
		}
		wantText(t, err, l.Addr().String(), "docker-credential-"+helper)
		return program, child
	}
	t.Run("cancellation kills the helper and its child, which holds the pipe", func(t *testing.T) {
		t.Parallel()
		program, child := askAndCancel(t, "regret-hangs")
		for _, process := range []net.Conn{program, child} {
			if err := process.SetReadDeadline(time.Now().Add(tolerance)); err != nil {
				t.Fatal(err)
			}
			if _, err := process.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a process is still running: %v", err)
			}
		}
	})
	t.Run("cancellation does not wait for a child that left the process group and holds the pipe", func(t *testing.T) {
		t.Parallel()
		askAndCancel(t, "regret-hangs-with-detached")
	})
	t.Run("a deadline ends the call with an error that names the helper", func(t *testing.T) {
		t.Parallel()
		l := listen(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := load(t, `{"credsStore":"regret-hangs"}`).Credential(ctx, l.Addr().String(), repo)
		wantWithin(t, start, 200*time.Millisecond+tolerance)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is not %q: %v", context.DeadlineExceeded, err)
		}
		wantText(t, err, l.Addr().String(), helperPrefix+"hangs")
	})
	t.Run("a helper does not start with a context that has ended", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		source, _ := loadWithStore(t, "regret-good")
		if _, err := source.Credential(ctx, host, repo); !errors.Is(err, context.Canceled) {
			t.Errorf("error is not %q: %v", context.Canceled, err)
		}
	})
}

func TestHelperThatLeavesChildBehind(t *testing.T) {
	t.Parallel()
	l := listen(t)
	source := load(t, `{"credsStore":"regret-leaves-child"}`)
	start := time.Now()
	wantCredential(t, source, l.Addr().String(), repo, credentials.Credential{Username: "ann", Password: helperSecret})
	wantWithin(t, start, tolerance)
	accept(t, l).Close()
}
