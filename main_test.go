package regret_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helperPrefix starts the file name of every helper program of these tests. A configuration names
// them "regret-good".
const helperPrefix = "docker-credential-regret-"

// helperSecret is the password that the helpers print.
const helperSecret = "c4n4ry-of-the-helper"

// helperPrograms are the helpers by name. Each returns its exit status.
var helperPrograms = map[string]func() int{
	"good":    func() int { return printAndExit(0, `{"ServerURL":"x","Username":"ann","Secret":"`+helperSecret+`"}`) },
	"fails":   func() int { return printAndExit(1, `{"Username":"ann","Secret":"`+helperSecret+`"}`) },
	"garbage": func() int { return printAndExit(0, helperSecret) },
	"hangs":   func() int { <-time.After(time.Minute); return 0 },
}

// TestMain runs the test binary as a credential helper if it was called by the name of one.
// Otherwise it puts the binary into $PATH under those names, runs the tests, and fails if they
// leave a goroutine behind.
func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), helperPrefix); ok {
		fmt.Fprintln(os.Stderr, "warning:", helperSecret) // real helpers print warnings there, which may contain the secret
		os.Exit(helperPrograms[strings.TrimSuffix(name, ".exe")]())
	}
	os.Exit(runWithHelpers(m))
}

func runWithHelpers(m *testing.M) int {
	dir, err := os.MkdirTemp("", "helpers")
	if err != nil {
		return printAndExit(1, err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return printAndExit(1, err)
	}
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	for name := range helperPrograms {
		err = errors.Join(err, os.Symlink(self, filepath.Join(dir, helperPrefix+name+suffix)))
	}
	err = errors.Join(err, os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")))
	if err != nil {
		return printAndExit(1, err)
	}
	status := 0
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { status = code }))
	return status
}

// printAndExit prints to standard output and returns the status to exit with.
func printAndExit(status int, what any) int {
	fmt.Print(what)
	return status
}
