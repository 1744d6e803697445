package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

// pages answers with one page after the other, the last one for ever.
func pages(all ...*http.Response) http.RoundTripper {
	i := 0
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		page := *all[min(i, len(all)-1)]
		body := page.Header.Get("Test-Body")
		i++
		return &http.Response{StatusCode: page.StatusCode, Header: page.Header, Body: respond(req, 0, body).Body}, nil
	})
}

// page is a page of tags, or whatever body is, with a Link if there is one.
func page(status int, body, link string) *http.Response {
	h := http.Header{"Test-Body": {body}}
	if link != "" {
		h.Set("Link", link)
	}
	return &http.Response{StatusCode: status, Header: h}
}

func TestTagPages(t *testing.T) {
	t.Parallel()
	const next = `</v2/team/app/tags/list?n=1000&last=b>; rel="next"`
	ok := func(body string) *http.Response { return page(200, body, "") }
	tests := []struct {
		name  string
		pages []*http.Response
		want  string // tags joined by blanks
		kind  error
	}{
		{"null is empty", []*http.Response{ok(`{"name":"team/app","tags":null}`)}, "", nil},
		{"an empty array is empty", []*http.Response{ok(`{"tags":[]}`)}, "", nil},
		{"other keys are passed over", []*http.Response{ok(`{"child":["x"],"manifest":{"sha256:1":{"tag":["y"],"n":null}},"tags":["a"],"next":"z"}`)}, "a", nil},
		{"an absolute Link of the same origin is followed",
			[]*http.Response{page(200, `{"tags":["a","b"]}`, `<https://registry.example.com/v2/team/app/tags/list?last=b>; rel=next`), ok(`{"tags":["c"]}`)}, "a b c", nil},
		{"a query alone is followed", []*http.Response{page(200, `{"tags":["a"]}`, `<?last=a>; rel="next"`), ok(`{"tags":["b"]}`)}, "a b", nil},
		{"a Link on the last page leads to an empty one", []*http.Response{page(200, `{"tags":["a","b"]}`, next), ok(`{"tags":[]}`)}, "a b", nil},
		{"two empty pages are passed", []*http.Response{page(200, `{"tags":[]}`, next), page(200, `{"tags":[]}`, `<?last=c>; rel="next"`), ok(`{"tags":["a"]}`)}, "a", nil},
		{"empty pages are counted in a row", []*http.Response{page(200, `{"tags":[]}`, `<?1>; rel="next"`), page(200, `{"tags":[]}`, `<?2>; rel="next"`), page(200, `{"tags":["a"]}`, `<?3>; rel="next"`),
			page(200, `{"tags":[]}`, `<?4>; rel="next"`), page(200, `{"tags":[]}`, `<?5>; rel="next"`), ok(`{"tags":["b"]}`)}, "a b", nil},
		{"a hundred levels are skipped", []*http.Response{ok(`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"tags":["a"]}`)}, "a", nil},
		{"rel=prev is not the next page", []*http.Response{page(200, `{"tags":["a"]}`, `</v2/other?x>; rel="prev"`)}, "a", nil},
		{"the name may lack a prefix", []*http.Response{ok(`{"name":"app","tags":["a"]}`)}, "a", nil},
		{"the name may have a prefix", []*http.Response{ok(`{"name":"proxy/team/app","tags":["a"]}`)}, "a", nil},
		{"the name may be null", []*http.Response{ok(`{"name":null,"tags":["a"]}`)}, "a", nil},
		{"the name may be in no order", []*http.Response{ok(`{"tags":["a"],"name":"team/app"}`)}, "a", nil},

		{"no tags key is not a list", []*http.Response{ok(`{"name":"team/app"}`)}, "", regret.ErrNotRegistry},
		{"errors with 200 are not a list", []*http.Response{ok(`{"errors":[{"code":"DENIED"}]}`)}, "", regret.ErrNotRegistry},
		{"HTML is not a list", []*http.Response{ok(`<html><body>Sign in</body></html>`)}, "", regret.ErrNotRegistry},
		{"nothing is not a list", []*http.Response{ok("")}, "", regret.ErrNotRegistry},
		{"null alone is not a list", []*http.Response{ok("null")}, "", regret.ErrNotRegistry},
		{"an array alone is not a list", []*http.Response{ok(`["a"]`)}, "", regret.ErrNotRegistry},
		{"another status of success is not a list", []*http.Response{page(206, `{"tags":["a"]}`, "")}, "", regret.ErrNotRegistry},
		{"trailing garbage is an error", []*http.Response{ok(`{"tags":["a"]} x`)}, "a", regret.ErrNotRegistry},
		{"a second document is an error", []*http.Response{ok(`{"tags":["a"]}{"tags":["b"]}`)}, "a", regret.ErrNotRegistry},
		{"a document that breaks off is an error", []*http.Response{ok(`{"tags":["a","b"`)}, "a b", regret.ErrNotRegistry},
		{"a key that breaks off is an error", []*http.Response{ok(`{"na`)}, "", regret.ErrNotRegistry},
		{"two tags keys are an error", []*http.Response{ok(`{"tags":["a"],"tags":["b"]}`)}, "a", regret.ErrNotRegistry},
		{"tags in an object are an error", []*http.Response{ok(`{"tags":{"a":1}}`)}, "", regret.ErrNotRegistry},
		{"tags in a string are an error", []*http.Response{ok(`{"tags":"a"}`)}, "", regret.ErrNotRegistry},
		{"a number is no tag", []*http.Response{ok(`{"tags":["a",7]}`)}, "a", regret.ErrNotRegistry},
		{"an array is no tag", []*http.Response{ok(`{"tags":["a",["b"]]}`)}, "a", regret.ErrNotRegistry},
		{"null is no tag", []*http.Response{ok(`{"tags":["a",null]}`)}, "a", regret.ErrNotRegistry},
		{"an empty string is no tag", []*http.Response{ok(`{"tags":[""]}`)}, "", regret.ErrNotRegistry},
		{"a path is no tag", []*http.Response{ok(`{"tags":["../.."]}`)}, "", regret.ErrNotRegistry},
		{"a digest is no tag", []*http.Response{ok(`{"tags":["` + someDigest + `"]}`)}, "", regret.ErrNotRegistry},
		{"a query is no tag", []*http.Response{ok(`{"tags":["a?x"]}`)}, "", regret.ErrNotRegistry},
		{"invalid UTF-8 is no tag", []*http.Response{ok("{\"tags\":[\"a\xff\"]}")}, "", regret.ErrNotRegistry},
		{"another repository's list is an error", []*http.Response{ok(`{"name":"team/other","tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"a name that only ends alike is another's", []*http.Response{ok(`{"name":"steam/app","tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"a name that is a number is an error", []*http.Response{ok(`{"name":7,"tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"ten thousand levels are an error", []*http.Response{ok(`{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `,"tags":["a"]}`)}, "", regret.ErrNotRegistry},
		{"nesting without end is an error", []*http.Response{ok(`{"x":` + strings.Repeat("[", 1<<20))}, "", regret.ErrNotRegistry},
		{"nesting among the tags is an error", []*http.Response{ok(`{"tags":[` + strings.Repeat("[", 1<<20))}, "", regret.ErrNotRegistry},
		{"a bracket of the wrong kind is an error", []*http.Response{ok(`{"tags":["a"}}`)}, "a", regret.ErrNotRegistry},

		{"a Link to another host is an error", []*http.Response{page(200, `{"tags":["a"]}`, `<https://evil.example.net/v2/team/app/tags/list?last=a>; rel="next"`)}, "", regret.ErrIncompleteList},
		{"a Link to another scheme is an error", []*http.Response{page(200, `{"tags":["a"]}`, `<http://registry.example.com/v2/team/app/tags/list?last=a>; rel="next"`)}, "", regret.ErrIncompleteList},
		{"a Link to another path is an error", []*http.Response{page(200, `{"tags":["a"]}`, `</v2/team/other/tags/list?last=a>; rel="next"`)}, "", regret.ErrIncompleteList},
		{"a malformed Link is an error", []*http.Response{page(200, `{"tags":["a"]}`, `</v2/team/app/tags/list?last=a; rel="next"`)}, "", regret.ErrIncompleteList},
		{"the same page again is an error", []*http.Response{page(200, `{"tags":["a","b"]}`, next)}, "a b", regret.ErrIncompleteList},
		{"a page that overlaps the one before is an error", []*http.Response{page(200, `{"tags":["a","b"]}`, next), ok(`{"tags":["b","c"]}`)}, "a b", regret.ErrIncompleteList},
		{"empty pages for ever are an error", []*http.Response{page(200, `{"tags":[]}`, next)}, "", regret.ErrIncompleteList},
		{"page two in HTML is an error", []*http.Response{page(200, `{"tags":["a"]}`, next), ok("<html>")}, "a", regret.ErrIncompleteList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, pages(tt.pages...))
			got, err := collect(t, c.Tags(t.Context(), repo))
			if tt.kind == nil {
				wantErr(t, err)
			} else if e := wantErr(t, err, tt.kind); e.Op != "tags" || e.Repository != repo {
				t.Errorf("error is about %q %q", e.Op, e.Repository)
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" && len(got)+len(tt.want) > 0 {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
