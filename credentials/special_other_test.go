//go:build !unix

package credentials_test

import "testing"

// A specialFile is not a regular file.
type specialFile struct{ name, path, says string }

// specialFiles returns none, because there are none among the files of this system.
func specialFiles(*testing.T, string) []specialFile { return nil }

func descriptors(*testing.T, string) []string { return nil }
