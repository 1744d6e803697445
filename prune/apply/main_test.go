package apply_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine outlives the tests. In a process that a test has started, it applies
// a plan instead.
func TestMain(m *testing.M) {
	if config := os.Getenv(childEnv); config != "" {
		os.Exit(runChild(config))
	}
	goleak.VerifyTestMain(m)
}
