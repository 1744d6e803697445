//go:build unix

package regret

import (
	"os/exec"
	"syscall"
)

// killWithChildren puts a helper into a process group of its own and ends the
// whole group with the context: a helper may be a script that waits for
// another program.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
