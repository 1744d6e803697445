package retryafter_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/retryafter"
)

// FuzzParse checks that no wait is negative, that an invalid value has none, that a number has its
// exact value, and that the wait for a date is shorter an hour later.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"0", "120", "-1", "9223372036854775807", "9223372037", "",
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(seed, now().Unix())
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		at := time.Unix(unix%(1<<40), 0) // any year in which time.Time itself does not overflow
		wait, ok := retryafter.Parse(value, at)
		if wait < 0 || wait != 0 && !ok {
			t.Fatalf("%v, %t", wait, ok)
		}
		value = strings.Trim(value, " \t")
		if value != "" && strings.Trim(value, "0123456789") == "" {
			checkNumber(t, value, wait)
			return
		}
		if later, _ := retryafter.Parse(value, at.Add(time.Hour)); later > wait {
			t.Fatalf("an hour later the wait is %v, not %v", later, wait)
		}
	})
}

func checkNumber(t *testing.T, value string, wait time.Duration) {
	t.Helper()
	exact, ok := new(big.Int).SetString(value, 10)
	if !ok {
		t.Fatalf("%q is not a number", value)
	}
	exact.Mul(exact, big.NewInt(int64(time.Second)))
	if most := big.NewInt(1<<63 - 1); exact.Cmp(most) > 0 {
		exact = most
	}
	if exact.Int64() != int64(wait) {
		t.Fatalf("%v, want %v", wait, time.Duration(exact.Int64()))
	}
}
