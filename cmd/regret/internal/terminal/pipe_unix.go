//go:build !windows

package terminal

import "syscall"

// closedPipe are the errors of writing to a pipe or a socket without a reader.
var closedPipe = [...]error{syscall.EPIPE}
