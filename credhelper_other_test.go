//go:build !unix

package regret_test

import "syscall"

// detached is the best there is without process groups.
func detached() *syscall.SysProcAttr { return nil }
