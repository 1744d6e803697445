//go:build !unix

package credentials

import "os"

// openNonblocking opens a file for reading. Windows has no pipes among its files.
func openNonblocking(path string) (*os.File, error) { return os.Open(path) }
