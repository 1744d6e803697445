package regret

import (
	"errors"
	"fmt"
	"strings"
)

// The grammar of names, by hand: regular expressions would take a tenth of the
// time that a request costs. The fuzzers hold it against distribution/reference
// and go-digest.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests

const (
	// maxRepository is the longest name that registries and clients agree on.
	maxRepository = 255
	maxTag        = 128
)

func checkRepository(name string) error {
	switch {
	case name == "":
		return errors.New("the repository name is empty")
	case len(name) > maxRepository:
		return fmt.Errorf("repository name %q is longer than %d bytes", clip(name), maxRepository)
	}
	for component := range strings.SplitSeq(name, "/") {
		if !validComponent(component) {
			return fmt.Errorf("repository name %q does not fit the grammar", redactedReference(name))
		}
	}
	return nil
}

// validComponent accepts [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*.
func validComponent(s string) bool {
	for {
		n := 0
		for n < len(s) && (s[n] >= 'a' && s[n] <= 'z' || s[n] >= '0' && s[n] <= '9') {
			n++
		}
		rest := s[n:]
		switch {
		case n == 0: // no letter or digit where one must be
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

// checkTag accepts [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func checkTag(tag string) error {
	valid := tag != "" && len(tag) <= maxTag && tag[0] != '.' && tag[0] != '-'
	for i := 0; valid && i < len(tag); i++ {
		c := tag[i]
		valid = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == '-'
	}
	if !valid {
		return fmt.Errorf("tag %q does not fit the grammar", clip(tag))
	}
	return nil
}

func checkDigest(d Digest) error {
	if sha256, ok := strings.CutPrefix(string(d), "sha256:"); ok && len(sha256) == 64 && hexadecimal(sha256) {
		return nil // by far the most frequent
	}
	if err := d.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", clip(string(d)), err)
	}
	return nil
}

func hexadecimal(s string) bool { return allOf(&hexBytes, s) }

var hexBytes = setOf("0123456789abcdef")

// A byteSet is asked byte by byte about digests, whose bytes no branch predicts.
type byteSet [256]bool

func setOf(members string) (set byteSet) {
	for i := range len(members) {
		set[members[i]] = true
	}
	return set
}

func allOf(set *byteSet, s string) bool {
	all := true
	for i := range len(s) {
		all = all && set[s[i]]
	}
	return all
}

// checkReference takes a tag or a digest and says which it is.
func checkReference(ref string) (Digest, error) {
	if strings.Contains(ref, ":") {
		return Digest(ref), checkDigest(Digest(ref))
	}
	return "", checkTag(ref)
}
