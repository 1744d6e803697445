// Package command_test runs the command regret as a process, against real registries and against
// those that package regrettest imitates.
package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMain builds the command and puts it first in PATH. This module cannot import it.
func TestMain(m *testing.M) {
	// Under nohup, the command would ignore what the tests send to it: what this process handles is
	// not ignored by those that it starts.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	code, err := withCommand(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withCommand(run func() int) (int, error) {
	folder, err := os.MkdirTemp("", "regret-command-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	build := exec.Command("go", "build", "-C", "../../cmd/regret", "-buildvcs=false", "-o", filepath.Join(folder, "regret"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the command: %w\n%s", err, out)
	}
	if err := os.Setenv("PATH", folder+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		return 0, err
	}
	return run(), nil
}
