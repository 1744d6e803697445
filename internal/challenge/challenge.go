// Package challenge parses the WWW-Authenticate header field, in which a server names the ways to
// authenticate.
//
// It knows the grammar of the field, but not what schemes and parameters mean.
//
// Invariants: a header is parsed completely or is an error, within the limits below; the text of an
// error is short and printable, whatever the header holds.
package challenge

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

// The limits of Parse. Registries stay far below them.
const (
	MaxBytes      = 16 << 10 // over all WWW-Authenticate lines together
	MaxChallenges = 8        // over all lines together
	MaxParams     = 32       // of one challenge
)

// A Challenge is one way to authenticate. It has parameters, or a token68, or neither, but not
// both.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-11.3
type Challenge struct {
	Scheme  string            // in lower case
	Params  map[string]string // names in lower case, values unquoted; nil if there are none
	Token68 string
}

// String formats a challenge so that Parse can read it, with the parameters sorted by name.
func (c Challenge) String() string {
	var b strings.Builder
	b.WriteString(c.Scheme)
	if c.Token68 != "" {
		b.WriteByte(' ')
		b.WriteString(c.Token68)
	}
	separator := byte(' ')
	for _, name := range slices.Sorted(maps.Keys(c.Params)) {
		b.WriteByte(separator)
		b.WriteString(name)
		b.WriteByte('=')
		field.Quote(&b, c.Params[name])
		separator = ','
	}
	return b.String()
}

// An Error describes why a WWW-Authenticate header is invalid. Its text is printable ASCII of at
// most 200 bytes, whatever the header holds.
type Error struct {
	Problem string // what is wrong, or which limit is exceeded
	Near    string // the beginning of the invalid part, as it was received; empty for the limit on size
}

// maxNear limits Error.Near. Quoting turns a byte into four at most.
const maxNear = 24

func (e *Error) Error() string {
	if e.Near == "" {
		return "WWW-Authenticate: " + e.Problem
	}
	return fmt.Sprintf("WWW-Authenticate: %s at %s", e.Problem, strconv.QuoteToASCII(e.Near))
}

func problem(what, near string) *Error {
	return &Error{Problem: what, Near: near[:min(len(near), maxNear)]}
}

// Parse returns the challenges of every WWW-Authenticate line of header, in order. A header without
// such a line has no challenges, which is not an error. For a header that is invalid anywhere,
// Parse returns an *Error and no challenges, because credentials must not be sent in response to a
// header that is only partly understood.
//
// A Basic challenge is the exception: what cannot be read after its name ends the line and is
// ignored. Some servers do not quote their realm, and nothing of the challenge is needed to answer
// it, as the credentials go to the server that was asked.
//
// The strings returned share the memory of header.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
func Parse(header http.Header) ([]Challenge, error) {
	lines := header["Www-Authenticate"]
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > MaxBytes {
		return nil, problem(fmt.Sprintf("longer than the limit of %d bytes", MaxBytes), "")
	}
	var challenges []Challenge
	for _, line := range lines {
		var err *Error
		if challenges, err = parseLine(challenges, line); err != nil {
			return nil, err
		}
	}
	return challenges, nil
}

// parseLine appends the challenges of one line. Commas separate both challenges and parameters, and
// only what follows the first word of an element shows which of the two it is. A parameter belongs
// to the challenge before it on the same line, if that one may have parameters.
func parseLine(challenges []Challenge, line string) ([]Challenge, *Error) {
	s := field.NewScanner(line)
	takesParams, first := false, len(challenges)
	for s.Element() {
		element := s.Rest()
		word := s.Token()
		spaced := s.Space()
		var err *Error
		switch {
		case word == "":
			return nil, problem("expected a scheme or a parameter", element)
		case s.Next('=') && !takesParams:
			return nil, problem("a parameter that belongs to no scheme", element)
		case s.Next('='):
			err = parseParam(&challenges[len(challenges)-1], word, s)
		case len(challenges) == MaxChallenges:
			return nil, problem(fmt.Sprintf("more than the limit of %d challenges", MaxChallenges), element)
		default:
			challenges = append(challenges, Challenge{Scheme: strings.ToLower(word)})
			takesParams, err = parseFirst(&challenges[len(challenges)-1], s, spaced)
		}
		if err == nil && !s.EndOfElement() {
			err = problem("expected a comma", s.Rest())
		}
		if last := len(challenges) - 1; err != nil && last >= first && challenges[last].Scheme == "basic" && !strings.ContainsFunc(line, isControl) {
			challenges[last].Params, challenges[last].Token68 = nil, ""
			return challenges, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return challenges, nil
}

// parseFirst parses what follows a scheme and the space after it: nothing, a token68, or the first
// parameter. It reports whether more parameters may follow.
func parseFirst(c *Challenge, s *field.Scanner, spaced bool) (takesParams bool, _ *Error) {
	if s.Done() || s.Next(',') {
		return spaced, nil
	}
	element := s.Rest()
	if !spaced {
		return false, problem("expected a space after a scheme", element)
	}
	if token := takeToken68(s); token != "" {
		c.Token68 = token
		return false, nil
	}
	name := s.Token()
	s.Space()
	if name == "" || !s.Next('=') {
		return false, problem("expected a parameter", element)
	}
	return true, parseParam(c, name, s)
}

// takeToken68 reads a token68 if nothing else follows in the element. Otherwise it reads nothing.
func takeToken68(s *field.Scanner) string {
	rest := s.Rest()
	try := *s
	if try.While(isToken68Byte) == "" {
		return ""
	}
	try.While(func(c byte) bool { return c == '=' })
	token := rest[:len(rest)-len(try.Rest())]
	if !try.EndOfElement() {
		return ""
	}
	*s = try
	return token
}

// parseParam parses a parameter, starting at its equals sign, and adds it to c.
func parseParam(c *Challenge, name string, s *field.Scanner) *Error {
	s.Take('=')
	s.Space()
	near := s.Rest()
	value, bad := s.Value()
	if bad != "" {
		return problem(string(bad), near)
	}
	name = strings.ToLower(name)
	if _, twice := c.Params[name]; twice {
		return problem("a parameter given twice", name)
	}
	if len(c.Params) == MaxParams {
		return problem(fmt.Sprintf("more than the limit of %d parameters", MaxParams), name)
	}
	if c.Params == nil {
		c.Params = make(map[string]string)
	}
	c.Params[name] = value
	return nil
}

func isToken68Byte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-._~+/", c) >= 0
}

// isControl reports whether c is a control character that no header field may hold.
func isControl(c rune) bool { return unicode.IsControl(c) && c != '\t' }
