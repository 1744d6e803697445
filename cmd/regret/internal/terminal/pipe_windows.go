package terminal

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// closedPipe are the errors of writing to a pipe without a reader.
var closedPipe = [...]error{syscall.EPIPE, windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA}
