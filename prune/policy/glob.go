package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// maxAlternatives is how many globs without braces one glob may stand for.
// Doublestar tries them one after another, so that twenty pairs of braces in a row
// would keep it busy for a second.
const maxAlternatives = 1000

// A glob is a compiled glob: a tag matches if it matches one of the alternatives
// that braces make.
type glob []alternative

// An alternative is a glob without braces. Most globs in policies are a word, a
// beginning or an end, and comparing these costs a tenth of matching a glob.
type alternative struct {
	kind altKind
	text string // without the asterisk, unless it is any other glob
}

type altKind int

const (
	word altKind = iota
	beginning
	ending
	everything
	anyGlob
)

// compileGlob returns an error that says what is wrong with a glob for tags.
func compileGlob(s string) (glob, error) {
	alternatives, err := expandGlob(s)
	if err != nil {
		return nil, err
	}
	compiled := make(glob, 0, len(alternatives))
	var never error
	for _, text := range alternatives {
		if err := tagsOnly.canMatch(text); err != nil {
			never = err
			continue
		}
		compiled = append(compiled, newAlternative(text))
	}
	if len(compiled) == 0 {
		return nil, fmt.Errorf("%q matches no tag: %w", redact.Clip(s), never)
	}
	return compiled, nil
}

func newAlternative(text string) alternative {
	const meta = `*?[\`
	switch {
	case strings.Trim(text, "*") == "":
		return alternative{everything, ""}
	case !strings.ContainsAny(text, meta+"/"):
		return alternative{word, text}
	case !strings.ContainsAny(text[:len(text)-1], meta+"/") && strings.HasSuffix(text, "*"):
		return alternative{beginning, text[:len(text)-1]}
	case !strings.ContainsAny(text[1:], meta+"/") && text[0] == '*':
		return alternative{ending, text[1:]}
	}
	return alternative{anyGlob, text}
}

func (g glob) match(tag string) bool {
	for _, a := range g {
		if a.match(tag) {
			return true
		}
	}
	return false
}

func (a alternative) match(tag string) bool {
	switch a.kind {
	case word:
		return tag == a.text
	case beginning:
		return strings.HasPrefix(tag, a.text)
	case ending:
		return strings.HasSuffix(tag, a.text)
	case everything:
		return true
	}
	return doublestar.MatchUnvalidated(a.text, tag)
}

// covers reports whether an alternative that is a beginning or an end matches all that
// another one matches.
func (a alternative) covers(b alternative) bool {
	switch a.kind {
	case beginning:
		return b.kind == a.kind && strings.HasPrefix(b.text, a.text)
	case ending:
		return b.kind == a.kind && strings.HasSuffix(b.text, a.text)
	}
	return false
}

// matchesEverything reports whether a glob matches every tag.
func (g glob) matchesEverything() bool {
	for _, a := range g {
		if a.kind == everything {
			return true
		}
	}
	return false
}

// expandGlob checks a glob and returns the globs without braces that it stands for:
// for "v{1,2}.*" these are "v1.*" and "v2.*". Doublestar would do so while it matches,
// but overlooks that an asterisk and braces after it may both match nothing.
func expandGlob(s string) ([]string, error) {
	switch {
	case s == "":
		return nil, errors.New("the glob is empty")
	case !utf8.ValidString(s):
		return nil, errors.New("the glob is not UTF-8")
	case !doublestar.ValidatePattern(s):
		return nil, fmt.Errorf("%q is not a glob: a bracket, a brace or a backslash has no counterpart", redact.Clip(s))
	}
	alternatives := []string{s}
	for i := 0; i < len(alternatives); {
		before, choices, after, ok := cutBraces(alternatives[i])
		if !ok {
			i++
			continue
		}
		if len(alternatives)+len(choices) > maxAlternatives {
			return nil, fmt.Errorf("%q has more than %d alternatives", redact.Clip(s), maxAlternatives)
		}
		alternatives[i] = before + choices[0] + after
		for _, choice := range choices[1:] {
			alternatives = append(alternatives, before+choice+after)
		}
	}
	return alternatives, nil
}

// cutBraces returns the choices of the first pair of braces in a valid glob, and
// what is before and after it.
func cutBraces(s string) (before string, choices []string, after string, ok bool) {
	depth, open, start := 0, 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			i = endOfClass(s, i)
		case '{':
			if depth++; depth == 1 {
				open, start = i, i+1
			}
		case ',':
			if depth == 1 {
				choices = append(choices, s[start:i])
				start = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				return s[:open], append(choices, s[start:i]), s[i+1:], true
			}
		}
	}
	return s, nil, "", false
}

// endOfClass returns the index of the bracket that closes the class at i.
func endOfClass(s string, i int) int {
	for i++; i < len(s) && s[i] != ']'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i
}
