package credentials_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the test binary as a credential helper if it was called by the name of one.
// Otherwise it puts the binary into $PATH under those names, runs the tests, and fails if they
// leave a goroutine behind.
func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), helperPrefix); ok {
		os.Exit(runAsHelper(strings.TrimSuffix(name, ".exe")))
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
	err = errors.Join(err,
		os.WriteFile(filepath.Join(dir, helperPrefix+"not-a-program"), []byte("no program"), 0o755),
		os.WriteFile(filepath.Join(dir, helperPrefix+"not-executable"), []byte("no program"), 0o644),
		os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")))
	if err != nil {
		return printAndExit(1, err)
	}
	status := 0
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { status = code }))
	return status
}
