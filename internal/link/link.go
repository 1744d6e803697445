// Package link finds the next page of a list in the Link header fields of a response.
//
// It knows the grammar of the field and the relation type "next", but not what is listed.
//
// Invariants: only the query of the next page comes from the header, its origin and path are those of
// the page before it; a header is parsed completely or is an error; the text of an error is short,
// printable and without user information and queries, whatever the header holds.
package link

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/field"
)

// MaxBytes limits the Link lines of a header, all of them together.
const MaxBytes = 8 << 10

// An Error describes why a Link header is invalid or its target not allowed. Its text is printable
// ASCII of at most 200 bytes, whatever the header holds.
type Error struct {
	Problem string // what is wrong
	Near    string // the beginning of the invalid part, without user information and query; empty for the limit on size
}

// maxNear limits Error.Near. Quoting turns a byte into four at most.
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

// redacted removes the query and the user information of a URL, which may be secrets.
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

// Next returns the target of the link with the relation type "next" in the Link lines of header, or
// nil if there is none. The header belongs to the page at from, an absolute URL, against which
// relative targets are resolved.
//
// Only the cursor counts. The result has the scheme, host and path of from, no user information and
// no fragment; only the query is the target's. Registries behind a proxy write their inner address
// into the header: the target may have another scheme, port or prefix, as long as it has the same
// host and leads to the same list. A target with another host, of another list, with user
// information, or that names a host without a scheme is an *Error. So are two different targets and
// a header that is invalid anywhere: overlooking a next page would make a part of a list look
// complete.
//
// The caller must detect a registry that sends the same page again and again.
//
// See https://www.rfc-editor.org/rfc/rfc8288#section-3
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
			starts, err := l.startsAt(from)
			if err != nil {
				return nil, err
			}
			if !starts {
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

// startsAt reports whether the link starts at the page it came with. Its anchor may name another
// page.
//
// See https://www.rfc-editor.org/rfc/rfc8288#section-3.2
func (l link) startsAt(page *url.URL) (bool, *Error) {
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

// resolve resolves the target against the page it came with.
func (l link) resolve(page *url.URL) (*url.URL, *Error) {
	if strings.ContainsFunc(l.target, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return nil, problem("a target that is not a URL", l.target)
	}
	target, _, _ := strings.Cut(l.target, "#")
	if strings.HasPrefix(target, "//") {
		return nil, problem("a target that names a host without a scheme", l.target)
	}
	// The common targets need no resolving: a query, or the path of this page and a query.
	path, query, hasQuery := strings.Cut(target, "?")
	if strings.Contains(path, `\`) { // browsers read it as a slash, so that a host may follow
		return nil, problem("a target that is not a URL", l.target)
	}
	if path == "" && hasQuery || strings.HasPrefix(path, "/") && path == page.EscapedPath() {
		return withQuery(page, query, hasQuery && query == ""), nil
	}
	u, err := withQuery(page, page.RawQuery, page.ForceQuery).Parse(target)
	switch {
	case err != nil:
		return nil, problem("a target that is not a URL", l.target)
	case u.User != nil:
		return nil, problem("a target with user information", l.target)
	case !sameHost(u, page):
		return nil, problem("a target at another host", l.target)
	case !sameList(u.Path, page.Path):
		return nil, problem("a target of another list", l.target)
	}
	return withQuery(page, u.RawQuery, u.ForceQuery), nil
}

// sameHost reports whether two URLs have the same host, at whatever port and by http or https.
func sameHost(u, page *url.URL) bool {
	web := strings.EqualFold(u.Scheme, "https") || strings.EqualFold(u.Scheme, "http")
	return web && u.Opaque == "" && strings.EqualFold(u.Hostname(), page.Hostname())
}

// minSegments is how many segments of a path are enough to tell two lists apart: those of
// "app/tags/list". The last two alone are those of every repository.
const minSegments = 3

// sameList reports whether two paths lead to the same list, although one of them may lack a prefix:
// before "/v2/", in its place, or before the name of the repository. Nexus and Artifactory serve
// "team/app" at /v2/team/app/…, at /v2/docker/team/app/… and at /repository/docker/v2/team/app/….
func sameList(target, page string) bool {
	_, list, ok := strings.Cut(page, "/v2/")
	if target == page || ok && endsIn(target, list) {
		return true
	}
	for ok {
		if _, target, ok = strings.Cut(target, "/v2/"); ok && endsIn(list, target) {
			return true
		}
	}
	return false
}

// endsIn reports whether the last segments of a path are those of another one.
func endsIn(path, end string) bool {
	return strings.HasSuffix(path, "/"+end) && (strings.Count(end, "/") >= minSegments-1 || end == "_catalog")
}

// withQuery returns the page with another query. Nothing else can come from the header.
func withQuery(page *url.URL, query string, force bool) *url.URL {
	return &url.URL{
		Scheme: page.Scheme, Host: page.Host, Path: page.Path, RawPath: page.RawPath,
		RawQuery: query, ForceQuery: force,
	}
}
