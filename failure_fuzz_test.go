package regret_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzErrorResponse responds with arbitrary 4xx statuses and bodies. The error is short
// and printable, keeps the status code, and is ErrNotFound only if the body has errors.
func FuzzErrorResponse(f *testing.F) {
	for _, body := range []string{
		"", "no", "<title>no</title>", `{"errors":[{"code":"DENIED","message":"no","detail":{"a":[1,null]}}]}`,
		`{"code":"A","message":"b"}`, `{"errors":[null,1,"x",{}]}`, `{"errors":{}}`, "\x1b\u202e\xff", `{"error":"a","error_description":"b"}`,
	} {
		f.Add(400, body, "text/plain")
	}
	f.Fuzz(func(t *testing.T, status int, body, contentType string) {
		if status < 400 || status > 499 || status == 401 || status == 429 {
			return
		}
		c := newClient(t, always(status, body, "Content-Type", contentType), regret.WithRetries(regret.Retries{}))
		_, err := c.Manifest(t.Context(), repo, "v1")
		e := wantRegretError(t, err)
		if e.StatusCode != status || len(e.Details) > 16 {
			t.Errorf("status %d and %d details, want %d and at most 16", e.StatusCode, len(e.Details), status)
		}
		for _, d := range e.Details {
			text := string(d.Code) + d.Message
			if len(d.Message) > 1<<10 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("the detail %q is too long or not printable", text)
			}
			if d.Detail != nil && !json.Valid(d.Detail) {
				t.Errorf("detail is not JSON: %q", d.Detail)
			}
			if d.Code != "" && !errors.Is(err, d.Code) {
				t.Errorf("error is not %q", d.Code)
			}
			if d.Code != "" && !strings.ContainsAny(body, `"`) {
				t.Errorf("the code %q does not come from the body %q", d.Code, body)
			}
		}
		if e.Kind == regret.ErrNotFound && len(e.Details) == 0 {
			t.Error("the error is ErrNotFound, but the body has no errors")
		}
	})
}
