//go:build !unix

package credentials

import (
	"os/exec"
	"strconv"
)

// killWithChildren makes the end of cmd's context kill the helper and its children. Windows has no
// process groups that a signal could be sent to; taskkill walks the tree of processes instead.
func killWithChildren(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		tree := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid))
		if tree.Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}
