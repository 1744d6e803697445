package regret_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// helped is a source with a helper for everything, and with what must not be
// used in its place: the file's own entries and another account.
func helped(t testing.TB, helper string) (source regret.CredentialSource, path string) {
	t.Helper()
	path = configFile(t, `{"credsStore":"`+helper+`","auths":{"`+host+`":`+entry(account, inFile)+`,"https://index.docker.io/v1/":`+entry("hub", inFile)+`}}`)
	source, err := regret.LoadDockerConfig(path, configFile(t, `{"auths":{"`+host+`":`+entry(account, inFile)+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	return source, path
}

func TestHelperAnswers(t *testing.T) {
	t.Parallel()
	fromHelper := regret.Credential{Username: "ann", Password: inHelper}
	auths := `"auths":{"` + host + `":` + entry(account, password) + `}`
	asked := func(server string) regret.Credential {
		return regret.Credential{Username: "who asked", Password: server}
	}
	tests := []struct {
		name, registry, content string
		want                    regret.Credential
	}{
		{"the store is asked for every registry", host, `{"credsStore":"regret-good"}`, fromHelper},
		{"a registry may have a helper of its own", host, `{"credHelpers":{"` + host + `":"regret-good"}}`, fromHelper},
		{"that one is not for other registries", "other.example.com", `{"credHelpers":{"` + host + `":"regret-fails"}}`, regret.Credential{}},
		{"that one comes before the store", host, `{"credsStore":"regret-fails","credHelpers":{"https://` + host + `/v1/":"regret-good"}}`, fromHelper},
		{"an empty name means this file and not the store", host, `{"credsStore":"regret-fails","credHelpers":{"` + host + `":""},` + auths + `}`, good},
		{"a helper comes before the file's own entry", host, `{"credsStore":"regret-good",` + auths + `}`, fromHelper},
		{"a helper that has nothing leaves it to the file", host, `{"credsStore":"regret-none",` + auths + `}`, good},
		{"a helper of a registry that has nothing is not followed by the store", host,
			`{"credsStore":"regret-fails","credHelpers":{"` + host + `":"regret-none"},` + auths + `}`, good},
		{"a helper that has nothing may be all there is", host, `{"credsStore":"regret-none","auths":{"` + host + `":{}}}`, regret.Credential{}},
		{"a repository's own entry comes before any helper", host, `{"credsStore":"regret-fails","auths":{"` + host + `/team":` + entry(account, password) + `}}`, good},
		{"the user <token> means an identity token", host, `{"credsStore":"regret-token"}`, regret.Credential{IdentityToken: inHelper}},
		{"300 MB of complaints on standard error go nowhere", host, `{"credsStore":"regret-whine"}`, fromHelper},
		{"it is asked for the host", host, `{"credsStore":"regret-echo"}`, asked(host)},
		{"it is asked for host and port", host + ":5000", `{"credsStore":"regret-echo"}`, asked(host + ":5000")},
		{"it is asked for Docker Hub by the name it has there", "registry-1.docker.io", `{"credsStore":"regret-echo"}`, asked("https://index.docker.io/v1/")},
		{"so is Docker Hub's own helper", "registry-1.docker.io", `{"credHelpers":{"docker.io":"regret-echo"}}`, asked("https://index.docker.io/v1/")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantCredential(t, load(t, tt.content), tt.registry, repo, tt.want)
		})
	}
	t.Run("a helper that has nothing leaves it to the next file", func(t *testing.T) {
		t.Parallel()
		wantCredential(t, load(t, `{"credsStore":"regret-none"}`, `{`+auths+`}`), host, repo, good)
	})
	t.Run("it is run when its registry is asked for, and not before", func(t *testing.T) {
		t.Parallel()
		source := load(t, `{"credHelpers":{"`+host+`":"regret-fails","other.example.com":"regret-missing"},`+auths+`}`)
		wantCredential(t, source, "third.example.com", repo, regret.Credential{})
	})
	t.Run("its credential is used at the registry", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(fakeregistry.WithBasicAuth("ann", inHelper))
		reg.PutImage(repo, "hello", "v1")
		wantErr(t, resolve(t, newClient(t, reg, regret.WithCredentials(load(t, `{"credsStore":"regret-good"}`)))))
	})
}

// Nobody becomes anonymous because a helper fails, and no other registry's
// account takes its place (V16).
func TestHelperFailures(t *testing.T) {
	t.Parallel()
	tests := []struct{ helper, says string }{
		{"missing", "not found in $PATH"},
		{"locked", "not found in $PATH"},
		{"text", "failed"},
		{"fails", "exit status 1"},
		{"garbage", "did not print the JSON"},
		{"lies", "did not print the JSON"},
		{"silent", "did not print the JSON"},
		{"empty", "no secret"},
		{"nobody", "without a user name"},
		{"control", "control characters"},
		{"colon", "colon"},
		{"flood", "more than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run("a helper that is "+tt.helper+" is an error that names it and the registry", func(t *testing.T) {
			t.Parallel()
			network := fakeregistry.NewNetwork()
			reg := fakeregistry.New(fakeregistry.WithBasicAuth(account, inFile))
			reg.PutImage(repo, "hello", "v1")
			for _, origin := range []string{registryURL, "https://registry-1.docker.io", "https://index.docker.io", "https://auth.docker.io"} {
				network.Handle(origin, reg)
			}
			source, path := helped(t, "regret-"+tt.helper)
			c := newClient(t, network, regret.WithCredentials(source))
			err := c.Untag(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrUnauthorized)
			wantText(t, err, host, testHelper+tt.helper, path, tt.says)
			wantDiscreet(t, err, inHelper, inFile)
			e, ok := errors.AsType[*regret.CredentialError](err)
			if !ok {
				t.Fatalf("not a *CredentialError: %v", err)
			}
			if diff := cmp.Diff([]string{host, path, testHelper + tt.helper}, []string{e.Registry, e.File, e.Helper}); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"DELETE registry 401"}, traffic(network)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			wantHome(t, network.Requests(), nil, inHelper, inFile)
			if _, there := reg.Tag(repo, "v1"); !there {
				t.Error("the tag is gone")
			}
			if strings.Count(err.Error(), host) != 2 { // the request's URL and the credential's
				t.Errorf("the text repeats itself: %v", err)
			}
		})
	}
}

// A helper in the working directory is not run, although $PATH has it.
func TestHelperInTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, testHelper+"here"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, testHelper+"here"), 0o755); err != nil {
		t.Fatal(err)
	}
	source, _ := helped(t, "regret-here")
	t.Chdir(dir)
	t.Setenv("PATH", ".")
	_, err := source.Credential(t.Context(), host, repo)
	if !errors.Is(err, exec.ErrDot) {
		t.Errorf("%v, want %v", err, exec.ErrDot)
	}
	wantText(t, err, host, testHelper+"here", "cannot be run")
}

// arrivals is where helpers that hang report, and their children.
func arrivals(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// accept waits for one process to report.
func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// soon is far less than the minute that the programs would stay: a busy machine must not
// make this fail. Processes live in
// real time, and so do these tests.
const soon = 20 * time.Second

func TestHelperThatHangs(t *testing.T) {
	t.Parallel()
	t.Run("it ends with the context, and so does its child, which holds the pipe", func(t *testing.T) {
		t.Parallel()
		l := arrivals(t)
		source := load(t, `{"credsStore":"regret-hang"}`)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := source.Credential(ctx, l.Addr().String(), repo)
			failed <- err
		}()
		helper, child := accept(t, l), accept(t, l)
		start := time.Now()
		cancel()
		err := <-failed
		if took := time.Since(start); took > soon {
			t.Errorf("it took %v", took)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is not %q: %v", context.Canceled, err)
		}
		wantText(t, err, l.Addr().String(), testHelper+"hang")
		for _, process := range []net.Conn{helper, child} {
			if err := process.SetReadDeadline(time.Now().Add(soon)); err != nil {
				t.Fatal(err)
			}
			if _, err := process.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a process is still there: %v", err)
			}
		}
	})
	t.Run("a child that got away and holds the pipe is not waited for", func(t *testing.T) {
		t.Parallel()
		l := arrivals(t)
		source := load(t, `{"credsStore":"regret-detach"}`)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := source.Credential(ctx, l.Addr().String(), repo)
			failed <- err
		}()
		accept(t, l)
		accept(t, l)
		start := time.Now()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error is not %q: %v", context.Canceled, err)
		}
		if took := time.Since(start); took > soon {
			t.Errorf("it took %v", took)
		}
	})
	t.Run("a deadline ends the operation, which names it", func(t *testing.T) {
		t.Parallel()
		l := arrivals(t)
		// A fake clock would not run while the helper does: 200 ms are real.
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		registry := l.Addr().String()
		sent := 0
		c := newClientOf(t, "https://"+registry, roundTrip(func(req *http.Request) (*http.Response, error) {
			sent++
			if req.Header.Get("Authorization") != "" {
				t.Error("credentials were sent")
			}
			return respond(req, 401, "", "WWW-Authenticate", `Basic realm="r"`), nil
		}), regret.WithCredentials(load(t, `{"credsStore":"regret-hang"}`)))
		start := time.Now()
		err := c.Untag(ctx, repo, "v1")
		if took := time.Since(start); took > 200*time.Millisecond+soon {
			t.Errorf("it took %v", took)
		}
		wantErr(t, err, context.DeadlineExceeded)
		wantNot(t, err, regret.ErrOutcomeUnknown)
		wantText(t, err, registry, testHelper+"hang")
		if sent != 1 {
			t.Errorf("%d requests, want 1", sent)
		}
	})
	t.Run("one that answers and leaves a child behind has answered", func(t *testing.T) {
		t.Parallel()
		l := arrivals(t)
		source := load(t, `{"credsStore":"regret-leave"}`)
		start := time.Now()
		wantCredential(t, source, l.Addr().String(), repo, regret.Credential{Username: "ann", Password: inHelper})
		if took := time.Since(start); took > soon {
			t.Errorf("it took %v", took)
		}
		accept(t, l).Close()
	})
	t.Run("with a context that has ended it is not even started", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		source, _ := helped(t, "regret-good")
		if _, err := source.Credential(ctx, host, repo); !errors.Is(err, context.Canceled) {
			t.Errorf("error is not %q: %v", context.Canceled, err)
		}
	})
}
