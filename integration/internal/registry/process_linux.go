package registry

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the process when its parent is gone: a test that panics or times out cleans nothing up.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
