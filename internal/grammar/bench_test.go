package grammar_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// A check is part of every request, and one is made for every entry of a list.
func BenchmarkChecks(b *testing.B) {
	repository := func(name string) func() error { return func() error { return grammar.Repository(name) } }
	tag := func(tag string) func() error { return func() error { return grammar.Tag(tag) } }
	dgst := func(d digest.Digest) func() error { return func() error { return grammar.Digest(d) } }
	for _, bench := range []struct {
		name  string
		check func() error
	}{
		{"a repository", repository("team/app")},
		{"a repository of 255 bytes", repository(strings.Repeat("a", 255))},
		{"a repository of 128 components", repository(strings.Repeat("a/", 127) + "a")},
		{"a tag", tag("v1.27.2-alpine")},
		{"a tag of 128 bytes", tag(strings.Repeat("v", 128))},
		{"a sha256 digest", dgst(digest.SHA256.FromString(""))},
		{"a sha512 digest", dgst(digest.SHA512.FromString(""))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
