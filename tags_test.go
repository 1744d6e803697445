package regret_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// withTags is a registry whose repository has tags t00000, t00001, …
func withTags(n int, opts ...fakeregistry.Option) (*fakeregistry.Registry, []string) {
	reg := fakeregistry.New(opts...)
	image := reg.PutImage(repo, "hello")
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("t%05d", i)
		reg.SetTag(repo, tags[i], image.Digest)
	}
	return reg, tags
}

func TestTagsAreComplete(t *testing.T) {
	t.Parallel()
	none := []fakeregistry.Option{fakeregistry.WithoutPaging()}
	tests := []struct {
		name  string
		tags  int
		opts  []fakeregistry.Option
		pages int
	}{
		{"of one page", 3, nil, 1},
		{"of an empty repository", 0, nil, 1},
		{"of an empty repository that says null", 0, []fakeregistry.Option{fakeregistry.WithNullTags()}, 1},
		{"of one page less one", 999, nil, 1},
		{"of one page exactly, after a question for more", 1000, nil, 2},
		{"of one page and one", 1001, nil, 2},
		{"of many pages", 3500, nil, 4},
		{"of pages smaller than asked for", 25, []fakeregistry.Option{fakeregistry.WithPageCap(10)}, 3},
		{"of pages smaller than asked for, the last of them full", 30, []fakeregistry.Option{fakeregistry.WithPageCap(10)}, 3},
		{"of a registry that knows no pages", 3500, none, 1},
		{"of a registry that knows no pages and has a page less one", 999, none, 1},
		{"of a registry that knows no pages and has one page exactly, after the same again", 1000, none, 2},
		{"of a registry that knows no pages and has a page and one", 1001, none, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg, want := withTags(tt.tags, tt.opts...)
			c := newClient(t, reg)
			for range 2 { // a list may be read again, which asks again
				reg.ResetLog()
				got, err := collect(t, c.Tags(t.Context(), repo))
				wantErr(t, err)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("tags (-want +got):\n%s", diff)
				}
				lines := requests(t, reg)
				if len(lines) != tt.pages || lines[0] != "GET /v2/team/app/tags/list?n=1000 200" {
					t.Errorf("requests: %q, want %d", lines, tt.pages)
				}
			}
		})
	}
}

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

// fullPage has a thousand tags that begin with a prefix.
func fullPage(prefix string) string {
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"%s%04d"`, prefix, i)
	}
	return `{"name":"team/app","tags":[` + strings.Join(tags, ",") + `]}`
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

func TestFullPageWithoutLink(t *testing.T) {
	t.Parallel()
	first, second := fullPage("a"), fullPage("b")
	backwards := func(body string) string {
		head, rest, _ := strings.Cut(body, "[")
		tags := strings.Split(strings.TrimSuffix(rest, "]}"), ",")
		slices.Reverse(tags)
		return head + "[" + strings.Join(tags, ",") + "]}"
	}
	without := func(body string, n int) string { return strings.Join(strings.Split(body, ",")[:1001-n], ",") + "]}" }
	tests := []struct {
		name  string
		pages []string // bodies; after a blank, a Link
		asked int
		want  int
		kind  error
	}{
		{"is followed by a question, and nothing is the end", []string{first, `{"tags":[]}`}, 2, 1000, nil},
		{"is followed by a question, and one more is the end", []string{first, `{"tags":["b"]}`}, 2, 1001, nil},
		{"is followed by as many questions as it takes", []string{first, without(second, 1), `{"tags":["c"]}`}, 3, 2000, nil},
		{"is the end if the same comes again: the registry knows no pages", []string{first, first}, 2, 1000, nil},
		{"is the end if the same comes again in another order", []string{first, backwards(first)}, 2, 1000, nil},
		{"is not the end if a part of the same comes again: the registry forgets where it was", []string{first, without(first, 1)}, 2, 1000, regret.ErrIncompleteList},
		{"is not the end if the same comes again with a Link", []string{first, first + " <?x>; rel=next", `{"tags":["b"]}`}, 2, 1000, regret.ErrIncompleteList},
		{"is not followed by pages that may repeat themselves", []string{first, without(second, 1) + " <?x>; rel=next", without(second, 1)}, 3, 1999, regret.ErrIncompleteList},
		{"is not the end if the same comes again with more", []string{first, strings.Replace(first, `]`, `,"z"]`, 1)}, 2, 1000, regret.ErrIncompleteList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var queries []string
			i := 0
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				queries = append(queries, req.URL.RawQuery)
				i++
				body, link, _ := strings.Cut(tt.pages[min(i, len(tt.pages))-1], " ")
				return respond(req, 200, body, "Link", link), nil
			}))
			got, err := collect(t, c.Tags(t.Context(), repo))
			if !errors.Is(err, tt.kind) {
				t.Errorf("error: %v, want %v", err, tt.kind)
			}
			if len(got) != tt.want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
				t.Errorf("%d tags, want %d, each once", len(got), tt.want)
			}
			if len(queries) != tt.asked || queries[1] != "n=999&last=a0999" && tt.asked > 1 {
				t.Errorf("asked %q, want %d questions", queries, tt.asked)
			}
		})
	}
}
