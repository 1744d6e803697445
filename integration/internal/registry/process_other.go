//go:build !linux

package registry

import "os/exec"

// dieWithParent does nothing on systems without such a mechanism.
func dieWithParent(*exec.Cmd) {}
