package jsonstream_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain wants every goroutine to end with the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
