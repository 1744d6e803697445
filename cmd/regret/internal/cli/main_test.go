package cli

import (
	"os"
	"testing"
)

// asCommand is the variable under which the program of the tests is the command itself, for tests
// that need a process of their own.
const asCommand = "TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}
