package challenge_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/challenge"
)

// FuzzParse checks that challenges are within the limits, contain nothing that is not in the
// header, and stay the same when they are formatted and parsed again; and that an error is an
// *Error with a short and printable text.
func FuzzParse(f *testing.F) {
	f.Add(`Bearer realm="https://auth.example.com/token",service="s",scope="repository:a:pull,delete"`, `Basic realm="r"`)
	f.Add(`Negotiate YII==, NTLM, , Basic realm = x`, "")
	f.Add(`Basic realm="\"\\`, "\x00")
	f.Add(strings.Repeat("a b=c,", 9), "Foo a=")
	f.Fuzz(func(t *testing.T, first, second string) {
		challenges, err := challenge.Parse(header(first, second))
		if err != nil {
			checkError(t, err)
			return
		}
		if len(challenges) > challenge.MaxChallenges {
			t.Fatalf("%d challenges", len(challenges))
		}
		size, formatted := 0, 0
		var lines []string
		for _, c := range challenges {
			size += len(c.Scheme) + len(c.Token68)
			for name, value := range c.Params {
				size += len(name) + len(value)
			}
			if c.Token68 != "" && c.Params != nil || len(c.Params) > challenge.MaxParams {
				t.Fatalf("an impossible challenge: %q", c)
			}
			lines = append(lines, c.String())
			formatted += len(c.String())
		}
		if size > len(first)+len(second) {
			t.Fatalf("%d bytes come from %d", size, len(first)+len(second))
		}
		if formatted > challenge.MaxBytes {
			return // quotes and escapes can make a header longer than the limit
		}
		again, err := challenge.Parse(header(lines...))
		if err != nil {
			t.Fatalf("%q: %v", lines, err)
		}
		if diff := cmp.Diff(challenges, again); diff != "" {
			t.Fatalf("challenges after a round trip (-want +got):\n%s", diff)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*challenge.Error](err); !ok {
		t.Fatalf("got %T, want *challenge.Error", err)
	}
	text := err.Error()
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("text of %d bytes: %q", len(text), text)
	}
}
