// Package field scans HTTP field values: tokens, quoted strings, and the white space and commas
// between them.
//
// It knows the rules that all fields share, and no field in particular.
//
// Invariants: a scanner returns only what is in its value, and never reads past its end; a part
// that is not valid is not read.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-5.6
package field

import "strings"

// A Problem describes what is wrong with a part of a field value. It is empty if nothing is.
type Problem string

// The problems that a Scanner finds.
const (
	NoValue      Problem = "expected a token or a quoted string"
	Unterminated Problem = "unterminated quoted string"
	Control      Problem = "control character in a quoted string"
)

// A Scanner reads one field value from left to right. Where possible, the strings it returns are
// substrings of that value.
type Scanner struct {
	rest string
}

// NewScanner returns a Scanner at the beginning of value.
func NewScanner(value string) *Scanner {
	return &Scanner{rest: value}
}

// Rest returns the part that has not been read yet.
func (s *Scanner) Rest() string {
	return s.rest
}

// Done reports whether the whole value has been read.
func (s *Scanner) Done() bool {
	return s.rest == ""
}

// Next reports whether the next byte is c.
func (s *Scanner) Next(c byte) bool {
	return s.rest != "" && s.rest[0] == c
}

// Take reads c if it is the next byte.
func (s *Scanner) Take(c byte) bool {
	if !s.Next(c) {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// Space reads spaces and tabs and reports whether there were any.
func (s *Scanner) Space() bool {
	return s.While(func(c byte) bool { return c == ' ' || c == '\t' }) != ""
}

// While reads the longest run of bytes for which accept holds. It may be empty.
func (s *Scanner) While(accept func(byte) bool) string {
	n := 0
	for n < len(s.rest) && accept(s.rest[n]) {
		n++
	}
	run := s.rest[:n]
	s.rest = s.rest[n:]
	return run
}

// Element goes to the next element of a comma-separated list and reports whether there is one. It
// skips white space and empty elements, as https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2
// requires of a recipient.
func (s *Scanner) Element() bool {
	for s.Space() || s.Take(',') {
	}
	return !s.Done()
}

// EndOfElement reads the white space after a list element and reports whether the element ends
// here.
func (s *Scanner) EndOfElement() bool {
	s.Space()
	return s.Done() || s.Next(',')
}

// Token reads a token. It returns the empty string if there is none.
func (s *Scanner) Token() string {
	return s.While(isTokenByte)
}

// Value reads a token or a quoted string.
func (s *Scanner) Value() (string, Problem) {
	if s.Next('"') {
		return s.Quoted()
	}
	token := s.Token()
	if token == "" {
		return "", NoValue
	}
	return token, ""
}

// Quoted reads a quoted string, whose opening quote must be the next byte. It returns the text
// without quotes and escapes.
func (s *Scanner) Quoted() (string, Problem) {
	if !s.Next('"') {
		return "", NoValue
	}
	body, escaped := s.rest[1:], false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			s.rest = body[i+1:]
			if escaped {
				return unescape(body[:i]), ""
			}
			return body[:i], ""
		case isControl(c):
			return "", Control
		case c == '\\':
			escaped = true
			i++
			if i < len(body) && isControl(body[i]) {
				return "", Control
			}
		}
	}
	return "", Unterminated
}

// Quote writes value as a quoted string to b.
func Quote(b *strings.Builder, value string) {
	b.WriteByte('"')
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	b.WriteByte('"')
}

func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isControl reports whether a quoted string must not contain c, even escaped. A tab is allowed.
func isControl(c byte) bool {
	return c < ' ' && c != '\t' || c == 0x7f
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsToken68 reports whether s has the form in which a bearer token is sent.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-11.2
func IsToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/", r))
	})
}

// IsPrintable reports whether s can be a field value as it is: not blank, and
// nothing but printable ASCII.
func IsPrintable(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) != ""
}
