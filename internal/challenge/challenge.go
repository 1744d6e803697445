// Package challenge parses the WWW-Authenticate header, with which a server says how it wants to be authenticated to.
package challenge

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

// The limits of Parse. What registries send stays far below them.
const (
	MaxBytes      = 16 << 10 // over all WWW-Authenticate lines together
	MaxChallenges = 8        // over all lines together
	MaxParams     = 32       // of one challenge
)

// Challenge is one way to authenticate: https://www.rfc-editor.org/rfc/rfc9110#section-11.3. It has parameters, or a
// token68, or neither, but not both.
type Challenge struct {
	Scheme  string            // in lower case
	Params  map[string]string // names in lower case, values unquoted; nil if there are none
	Token68 string
}

// String formats a challenge as Parse reads it, parameters sorted by name.
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

// Error says why a WWW-Authenticate header was refused. Its text is printable ASCII of at most 200 bytes, whatever the
// header holds.
type Error struct {
	Problem string // what is wrong, or which limit was passed
	Near    string // where: the beginning of what could not be read, as it was received; empty for a limit on size
}

// maxNear bounds Error.Near. Quoting makes each byte at most four.
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

// Parse returns the challenges of every WWW-Authenticate line of header, in order:
// https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1. A header without any has none, which is no error. A single
// fault in it is an *Error, and no challenge is returned: what cannot be read wholly is not to be answered with a
// credential.
//
// The values returned share the memory of header.
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

// parseLine appends the challenges of one line. Commas separate challenges and parameters alike: what an element is,
// shows only after its first word. A parameter belongs to the last challenge that left room for one, and never to one
// of an earlier line.
func parseLine(challenges []Challenge, line string) ([]Challenge, *Error) {
	s := field.NewScanner(line)
	takesParams := false
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
		if err != nil {
			return nil, err
		}
		if !s.EndOfElement() {
			return nil, problem("expected a comma", s.Rest())
		}
	}
	return challenges, nil
}

// parseFirst parses what follows a scheme and the space after it: nothing, a token68, or the first parameter. It
// reports whether parameters may follow.
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

// takeToken68 reads a token68 if that is all there is up to the end of the element. Otherwise it reads nothing.
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

// parseParam parses a parameter from its equals sign on and adds it to c.
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
