package errorbody_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret/internal/errorbody"
)

// FuzzParse checks that the number of entries, the length of messages and the size of details are
// bounded, that messages are one printable line, and that neither messages nor details contain a
// secret.
func FuzzParse(f *testing.F) {
	known := []string{`c4n4ry+/=&"p4ss`, "correct horse?", "31415926"}
	f.Add([]byte(`{"errors":[{"code":"DENIED","message":"not c4n4ry+/=&\"p4ss","detail":{"pin":31415926}}]}`), true)
	f.Add([]byte("<html><title>correct\n horse\x00</title>"), true)
	f.Add([]byte(`{"error":"invalid_grant","error_description":"correct ho`), false)
	f.Fuzz(func(t *testing.T, body []byte, whole bool) {
		all := secrets(known...)
		entries := errorbody.Parse(body, whole, all)
		if len(entries) > 16 {
			t.Fatalf("%d entries", len(entries))
		}
		for _, e := range entries {
			if len(e.Message) > errorbody.MaxText || !utf8.ValidString(e.Message) ||
				strings.ContainsFunc(e.Message, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("message of %d bytes: %q", len(e.Message), e.Message)
			}
			if len(e.Detail) > 4<<10 || e.Detail != nil && !json.Valid(e.Detail) {
				t.Fatalf("detail of %d bytes: %q", len(e.Detail), e.Detail)
			}
			for _, secret := range known {
				for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
					if strings.Contains(e.Message, form) {
						t.Fatalf("the message contains a secret: %q", e.Message)
					}
				}
				if contains(t, e.Detail, secret) {
					t.Fatalf("the detail contains a secret: %s", e.Detail)
				}
			}
		}
		if errorbody.IsEnvelope(body) && len(entries) == 0 {
			t.Fatal("there are errors and no entries")
		}
	})
}

// contains reports whether a key, a string or a number of JSON contains a text.
func contains(t *testing.T, detail json.RawMessage, text string) bool {
	t.Helper()
	if detail == nil {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(detail))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return containsText(value, text)
}

func containsText(value any, text string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, text)
	case json.Number:
		return strings.Contains(v.String(), text)
	case []any:
		for _, element := range v {
			if containsText(element, text) {
				return true
			}
		}
	case map[string]any:
		for key, element := range v {
			if strings.Contains(key, text) || containsText(element, text) {
				return true
			}
		}
	}
	return false
}
