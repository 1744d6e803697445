package fakeregistry_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine outlives the tests. In a process that a test has started, it is a
// client instead.
func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		os.Exit(deleteAll(url))
	}
	goleak.VerifyTestMain(m)
}
