package redact_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// FuzzRedact puts a secret into a text in each spelling. It checks that neither this secret nor
// another one is left in what was not replaced, that the rest of the text is still there, and that
// the beginning of a secret at the end of a text is replaced as well.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "unter2 h", "password=", "\n")
	f.Add(`a"b\c`, "d+e f", "?a=", "&b=%2B")
	f.Add("aaaa", "aaaaaa", "aa", "aaa")
	f.Add("redact", "[red", "[red", "acted]")
	f.Fuzz(func(t *testing.T, secret, other, before, after string) {
		const placeholder = "[redacted]"
		var known []string
		for _, s := range []string{secret, other} {
			if len(s) >= redact.MinSecret {
				known = append(known, spellings(s)...)
			}
		}
		s := secrets(secret, other)
		for _, form := range spellings(secret) {
			text := before + form + after
			got := s.Redact(text)
			rest := text
			for i, kept := range strings.Split(got, placeholder) {
				for _, hidden := range known {
					if strings.Contains(kept, hidden) {
						t.Fatalf("%q contains %q: %q", text, hidden, got)
					}
				}
				at := strings.Index(rest, kept)
				if at < 0 || i == 0 && at > 0 {
					t.Fatalf("%q became %q, which has %q besides", text, got, kept)
				}
				rest = rest[at+len(kept):]
			}
			if len(form) <= redact.MinPrefix || len(secret) < redact.MinSecret {
				continue
			}
			for _, n := range []int{redact.MinPrefix, len(form) - 1} {
				if got := s.RedactCut(before+" "+form[:n], redact.MinPrefix); !strings.HasSuffix(got, placeholder) {
					t.Fatalf("%q cut after %d bytes of %q: %q", before, n, form, got)
				}
			}
		}
	})
}

// spellings returns the forms of a secret that the package knows.
func spellings(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	if !strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) { // which credentials do not contain
		quoted, err := json.Marshal(secret)
		if err != nil {
			return forms
		}
		html := string(quoted[1 : len(quoted)-1])
		forms = append(forms, html, strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(html))
	}
	return forms
}
