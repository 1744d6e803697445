package link_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/link"
)

// FuzzNext checks that a next page has the origin and path of the page before it, no user
// information and no fragment, that its query fits in a request line, and that it is the same page
// when it is sent as a Link again; and that an error is an *Error with a short and printable text.
func FuzzNext(f *testing.F) {
	f.Add(`</v2/team/app/tags/list?last=b&n=2>; rel="next"`, "", page)
	f.Add(`<?last=b>; rel="prev next"; title="a, b"`, `<list?last=b>; rel=next`, page+"?n=2")
	f.Add(`<//example.org/v2/team/app/tags/list>; rel=next`, `<https://u@example.org>; rel=next`, page)
	f.Add(`<http://localhost/v2/a/tags/list>; rel=next; anchor="#x"`, "", "http://localhost:80/v2/a%2Fb/tags/list")
	f.Fuzz(func(t *testing.T, first, second, from string) {
		at, err := url.Parse(from)
		if err != nil || at.Host == "" {
			return // not an absolute URL
		}
		next, err := link.Next(header(first, second), at)
		if err != nil {
			checkError(t, err)
			return
		}
		if next == nil {
			return
		}
		location := func(u *url.URL) []string { return []string{u.Scheme, u.Host, u.EscapedPath()} }
		if diff := cmp.Diff(location(at), location(next)); diff != "" {
			t.Fatalf("scheme, host and path (-page +next):\n%s", diff)
		}
		if next.User != nil || next.Fragment != "" || next.RawFragment != "" || next.Opaque != "" {
			t.Fatalf("more than origin, path and query: %#v", next)
		}
		if next.RawQuery == "" || next.RawQuery == at.RawQuery {
			return
		}
		if strings.ContainsFunc(next.RawQuery, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("query %q", next.RawQuery)
		}
		again, err := link.Next(header("<?"+next.RawQuery+">;rel=next"), next)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next, again); diff != "" {
			t.Fatalf("next page after a round trip (-want +got):\n%s", diff)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*link.Error](err); !ok {
		t.Fatalf("got %T, want *link.Error", err)
	}
	text := err.Error()
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("text of %d bytes: %q", len(text), text)
	}
}
