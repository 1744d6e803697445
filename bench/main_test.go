// The tests of this module check what can be counted exactly: requests, connections and allocations.
// They do not check times, which only the report shows. They do not run in parallel, because they
// count what the whole process does.
package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-8cb7cc86/regret/bench/internal/clients"
	"github.com/seed-8cb7cc86/regret/bench/internal/registry"
)

// serveVariable is the environment variable that makes the test binary run as the server.
const serveVariable = "BENCH_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		if err := registry.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runTests starts the servers and runs the tests, in an environment where this process trusts the
// servers' certificate and finds no configuration files of the user.
func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "bench-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serveVariable+"=1")
	server, err := registry.Start(cmd)
	if err != nil {
		return 0, err
	}
	defer server.Stop()
	dist3, err := registry.Start(exec.Command("go", "run", "./distribution3"))
	if err != nil {
		return 0, err
	}
	defer dist3.Stop()
	address, distribution = server.Address, dist3.Address
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, []byte(server.CA), 0o600); err != nil {
		return 0, err
	}
	for key, value := range map[string]string{
		"SSL_CERT_FILE": ca, "SSL_CERT_DIR": filepath.Join(dir, "none"), "HOME": dir,
		"DOCKER_CONFIG": dir, "XDG_CONFIG_HOME": dir, "XDG_RUNTIME_DIR": dir, "REGISTRY_AUTH_FILE": "",
	} {
		if err := os.Setenv(key, value); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

// address is the address of the minimal registry, and distribution that of distribution 3.
var address, distribution registry.Address

// reset replaces the state of the minimal registry and sets all counts to zero.
func reset(t *testing.T, settings registry.Settings) {
	t.Helper()
	if err := address.Reset(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
}

func counts(t *testing.T) registry.Counts {
	t.Helper()
	c, err := address.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openClient opens the client of the row with this name.
func openClient(t *testing.T, name string, setup clients.Setup) clients.Client {
	t.Helper()
	row, ok := clients.Named(name)
	if !ok {
		t.Fatalf("no row %q", name)
	}
	setup.Host = address.Hosts[setup.Protocol]
	c, err := row.Open(setup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// succeed fails the test at once if err is not nil.
func succeed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
