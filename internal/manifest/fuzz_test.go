package manifest_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// FuzzTypeOf checks that whatever has a media type is a JSON object with one
// meaning: never both an index and an image, neither of which contradicts the
// type.
func FuzzTypeOf(f *testing.F) {
	for _, seed := range [][2]string{
		{ociImage, `{"schemaVersion":2,"config":{},"layers":[]}`}, {ociIndex, `{"schemaVersion":2,"manifests":[]}`}, {"application/json", `{"manifests":[],"layers":[]}`},
		{schema1JWS, `{"schemaVersion":1,"fsLayers":[],"signatures":[{"protected":"e30"}]}`}, {schema1JWS, signed()}, {"text/html", "<html>"}, {"", ""}, {";", "null"},
		{"", `{"manifests":[],"Manifests":null,"layers":[]}`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		raw := []byte(body)
		got, err := manifest.TypeOf(contentType, raw)
		if err != nil {
			if got != "" || len(err.Error()) > 2<<10 {
				t.Fatalf("%q and an error of %d bytes", got, len(err.Error()))
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil || got == "" {
			t.Fatalf("%q has the type %q: %v", body, got, err)
		}
		has := func(key string) bool { return members[key] != nil && string(members[key]) != "null" }
		index, image := has("manifests"), has("layers") || has("fsLayers")
		if index && image || image && manifest.IsIndex(got) || index && slices.Contains([]string{ociImage, dockerImage, schema1, schema1JWS}, got) {
			t.Fatalf("%q has the type %q", body, got)
		}
		content, err := manifest.Content(got, raw)
		switch {
		case got != schema1 && got != schema1JWS && (err != nil || !bytes.Equal(content, raw)):
			t.Fatalf("the content of %q is %q: %v", body, content, err)
		case err == nil && !json.Valid(content):
			t.Fatalf("the content of %q is %q", body, content)
		}
	})
}
