//go:build unix

package credentials

import (
	"os/exec"
	"syscall"
)

// killWithChildren makes the end of cmd's context kill the helper and its children. A helper may be
// a script that waits for another program, so it gets a process group of its own, and the signal
// goes to the whole group.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
