package link

import (
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

// A link is one link-value. Other parameters than these are parsed and ignored.
//
// See https://www.rfc-editor.org/rfc/rfc8288#section-3
type link struct {
	target string // the text between the brackets
	rel    string // relation types, separated by white space
	anchor string // empty if there is none, because an empty reference is the page itself
}

// parse reads one link-value, up to the comma after it or to the end.
func parse(s *field.Scanner) (link, *Error) {
	var l link
	element := s.Rest()
	if s.Take('<') {
		l.target = s.While(func(c byte) bool { return c != '>' })
		if !s.Take('>') {
			return l, problem("a target without its closing bracket", element)
		}
	} else if l.target = s.While(isBareByte); !isBare(l.target) {
		return l, problem("expected a target in angle brackets", element)
	}
	var seenRel, seenAnchor bool
	for !s.EndOfElement() {
		if !s.Take(';') {
			return l, problem("expected a semicolon or a comma", s.Rest())
		}
		name, value, err := parseParam(s)
		switch {
		case err != nil:
			return l, err
		// Only the first of each counts: https://www.rfc-editor.org/rfc/rfc8288#section-3.3.
		case strings.EqualFold(name, "rel") && !seenRel:
			l.rel, seenRel = value, true
		case strings.EqualFold(name, "anchor") && !seenAnchor:
			l.anchor, seenAnchor = value, true
		}
	}
	return l, nil
}

// isBare accepts a target without brackets, as Cloudflare's serverless registry writes it, if it
// begins like a URL, a path or a query and so cannot be anything else.
func isBare(target string) bool {
	for _, beginning := range []string{"https://", "http://", "/", "?"} {
		if strings.HasPrefix(target, beginning) {
			return true
		}
	}
	return false
}

// parseParam reads the parameter after a semicolon. The value may be missing, and so may the
// parameter.
func parseParam(s *field.Scanner) (name, value string, _ *Error) {
	if s.EndOfElement() || s.Next(';') {
		return "", "", nil
	}
	near := s.Rest()
	if name = s.Token(); name == "" {
		return "", "", problem("expected a parameter", near)
	}
	s.Space()
	if !s.Take('=') {
		return name, "", nil
	}
	s.Space()
	near = s.Rest()
	if s.Next('"') {
		value, bad := s.Quoted()
		if bad != "" {
			return "", "", problem(string(bad), near)
		}
		return name, value, nil
	}
	if value = s.While(isBareByte); value == "" {
		return "", "", problem(string(field.NoValue), near)
	}
	return name, value, nil
}

// isBareByte reports whether c may be part of an unquoted value. That is more than a token, because
// before RFC 8288 media types and URIs needed no quotes either, and some senders still write
// type=text/css.
func isBareByte(c byte) bool {
	return ' ' < c && c <= '~' && strings.IndexByte(`",;<>\`, c) < 0
}
