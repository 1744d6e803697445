package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzTokenResponse gives the client arbitrary responses of a token service. Either the
// client sends a valid token to the registry, or it fails, and the error does not quote
// the response.
func FuzzTokenResponse(f *testing.F) {
	for _, body := range []string{
		`{"token":"abc","expires_in":300}`, `{"access_token":"abc","expires_in":"x"}`, `{"token":"a\r\nb"}`, `{"token":1}`,
		`{}`, `[]`, `null`, `{"token":"=="}`, `{"token":"a="}`, `{"TOKEN":"abc"}`, "x",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		sent := ""
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.URL.Path == "/token":
				return respond(req, 200, body), nil
			case req.Header.Get("Authorization") == "":
				return respond(req, 401, "", "WWW-Authenticate", `Bearer realm="`+registryURL+`/token"`), nil
			}
			sent = req.Header.Get("Authorization")
			return respond(req, 200, "{}"), nil
		}))
		err := c.Ping(t.Context())
		if (err == nil) != (sent != "") {
			t.Errorf("Authorization %q, although the error is %v", sent, err)
		}
		if err != nil {
			if wantErr(t, err, regret.ErrNotRegistry); len(body) > 40 && strings.Contains(err.Error(), body) {
				t.Errorf("the response is in the error: %v", err)
			}
			return
		}
		token, ok := strings.CutPrefix(sent, "Bearer ")
		if !ok || token == "" || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") != "" {
			t.Errorf("Authorization %q, want a valid bearer token", sent)
		}
	})
}
