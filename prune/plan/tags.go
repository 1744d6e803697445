package plan

import (
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
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
	case strings.HasPrefix(name, trashPrefix):
		return classifyTrash(name[len(trashPrefix):])
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

// A trash tag is regret-trash-<day>-<8 digits of a plan>-<12 digits of the digest>, or with
// names-<number> in place of the digest's digits.
const trashPrefix = "regret-trash-"

func classifyTrash(rest string) className {
	parts := strings.Split(rest, "-")
	if len(parts) < 3 || len(parts[0]) != 8 || !isHexOf(parts[1], 8) {
		return className{}
	}
	day, err := time.Parse("20060102", parts[0])
	if err != nil {
		return className{}
	}
	digest := len(parts) == 3 && isHexOf(parts[2], 12)
	names := len(parts) == 4 && parts[2] == "names" && isDecimal(parts[3])
	if !digest && !names {
		return className{}
	}
	return className{class: trash, day: day.AddDate(0, 0, 1)}
}

func isHexOf(s string, n int) bool {
	return len(s) == n && strings.IndexFunc(s, func(r rune) bool { return !isHex(r) }) < 0
}

func isHex(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' }

func isDecimal(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
