package registry

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the process when its parent exits, because a test that panics or
// times out runs no cleanup.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
