package integration_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
)

// TestPlansOfRealRepositories pushes the cases of retention to each registry and plans them. The
// test of package prune does so, because nothing outside of prune may import its cases; without
// the variable it uses a fake.
func TestPlansOfRealRepositories(t *testing.T) {
	t.Parallel()
	for _, kind := range append(registry.Kinds(), registry.Olareg()) {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := kind.Start(t, registry.Setup{})
			test := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestCasesOverHTTP$", "-v", "./prune")
			test.Dir = ".."
			test.Env = append(os.Environ(), "REGRET_PRUNE_REGISTRY="+server.Host())
			output, err := test.CombinedOutput()
			if ran := strings.Count(string(output), "--- PASS: TestCasesOverHTTP/"); err != nil || ran < 50 {
				t.Errorf("%d cases passed, %v:\n%s", ran, err, output)
			}
		})
	}
}
