package plan

import (
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	trashtag "github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// A tagClass says what kind of tag a tag is by its name.
type tagClass uint8

const (
	ordinary  tagClass = iota
	companion          // named after the digest that its manifest belongs to
	trash              // put aside by a former run
)

// A className is a tag's class and what its name says.
type className struct {
	class     tagClass
	algorithm digest.Algorithm // of a companion tag
	hex       string           // of a companion tag: the first 64 digits of the digest it belongs to
	whole     digest.Digest    // of a companion tag: the digest it belongs to, if the name holds all of it
	suffix    string           // of a companion tag: such as ".sig"; empty is a list of referrers
	day       time.Time        // of a trash tag: when the day ended on which it was made
}

// companionDigits is the number of digits after which the specification cuts the digest in
// the tag of a list of referrers.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
const companionDigits = 64

// classify tells a tag's class.
func classify(name string) className {
	switch {
	case strings.HasPrefix(name, "sha256-"):
		return classifyCompanion(digest.SHA256, name[len("sha256-"):])
	case strings.HasPrefix(name, "sha512-"):
		return classifyCompanion(digest.SHA512, name[len("sha512-"):])
	}
	if t, ok := trashtag.Parse(name); ok {
		return className{class: trash, day: t.End()}
	}
	return className{}
}

func classifyCompanion(algorithm digest.Algorithm, rest string) className {
	digits := strings.IndexFunc(rest, func(r rune) bool { return !isHex(r) })
	if digits < 0 {
		digits = len(rest)
	}
	suffix := rest[digits:]
	if digits < companionDigits || suffix != "" && !strings.HasPrefix(suffix, ".") {
		return className{}
	}
	c := className{class: companion, algorithm: algorithm, hex: rest[:companionDigits], suffix: suffix}
	if size := algorithm.Size() * 2; digits >= size {
		c.whole = digest.NewDigestFromEncoded(algorithm, rest[:size])
	}
	return c
}

// OrdinaryTags returns those of the tags that are neither companion tags nor of the trash, and
// so are what people call the manifest.
func (m *Manifest) OrdinaryTags() []string {
	var tags []string
	for _, tag := range m.Tags {
		if classify(tag).class == ordinary {
			tags = append(tags, tag)
		}
	}
	return tags
}

func isHexOf(s string, n int) bool {
	return len(s) == n && strings.IndexFunc(s, func(r rune) bool { return !isHex(r) }) < 0
}

func isHex(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' }
