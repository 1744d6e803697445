// Package link finds the next page of a list in a Link header.
package link

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

// MaxBytes limits all Link lines of a header together.
const MaxBytes = 8 << 10

// Error says why a Link header was refused. Its text is printable ASCII of at most 200 bytes, whatever the header holds.
type Error struct {
	Problem string // what is wrong
	Near    string // where: the beginning of what was refused, as it was received but for user information and query; empty for the limit on size
}

// maxNear bounds Error.Near. Quoting makes each byte at most four.
const maxNear = 32

func (e *Error) Error() string {
	if e.Near == "" {
		return "Link: " + e.Problem
	}
	return fmt.Sprintf("Link: %s at %s", e.Problem, strconv.QuoteToASCII(e.Near))
}

func problem(what, near string) *Error {
	near = redacted(near)
	return &Error{Problem: what, Near: near[:min(len(near), maxNear)]}
}

// redacted leaves out what may be a secret: the query and user information of a URL.
func redacted(near string) string {
	if i := strings.IndexByte(near, '?'); i >= 0 {
		near = near[:i+1] + "..."
	}
	if i := strings.LastIndexByte(near, '@'); i >= 0 {
		scheme, _, _ := strings.Cut(near[:i], "//")
		near = scheme + "//...@" + near[i+1:]
	}
	return near
}

// Next returns the target of the link with the relation type "next" in the Link lines of header, or nil if there is
// none: https://www.rfc-editor.org/rfc/rfc8288#section-3. The header came with the page at from, an absolute URL, and
// relative targets are resolved against that.
//
// A next page lies where this one does: what is returned has scheme, host and path of from, no userinfo and no
// fragment; only the query is the target's. A target anywhere else is an *Error, as are two different ones and a header
// that cannot be read wholly: to overlook a next page would be to take a part of a list for all of it.
//
// That a registry may send the same page for ever is left to the caller to notice.
func Next(header http.Header, from *url.URL) (*url.URL, error) {
	lines := header["Link"]
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > MaxBytes {
		return nil, problem(fmt.Sprintf("longer than the limit of %d bytes", MaxBytes), "")
	}
	var next *url.URL
	for _, line := range lines {
		s := field.NewScanner(line)
		for s.Element() {
			l, err := parse(s)
			if err != nil {
				return nil, err
			}
			if !l.isNext() {
				continue
			}
			about, err := l.isAbout(from)
			if err != nil {
				return nil, err
			}
			if !about {
				continue
			}
			target, err := l.resolve(from)
			if err != nil {
				return nil, err
			}
			if next != nil && *next != *target {
				return nil, problem("a second next page", l.target)
			}
			next = target
		}
	}
	return next, nil
}

// isNext reports whether "next" is among the relation types.
func (l link) isNext() bool {
	for relation := range strings.FieldsSeq(l.rel) {
		if strings.EqualFold(relation, "next") {
			return true
		}
	}
	return false
}

// isAbout reports whether the link leads from the page it came with, and not, by its anchor, from somewhere else:
// https://www.rfc-editor.org/rfc/rfc8288#section-3.2.
func (l link) isAbout(page *url.URL) (bool, *Error) {
	if l.anchor == "" {
		return true, nil
	}
	base := withQuery(page, page.RawQuery, page.ForceQuery)
	anchor, err := base.Parse(l.anchor)
	if err != nil {
		return false, problem("an anchor that is not a URL", l.anchor)
	}
	return anchor.String() == base.String(), nil
}

// resolve returns the target seen from the page it came with.
func (l link) resolve(page *url.URL) (*url.URL, *Error) {
	if strings.ContainsFunc(l.target, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, problem("a target that is not a URL", l.target)
	}
	target, _, _ := strings.Cut(l.target, "#")
	if strings.HasPrefix(target, "//") {
		return nil, problem("a target that names a host without a scheme", l.target)
	}
	// The common targets, a query with or without this very path, need no resolving.
	path, query, hasQuery := strings.Cut(target, "?")
	if path == "" && hasQuery || strings.HasPrefix(path, "/") && path == page.EscapedPath() {
		return withQuery(page, query, hasQuery && query == ""), nil
	}
	u, err := withQuery(page, page.RawQuery, page.ForceQuery).Parse(target)
	switch {
	case err != nil:
		return nil, problem("a target that is not a URL", l.target)
	case u.User != nil:
		return nil, problem("a target with userinfo", l.target)
	case !sameOrigin(u, page):
		return nil, problem("a target of another origin", l.target)
	case u.EscapedPath() != page.EscapedPath():
		return nil, problem("a target of another path", l.target)
	}
	return withQuery(page, u.RawQuery, u.ForceQuery), nil
}

// withQuery takes everything but the query from the page, so that nothing else can come from the header.
func withQuery(page *url.URL, query string, force bool) *url.URL {
	return &url.URL{
		Scheme: page.Scheme, Host: page.Host, Path: page.Path, RawPath: page.RawPath,
		RawQuery: query, ForceQuery: force,
	}
}

// sameOrigin compares as https://www.rfc-editor.org/rfc/rfc6454#section-5 does.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) &&
		a.Opaque == "" && port(a) == port(b)
}

func port(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	case strings.EqualFold(u.Scheme, "http"):
		return "80"
	}
	return ""
}
