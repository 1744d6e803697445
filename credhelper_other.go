//go:build !unix

package regret

import (
	"os/exec"
	"strconv"
)

// killWithChildren ends a helper with the tree below it. There are no process
// groups to signal here, but a program that walks the tree.
func killWithChildren(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		tree := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid))
		if tree.Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}
