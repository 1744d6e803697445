package grammar_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

var wholeTag = regexp.MustCompile("^(?:" + reference.TagRegexp.String() + ")$")

func validRepository(s string) bool {
	named, err := reference.WithName("registry.example.com/" + s)
	return err == nil && reference.Domain(named) == "registry.example.com" && reference.Path(named) == s
}

// FuzzNames compares the grammar with that of distribution/reference and
// go-digest, and checks that no name needs escaping in a path.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{
		"team/app", "latest", "a/../b", "v1", string(aSHA256), string(aSHA512), "a__b.c-d", "a___b", "a--b", "sha256:zz", "sha384:" + strings.Repeat("0", 96),
		strings.Repeat("a", 255), strings.Repeat("v", 128), "_catalog", ".v1", "a%2fb", "a?x#y", "A", string(aSHA256) + "\n", "user:password@host/a", "é", "a\xff", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		repository, tag, dgst := grammar.Repository(name), grammar.Tag(name), grammar.Digest(digest.Digest(name))
		if (repository == nil) != validRepository(name) {
			t.Errorf("repository %q: %v", name, repository)
		}
		if (tag == nil) != wholeTag.MatchString(name) {
			t.Errorf("tag %q: %v", name, tag)
		}
		if (dgst == nil) != (digest.Digest(name).Validate() == nil) {
			t.Errorf("digest %q: %v", name, dgst)
		}
		if got, err := grammar.Reference(name); (err == nil) != (tag == nil || dgst == nil) || err == nil && (got != "") != (dgst == nil) {
			t.Errorf("reference %q: %q, %v", name, got, err)
		}
		for _, err := range []error{repository, tag, dgst} {
			if err != nil && len(err.Error()) > 1<<10 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if err == nil && (&url.URL{Path: "/" + name}).EscapedPath() != "/"+name {
				t.Errorf("%q needs escaping in a path", name)
			}
		}
	})
}
