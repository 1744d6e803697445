//go:build unix

package credentials_test

import "syscall"

// detached starts a process outside of its parent's process group.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
