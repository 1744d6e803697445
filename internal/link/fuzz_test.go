package link_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/link"
)

// FuzzNext holds the parser to this: a next page never leaves the origin and path of the page before it, carries no
// userinfo and no fragment, makes a request line that is one line, and leads back to itself when it is sent as a Link;
// a refusal is an *Error whose text is short and printable.
func FuzzNext(f *testing.F) {
	f.Add(`</v2/team/app/tags/list?last=b&n=2>; rel="next"`, "", page)
	f.Add(`<?last=b>; rel="prev next"; title="a, b"`, `<list?last=b>; rel=next`, page+"?n=2")
	f.Add(`<//example.org/v2/team/app/tags/list>; rel=next`, `<https://u@example.org>; rel=next`, page)
	f.Add(`<http://localhost/v2/a/tags/list>; rel=next; anchor="#x"`, "", "http://localhost:80/v2/a%2Fb/tags/list")
	f.Fuzz(func(t *testing.T, first, second, from string) {
		at, err := url.Parse(from)
		if err != nil || at.Host == "" {
			return // not a page that anyone asks for
		}
		next, err := link.Next(header(first, second), at)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if next == nil {
			return
		}
		place := func(u *url.URL) []string { return []string{u.Scheme, u.Host, u.EscapedPath()} }
		if diff := cmp.Diff(place(at), place(next)); diff != "" {
			t.Fatalf("scheme, host and path (-page +next):\n%s", diff)
		}
		if next.User != nil || next.Fragment != "" || next.RawFragment != "" || next.Opaque != "" {
			t.Fatalf("more than a place and a query: %#v", next)
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

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*link.Error](err); !ok {
		t.Fatalf("got %T, want *link.Error", err)
	}
	text := err.Error()
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("text of %d bytes: %q", len(text), text)
	}
}
