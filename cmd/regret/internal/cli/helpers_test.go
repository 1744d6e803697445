package cli

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// A process is what a command finds when it starts. The zero value has an empty stdin, no terminal
// and no login.
type process struct {
	stdin   string
	env     map[string]string
	columns int // of the terminal that stdin, stdout and stderr are; 0: they are none

	// console opens the terminal that questions are put to; nil: there is none.
	console func(context.Context) (io.ReadWriteCloser, error)
}

// An outcome is what a command leaves behind.
type outcome struct {
	code        exit.Code
	out, errors string
}

// run runs a command in this process.
func (p process) run(t *testing.T, args ...string) outcome {
	t.Helper()
	return p.runContext(t.Context(), t, args...)
}

// runContext is run with a context.
func (p process) runContext(ctx context.Context, t *testing.T, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	o := terminal.Options{In: strings.NewReader(p.stdin), Out: &out, Err: &errs, OpenConsole: p.console}
	if p.columns > 0 {
		o.In, o.Out, o.Err = ttyReader{o.In, p.columns}, ttyWriter{&out, p.columns}, ttyWriter{&errs, p.columns}
	}
	if p.console == nil {
		o.OpenConsole = func(context.Context) (io.ReadWriteCloser, error) { return nil, terminal.ErrNoTerminal }
	}
	lookup := func(name string) (string, bool) {
		value, ok := p.env[name]
		if !ok && name == "REGRET_AUTH_FILE" { // never the logins of the user who runs the tests
			return noLogins(t), true
		}
		return value, ok
	}
	o.Getenv = func(name string) string { value, _ := lookup(name); return value }
	a := &app{streams: terminal.New(o), lookupEnv: lookup}
	code := a.run(ctx, args)
	return outcome{code, out.String(), errs.String()}
}

// noLogins returns a file of logins that has none.
func noLogins(t *testing.T) string {
	t.Helper()
	return writeFile(t, "auth.json", "{}")
}

// A ttyReader and a ttyWriter are terminals of so many columns.
type (
	ttyReader struct {
		io.Reader
		columns int
	}
	ttyWriter struct {
		io.Writer
		columns int
	}
)

func (r ttyReader) Columns() int { return r.columns }
func (w ttyWriter) Columns() int { return w.columns }

// run runs a command without a terminal.
func run(t *testing.T, args ...string) outcome {
	t.Helper()
	return process{}.run(t, args...)
}

// serve serves a registry on the loopback interface and returns its host with its port, which is
// plain http without a flag.
func serve(t *testing.T, registry *fakeregistry.Registry) string {
	t.Helper()
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// writeFile writes a file into a new folder and returns its path.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkCode compares the exit code of a command.
func (o outcome) checkCode(t *testing.T, want exit.Code) {
	t.Helper()
	if o.code != want {
		t.Errorf("exit code %d, want %d; stderr:\n%s\nstdout:\n%s", o.code, want, o.errors, o.out)
	}
}

// checkGolden compares a text with testdata/name, after replacing what differs from run to run:
// pairs of what is there and what the file has. Replace a host by another one of the same length,
// so that columns stay where they are.
func checkGolden(t *testing.T, name, got string, replace ...string) {
	t.Helper()
	got = strings.NewReplacer(replace...).Replace(got)
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
		t.Errorf("%s (-want +got), see -update:\n%s", path, diff)
	}
}

// checkNoRequests fails if the registry has seen a request.
func checkNoRequests(t *testing.T, registry *fakeregistry.Registry) {
	t.Helper()
	if requests := registry.Requests(); len(requests) > 0 {
		t.Errorf("sent %v", requests)
	}
}

// checkNoWrites fails if the registry has seen a request that may change something.
func checkNoWrites(t *testing.T, registry *fakeregistry.Registry) {
	t.Helper()
	if writes := registry.Writes(); len(writes) > 0 {
		t.Errorf("sent %v", writes)
	}
}
