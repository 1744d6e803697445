// Package grammar checks the names of repositories, tags and digests before they
// become part of a URL.
//
// It knows the grammar of the distribution specification, and nothing of
// registries or requests.
//
// Invariants: it accepts what distribution/reference and go-digest accept, and
// nothing else, so that no accepted name needs escaping in a path; an error
// quotes at most 200 bytes of a name, and no user information of an address in
// place of a repository.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
package grammar

import (
	_ "crypto/sha256" // go-digest accepts only algorithms that are linked in
	_ "crypto/sha512"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

const (
	// maxRepository is the longest name that registries and clients agree on.
	maxRepository = 255
	maxTag        = 128
)

// Repository checks a repository name: components such as "team" and "app",
// separated by slashes.
func Repository(name string) error {
	switch {
	case name == "":
		return errors.New("the repository name is empty")
	case len(name) > maxRepository:
		return fmt.Errorf("repository name %q is longer than %d bytes", redact.Clip(name), maxRepository)
	}
	for component := range strings.SplitSeq(name, "/") {
		if !isComponent(component) {
			return fmt.Errorf("repository name %q does not fit the grammar", redactedReference(name))
		}
	}
	return nil
}

// isComponent accepts [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*. A regexp would take 4 µs
// for a long name.
func isComponent(s string) bool {
	for {
		rest := strings.TrimLeftFunc(s, isLowerOrDigit)
		switch {
		case len(rest) == len(s): // no letter or digit where one must be
			return false
		case rest == "":
			return true
		case rest[0] == '-':
			s = strings.TrimLeft(rest, "-")
		case strings.HasPrefix(rest, "__"):
			s = rest[2:]
		case rest[0] == '.', rest[0] == '_':
			s = rest[1:]
		default:
			return false
		}
	}
}

func isLowerOrDigit(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }

// Tag checks a tag: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func Tag(tag string) error {
	if tag == "" || len(tag) > maxTag || tag[0] == '.' || tag[0] == '-' || strings.ContainsFunc(tag, notInTag) {
		return fmt.Errorf("tag %q does not fit the grammar", redact.Clip(tag))
	}
	return nil
}

func notInTag(r rune) bool {
	return !isLowerOrDigit(r) && !(r >= 'A' && r <= 'Z') && r != '.' && r != '_' && r != '-'
}

// Digest checks a digest: "sha256:" and 64 hexadecimal digits in lower case, or
// the same with sha384 or sha512.
func Digest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", redact.Clip(string(d)), err)
	}
	return nil
}

// Reference checks a tag or a digest, and returns the digest; it is empty for a
// tag. No tag contains the colon that every digest has.
func Reference(s string) (digest.Digest, error) {
	if strings.Contains(s, ":") {
		return digest.Digest(s), Digest(digest.Digest(s))
	}
	return "", Tag(s)
}

// redactedReference removes what may be user information. That ends in an "@",
// too, but no digest follows.
func redactedReference(s string) string {
	i := strings.LastIndexByte(s, '@')
	if i >= 0 && !strings.HasPrefix(s[i:], "@sha256:") && !strings.HasPrefix(s[i:], "@sha512:") {
		return origin.Shown(s)
	}
	return redact.Clip(s)
}
