// Package conformance runs the OCI's own conformance tests against the registry for tests.
package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// The totals that the program prints.
var (
	noFailure   = regexp.MustCompile(`(?m)^ *FAIL\.*: +0$`)
	someSuccess = regexp.MustCompile(`(?m)^ *Pass\.*: +[1-9]\d*$`)
)

// TestConformance runs the conformance tests of the distribution specification with everything that
// they can ask for, except content of which parts were never pushed, which no registry must take.
//
// https://github.com/opencontainers/distribution-spec/tree/main/conformance
func TestConformance(t *testing.T) {
	t.Parallel()
	server, err := regrettest.New().Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	folder := t.TempDir()
	program := filepath.Join(folder, "conformance")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/opencontainers/distribution-spec/conformance")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	run := exec.CommandContext(t.Context(), program)
	run.Dir = folder
	run.Env = append(os.Environ(),
		"OCI_REGISTRY="+server.Host, "OCI_TLS=disabled", "OCI_RESULTS_DIR="+folder,
		"OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true",
		"OCI_API_BLOBS_UPLOAD_CANCEL=true", "OCI_API_MANIFESTS_TAG_PARAM=true",
	)
	output, err := run.CombinedOutput()
	if err != nil || !noFailure.Match(output) || !someSuccess.Match(output) {
		t.Fatalf("the registry is not conformant: %v\n%s", err, output)
	}
}
