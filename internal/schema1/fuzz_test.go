package schema1_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/schema1"
)

// FuzzPayload checks that a payload is shorter than its manifest and begins like it, and that both
// are the same JSON object except for the signatures; and that an error is an *Error with a short
// and printable text. The protected header is not encoded, so that the fuzzer can change its
// content.
func FuzzPayload(f *testing.F) {
	registry, err := os.ReadFile("testdata/signed.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(registry, "")
	f.Add([]byte(`{"name":"a",`), `{"formatLength":11,"formatTail":"fQ"}`)
	f.Add([]byte("{\n \"name\": \"a\",\n "), `{"formatLength":14,"formatTail":"Cn0"}`)
	f.Add([]byte(`{"a":{"signatures":[]},`), `{"formatLength":-1,"formatTail":""}`)
	f.Fuzz(func(t *testing.T, signed []byte, protected string) {
		if protected != "" {
			signed = []byte(sign(string(signed), encode(protected)))
		}
		payload, err := schema1.Payload(signed)
		if err != nil {
			checkError(t, err)
			return
		}
		brace := bytes.LastIndexByte(payload, '}')
		if len(payload) >= len(signed) || !bytes.HasPrefix(signed, bytes.TrimRight(payload[:brace], " \t\r\n")) {
			t.Fatalf("payload of %d bytes, manifest of %d:\n%s", len(payload), len(signed), payload)
		}
		want := members(t, signed)
		delete(want, "signatures")
		if diff := cmp.Diff(want, members(t, payload)); diff != "" {
			t.Fatalf("members (-manifest +payload):\n%s", diff)
		}
	})
}

func members(t *testing.T, object []byte) (members map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	return members
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*schema1.Error](err); !ok {
		t.Fatalf("got %T, want *schema1.Error", err)
	}
	text := err.Error()
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("text of %d bytes: %q", len(text), text)
	}
}
