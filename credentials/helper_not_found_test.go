package credentials_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
)

// A helper that fails for another reason must not make a caller anonymous.
func TestOnlyTheSentenceMeansNotFound(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]bool{
		"credentials not found in native keychain\n":   true,
		"Credentials not found":                        true,
		"credentials not found: vault sealed":          false,
		"credentials not found in native keychain: no": false,
		"": false,
	} {
		if got := credentials.SaysNotFound([]byte(out), nil); got != want {
			t.Errorf("%q: %t, want %t", out, got, want)
		}
	}
}
