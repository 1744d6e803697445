package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// pages is a transport that responds with one page after another, and repeats the last one.
func pages(all ...*http.Response) http.RoundTripper {
	i := 0
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		page := *all[min(i, len(all)-1)]
		body := page.Header.Get("Test-Body")
		i++
		return &http.Response{StatusCode: page.StatusCode, Header: page.Header, Body: respond(req, 0, body).Body}, nil
	})
}

// page returns a response with a body and, unless it is empty, a Link.
func page(status int, body, link string) *http.Response {
	h := http.Header{"Test-Body": {body}}
	if link != "" {
		h.Set("Link", link)
	}
	return &http.Response{StatusCode: status, Header: h}
}

func TestTagPageFormats(t *testing.T) {
	t.Parallel()
	const next = `</v2/team/app/tags/list?n=1000&last=b>; rel="next"`
	ok := func(body string) *http.Response { return page(200, body, "") }
	tests := []struct {
		name  string
		pages []*http.Response
		want  string // tags separated by spaces
		kind  error
	}{
		{"null is empty", []*http.Response{ok(`{"name":"team/app","tags":null}`)}, "", nil},
		{"an empty array is empty", []*http.Response{ok(`{"tags":[]}`)}, "", nil},
		{"other members are ignored", []*http.Response{ok(`{"child":["x"],"manifest":{"sha256:1":{"tag":["y"],"n":null}},"tags":["a"],"next":"z"}`)}, "a", nil},
		{"an absolute Link of the same origin is followed",
			[]*http.Response{page(200, `{"tags":["a","b"]}`, `<https://registry.example.com/v2/team/app/tags/list?last=b>; rel=next`), ok(`{"tags":["c"]}`)}, "a b c", nil},
		{"a query alone is followed", []*http.Response{page(200, `{"tags":["a"]}`, `<?last=a>; rel="next"`), ok(`{"tags":["b"]}`)}, "a b", nil},
		{"a Link to an empty page is followed", []*http.Response{page(200, `{"tags":["a","b"]}`, next), ok(`{"tags":[]}`)}, "a b", nil},
		{"two consecutive empty pages are skipped", []*http.Response{page(200, `{"tags":[]}`, next), page(200, `{"tags":[]}`, `<?last=c>; rel="next"`), ok(`{"tags":["a"]}`)}, "a", nil},
		{"only consecutive empty pages count", []*http.Response{page(200, `{"tags":[]}`, `<?1>; rel="next"`), page(200, `{"tags":[]}`, `<?2>; rel="next"`), page(200, `{"tags":["a"]}`, `<?3>; rel="next"`),
			page(200, `{"tags":[]}`, `<?4>; rel="next"`), page(200, `{"tags":[]}`, `<?5>; rel="next"`), ok(`{"tags":["b"]}`)}, "a b", nil},
		{"a value with 100 levels of nesting is ignored", []*http.Response{ok(`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"tags":["a"]}`)}, "a", nil},
		{"rel=prev is not the next page", []*http.Response{page(200, `{"tags":["a"]}`, `</v2/other?x>; rel="prev"`)}, "a", nil},
		{"the name may lack a prefix", []*http.Response{ok(`{"name":"app","tags":["a"]}`)}, "a", nil},
		{"the name may have a prefix", []*http.Response{ok(`{"name":"proxy/team/app","tags":["a"]}`)}, "a", nil},
		{"the name may be null", []*http.Response{ok(`{"name":null,"tags":["a"]}`)}, "a", nil},
		{"the name may follow the tags", []*http.Response{ok(`{"tags":["a"],"name":"team/app"}`)}, "a", nil},

		{"a missing member tags is an error", []*http.Response{ok(`{"name":"team/app"}`)}, "", regret.ErrNotRegistry},
		{"errors with 200 are an error", []*http.Response{ok(`{"errors":[{"code":"DENIED"}]}`)}, "", regret.ErrNotRegistry},
		{"HTML is an error", []*http.Response{ok(`<html><body>Sign in</body></html>`)}, "", regret.ErrNotRegistry},
		{"an empty body is an error", []*http.Response{ok("")}, "", regret.ErrNotRegistry},
		{"null is an error", []*http.Response{ok("null")}, "", regret.ErrNotRegistry},
		{"an array is an error", []*http.Response{ok(`["a"]`)}, "", regret.ErrNotRegistry},
		{"206 is an error", []*http.Response{page(206, `{"tags":["a"]}`, "")}, "", regret.ErrNotRegistry},
		{"trailing garbage is an error", []*http.Response{ok(`{"tags":["a"]} x`)}, "a", regret.ErrNotRegistry},
		{"a second document is an error", []*http.Response{ok(`{"tags":["a"]}{"tags":["b"]}`)}, "a", regret.ErrNotRegistry},
		{"a truncated document is an error", []*http.Response{ok(`{"tags":["a","b"`)}, "a b", regret.ErrNotRegistry},
		{"a truncated member name is an error", []*http.Response{ok(`{"na`)}, "", regret.ErrNotRegistry},
		{"a duplicate member tags is an error", []*http.Response{ok(`{"tags":["a"],"tags":["b"]}`)}, "a", regret.ErrNotRegistry},
		{"tags in an object are an error", []*http.Response{ok(`{"tags":{"a":1}}`)}, "", regret.ErrNotRegistry},
		{"tags in a string are an error", []*http.Response{ok(`{"tags":"a"}`)}, "", regret.ErrNotRegistry},
		{"a number as tag is an error", []*http.Response{ok(`{"tags":["a",7]}`)}, "a", regret.ErrNotRegistry},
		{"an array as tag is an error", []*http.Response{ok(`{"tags":["a",["b"]]}`)}, "a", regret.ErrNotRegistry},
		{"null as tag is an error", []*http.Response{ok(`{"tags":["a",null]}`)}, "a", regret.ErrNotRegistry},
		{"an empty string as tag is named at the end", []*http.Response{ok(`{"tags":["","a"]}`)}, "a", regret.ErrInvalidEntries},
		{"a path as tag is named at the end", []*http.Response{ok(`{"tags":["../..","a"]}`)}, "a", regret.ErrInvalidEntries},
		{"a digest as tag is ignored", []*http.Response{ok(`{"tags":["` + someDigest + `","a"]}`)}, "a", nil},
		{"a query as tag is named at the end", []*http.Response{ok(`{"tags":["a?x","a"]}`)}, "a", regret.ErrInvalidEntries},
		{"invalid UTF-8 as tag is an error", []*http.Response{ok("{\"tags\":[\"a\xff\"]}")}, "", regret.ErrNotRegistry},
		{"the list of another repository is an error", []*http.Response{ok(`{"name":"team/other","tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"a name that only has the same suffix is an error", []*http.Response{ok(`{"name":"steam/app","tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"a name that is a number is an error", []*http.Response{ok(`{"name":7,"tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"a value with 10,000 levels of nesting is an error", []*http.Response{ok(`{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `,"tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"endless nesting is an error", []*http.Response{ok(`{"x":` + strings.Repeat("[", 1<<20))}, "", regret.ErrNotRegistry},
		{"endless nesting among the tags is an error", []*http.Response{ok(`{"tags":[` + strings.Repeat("[", 1<<20))}, "", regret.ErrNotRegistry},
		{"a bracket of the wrong kind is an error", []*http.Response{ok(`{"tags":["a"}}`)}, "a", regret.ErrNotRegistry},

		{"a Link to another host is an error", []*http.Response{page(200, `{"tags":["a"]}`, `<https://evil.example.net/v2/team/app/tags/list?last=a>; rel="next"`)}, "", regret.ErrIncompleteList},
		{"a Link to a scheme other than http and https is an error", []*http.Response{page(200, `{"tags":["a"]}`, `<ftp://registry.example.com/v2/team/app/tags/list?last=a>; rel="next"`)}, "", regret.ErrIncompleteList},
		{"a Link to another path is an error", []*http.Response{page(200, `{"tags":["a"]}`, `</v2/team/other/tags/list?last=a>; rel="next"`)}, "", regret.ErrIncompleteList},
		{"a malformed Link is an error", []*http.Response{page(200, `{"tags":["a"]}`, `</v2/team/app/tags/list?last=a; rel="next"`)}, "", regret.ErrIncompleteList},
		{"the same page again is an error", []*http.Response{page(200, `{"tags":["a","b"]}`, next)}, "a b", regret.ErrIncompleteList},
		{"a page that overlaps the one before is an error", []*http.Response{page(200, `{"tags":["a","b"]}`, next), ok(`{"tags":["b","c"]}`)}, "a b", regret.ErrIncompleteList},
		{"endless empty pages are an error", []*http.Response{page(200, `{"tags":[]}`, next)}, "", regret.ErrIncompleteList},
		{"HTML as page two is an error", []*http.Response{page(200, `{"tags":["a"]}`, next), ok("<html>")}, "a", regret.ErrIncompleteList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, pages(tt.pages...))
			got, err := collect(t, c.Tags(t.Context(), repo))
			if tt.kind == nil {
				wantErr(t, err)
			} else if e := wantErr(t, err, tt.kind); e.Op != "tags" || e.Repository != repo {
				t.Errorf("error has operation %q and repository %q", e.Op, e.Repository)
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" && len(got)+len(tt.want) > 0 {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
