//go:build !unix

package credentials_test

import "syscall"

// detached has no effect where there are no process groups.
func detached() *syscall.SysProcAttr { return nil }
