//go:build unix

package regret_test

import "syscall"

// detached takes a process out of the group of its parent.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
