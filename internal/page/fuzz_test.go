package page_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/page"
)

// FuzzRead checks that the pieces in which a page arrives do not matter, and
// that encoding/json reads the same list.
func FuzzRead(f *testing.F) {
	for _, body := range []string{
		`{"tags":["a","b"]}`, `{"name":"app","tags":null}`, `{"tags":["\u00e4\ud83d\ude00",""],"z":[1e9,{"y":[]}]}`, "{\"tags\":[\"\xff\"]}", `{"tags":[`, ` {} `,
		`{"a":-0.0E-1,"tags":[]}`, `{"a":"\ud800"}`, `{"tags":["a"]}x`, `{"tags":[],"tags":[]}`, `{"TAGS":[],"tags":["a"]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readTags(strings.NewReader(body))
		pieces, errOfPieces := readTags(iotest.OneByteReader(strings.NewReader(body)))
		if (err == nil) != (errOfPieces == nil) || !cmp.Equal(got, pieces) {
			t.Fatalf("in pieces %q, %v; at once %q, %v", pieces, errOfPieces, got, err)
		}
		if err != nil {
			if !errors.Is(err, page.ErrMalformed) && !errors.Is(err, page.ErrTooLarge) || len(err.Error()) > 1000 {
				t.Fatalf("not an error of the package: %v", err)
			}
			return
		}
		var members map[string]json.RawMessage
		var want []string
		if err := json.Unmarshal([]byte(body), &members); err != nil || members["tags"] == nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		if err := json.Unmarshal(members["tags"], &want); err != nil || len(want)+len(got) > 0 && !cmp.Equal(want, got) {
			t.Fatalf("%q, want %q: %v", got, want, err)
		}
	})
}

// FuzzReadWithMap checks that the pieces in which a page arrives do not matter, and that the
// elements are those that Read finds.
func FuzzReadWithMap(f *testing.F) {
	for _, body := range []string{
		`{"manifest":{"a":"b","c":"d"},"tags":["e"]}`, `{"tags":["e"],"manifest":{"a":"b"}}`, `{"manifest":null,"tags":[]}`, `{"manifest":[{}],"tags":null}`,
		`{"manifest":{"a":"b"},"manifest":{}}`, `{"manifest":{"skip":{"x":[1]},"a":"b"},"tags":["e"]}`, `{"manifest":{"a":1},"tags":[]}`, `{"manifest":{"a"`,
		`{"name":"team/app","manifest":{"":""},"tags":["e"]}x`, "{\"manifest\":{\"\xff\":\"\"},\"tags\":[]}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readWithMap(strings.NewReader(body))
		pieces, errOfPieces := readWithMap(iotest.OneByteReader(strings.NewReader(body)))
		if (err == nil) != (errOfPieces == nil) || !cmp.Equal(got, pieces) {
			t.Fatalf("in pieces %q, %v; at once %q, %v", pieces, errOfPieces, got, err)
		}
		if err != nil {
			if !errors.Is(err, page.ErrMalformed) && !errors.Is(err, page.ErrTooLarge) || len(err.Error()) > 1000 {
				t.Fatalf("not an error of the package: %v", err)
			}
			return
		}
		tags, err := readTags(strings.NewReader(body))
		if err != nil || len(tags) > len(got) {
			t.Fatalf("Read finds %q in %q: %v; want those of %q", tags, body, err, got)
		}
		var members map[string]json.RawMessage
		var manifests map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &members); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		if json.Unmarshal(members["manifest"], &manifests) == nil && len(manifests) > len(got)-len(tags) {
			t.Fatalf("%d entries, of which %d are tags, but %d members", len(got), len(tags), len(manifests))
		}
	})
}
