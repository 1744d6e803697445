package regret_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
)

// FuzzTagPage responds with arbitrary pages of tags. Every yielded tag is valid, an error
// comes last, and a list without an error has exactly the tags of the JSON except digests.
func FuzzTagPage(f *testing.F) {
	for _, body := range []string{
		`{"name":"team/app","tags":["a","b"]}`, `{"tags":null}`, `{"tags":["a"],"tags":["b"]}`, `{"tags":[1]}`, `{"tags":["../.."]}`,
		`{"x":[[{}]],"tags":[]} `, `{"tags":["a"]}x`, `{`, "", `{"Tags":["a"]}`, `{"tags":["a","a"]}`, `{"tags":["-a","","` + someDigest + `","b"]}`, `{"name":"x","tags":["a"]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := newClient(t, always(200, body))
		got, err := collect(t, c.Tags(t.Context(), repo))
		for _, tag := range got {
			if _, refErr := regret.ParseReference(host + "/" + repo + ":" + tag); refErr != nil {
				t.Errorf("invalid tag %q: %v", tag, refErr)
			}
		}
		if err != nil {
			wantRegretError(t, err)
			if list, ok := errors.AsType[*regret.InvalidEntriesError](err); ok != errors.Is(err, regret.ErrInvalidEntries) || ok && len(list.Entries) == 0 {
				t.Errorf("invalid entries %v: %v", list, err)
			}
			return
		}
		var want struct{ Tags []string }
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("a complete list of %q, which is not JSON: %v", body, err)
		}
		if !utf8.ValidString(body) || strings.Contains(strings.ToLower(body), `tags"`) && strings.Count(strings.ToLower(body), "tags") > 1 {
			return // encoding/json ignores the case of keys and merges duplicates
		}
		want.Tags = slices.DeleteFunc(want.Tags, func(tag string) bool { return digest.Digest(tag).Validate() == nil })
		if strings.Join(got, " ") != strings.Join(want.Tags, " ") {
			t.Errorf("tags %q, want %q", got, want.Tags)
		}
	})
}
