package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/auth"
)

// FuzzToken checks that a token response is either a header with a valid token, which is then a
// secret and is sent unasked, or an error that contains nothing of the response.
func FuzzToken(f *testing.F) {
	texts := map[string]bool{
		"the token response is not JSON":                                       true,
		"the token response has no token":                                      true,
		"the token has characters that no token has, or more than 16384 bytes": true,
		"the response exceeds the limit of 65536 bytes":                        true,
	}
	f.Add([]byte(`{"token":"t0ken","expires_in":300,"refresh_token":"r3fresh"}`))
	f.Add([]byte(`{"access_token":"t0ken","expires_in":"300"}`))
	f.Add([]byte(`{"token":"a\r\nb"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fix := newFixture(t, reply(200, string(body)))
		z := fix.For(pull)
		header, err := z.Answer(t.Context(), http.StatusUnauthorized, bearer("repository:team/app:pull"), nil)
		if err != nil {
			got := failureOf(t, err)
			if header != "" || !texts[got.Text] || got.Reason != auth.TokenMalformed || got.Codes != nil || got.URL != realm {
				t.Fatalf("header %q and error %+v", header, got)
			}
			return
		}
		token, bearer := strings.CutPrefix(header, "Bearer ")
		if !bearer || !auth.IsToken(token) {
			t.Fatalf("header %q", header)
		}
		if len(token) >= 4 && strings.Contains(fix.secrets.Redact(header), token) {
			t.Fatalf("the token %q is not a secret", token)
		}
		z.Accepted()
		if sent := fix.header(t, pull); sent != header {
			t.Fatalf("%q is sent unasked instead of %q", sent, header)
		}
	})
}
