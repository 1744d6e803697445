package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// An alphabet is what names consist of.
type alphabet struct {
	names string // what they are called: "tags"
	first string // characters that a name can begin with
	other string // further ones, which it can have elsewhere
	most  int    // characters of the longest name
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// The grammars of the distribution specification. In repositories a slash is a
// character like any other here, although globs know it as the separator.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
var (
	tagsOnly     = alphabet{names: "tags", first: lower + upper + digits + "_", other: ".-", most: 128}
	repositories = alphabet{names: "repositories", first: lower + digits, other: "._-/", most: 255}
)

// canMatch returns nil if a valid glob without braces may match a name, and
// otherwise says why it cannot.
func (a alphabet) canMatch(glob string) error {
	if !strings.Contains(a.other, "/") {
		// Doublestar lets a slash beside two asterisks match nothing in some places.
		glob = strings.NewReplacer("/**/", "", "/**", "", "**/", "").Replace(glob)
	}
	if glob == "" {
		return errors.New("it is empty")
	}
	characters := 0
	for i, size := 0, 0; i < len(glob); i += size {
		var element string
		if element, size = globElement(glob[i:]); element == "*" {
			continue
		}
		allowed := a.first
		if i > 0 {
			allowed += a.other
		}
		if !possible(element, allowed) {
			if i == 0 && possible(element, a.other) {
				return fmt.Errorf("%s do not begin with %q", a.names, element)
			}
			return fmt.Errorf("%s do not contain %q", a.names, element)
		}
		if characters++; characters > a.most {
			return fmt.Errorf("%s have at most %d characters", a.names, a.most)
		}
	}
	return nil
}

// possible reports whether an element of a glob matches one of some characters.
func possible(element, characters string) bool {
	if element == "/" || len(element) == 1 && strings.Contains(characters, element) {
		return strings.Contains(characters, element)
	}
	return strings.ContainsFunc(characters, func(c rune) bool { return doublestar.MatchUnvalidated(element, string(c)) })
}

// globElement returns the first element of a glob without braces: an asterisk, a
// class, or what else stands for one character.
func globElement(glob string) (element string, size int) {
	switch glob[0] {
	case '[':
		size = endOfClass(glob, 0) + 1
	case '\\':
		_, size = utf8.DecodeRuneInString(glob[1:])
		size++
	default:
		_, size = utf8.DecodeRuneInString(glob)
	}
	size = min(size, len(glob))
	return glob[:size], size
}
