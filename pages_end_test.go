package regret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// fullPage returns a page of a thousand tags that begin with prefix.
func fullPage(prefix string) string {
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"%s%04d"`, prefix, i)
	}
	return `{"name":"team/app","tags":[` + strings.Join(tags, ",") + `]}`
}

func TestFullPageWithoutLinkIsProbed(t *testing.T) {
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
		pages []string // body, and after a space the Link
		sent  int      // requests
		want  int
		kind  error
	}{
		{"an empty page after it ends the list", []string{first, `{"tags":[]}`}, 2, 1000, nil},
		{"a page of one entry after it ends the list", []string{first, `{"tags":["b"]}`}, 2, 1001, nil},
		{"full pages without a Link are followed to the end", []string{first, without(second, 1), `{"tags":["c"]}`}, 3, 2000, nil},
		{"the same page again ends the list, because the registry has no paging", []string{first, first}, 2, 1000, nil},
		{"the same page in another order ends the list", []string{first, backwards(first)}, 2, 1000, nil},
		{"a part of the same page is an error, because the registry ignores last", []string{first, without(first, 1)}, 2, 1000, regret.ErrIncompleteList},
		{"the same page with a Link is an error", []string{first, first + " <?x>; rel=next", `{"tags":["b"]}`}, 2, 1000, regret.ErrIncompleteList},
		{"a page that repeats after a Link is an error", []string{first, without(second, 1) + " <?x>; rel=next", without(second, 1)}, 3, 1999, regret.ErrIncompleteList},
		{"the same page with more entries is an error", []string{first, strings.Replace(first, `]`, `,"z"]`, 1)}, 2, 1000, regret.ErrIncompleteList},
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
				t.Errorf("error %v, want %v", err, tt.kind)
			}
			if len(got) != tt.want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
				t.Errorf("%d tags, want %d different ones", len(got), tt.want)
			}
			if len(queries) != tt.sent || queries[1] != "n=999&last=a0999" && tt.sent > 1 {
				t.Errorf("queries %q, want %d", queries, tt.sent)
			}
		})
	}
}

func TestEndlessListFails(t *testing.T) {
	t.Parallel()
	small := regret.DefaultLimits()
	small.Pages, small.Entries, small.PageBytes = 50, 500, 1000
	link := func(i int) string { return fmt.Sprintf(`<?last=%d>; rel="next"`, i) }
	tests := []struct {
		name string
		page func(i int) (body, link string) // for the i-th request, from 0
		most int                             // maximum number of requests
		says string
	}{
		{"a loop of one page", func(int) (string, string) { return `{"tags":["a"]}`, link(1) }, 3, "entries were repeated"},
		{"a loop of two pages", func(i int) (string, string) { return fmt.Sprintf(`{"tags":["a%d"]}`, i%2), link(i % 2) }, 6, "form a loop"},
		{"a loop of three pages", func(i int) (string, string) { return fmt.Sprintf(`{"tags":["a%d"]}`, i%3), link(i % 3) }, 9, "form a loop"},
		{"a loop of four pages", func(i int) (string, string) { return fmt.Sprintf(`{"tags":["a%d"]}`, i%4), link(i % 4) }, 12, "form a loop"},
		{"a loop of five pages", func(i int) (string, string) { return fmt.Sprintf(`{"tags":["a%d"]}`, i%5), link(i % 5) }, 15, "form a loop"},
		{"a loop after some other pages", func(i int) (string, string) { return fmt.Sprintf(`{"tags":["a%d"]}`, i), link(min(i, 7+i%3)) }, 30, "form a loop"},
		{"a link back to the first page", func(i int) (string, string) {
			return fmt.Sprintf(`{"tags":["a%d"]}`, i), []string{link(1), `</v2/team/app/tags/list>; rel="next"`}[i]
		}, 2, "form a loop"},
		{"a link back to the first page, with an empty cursor", func(i int) (string, string) {
			return fmt.Sprintf(`{"tags":["a%d"]}`, i), []string{link(1), `<?n=50&last=>; rel="next"`}[i]
		}, 2, "form a loop"},
		{"an opaque cursor that is no form", func(i int) (string, string) {
			return fmt.Sprintf(`{"tags":["a%d"]}`, i), fmt.Sprintf(`<?n=5;last=a%%zz%d>; rel="next"`, i)
		}, 50, "50 pages"},
		{"an endless sequence of new pages", func(i int) (string, string) { return fmt.Sprintf(`{"tags":["a%d"]}`, i), link(i) }, 50, "50 pages"},
		{"an endless sequence of empty pages", func(i int) (string, string) { return `{"tags":[]}`, link(i) }, 3, "empty pages"},
		{"an endless sequence of large pages", func(i int) (string, string) {
			return fmt.Sprintf(`{"tags":["%[1]d-a","%[1]d-b","%[1]d-c","%[1]d-d","%[1]d-e","%[1]d-f","%[1]d-g","%[1]d-h","%[1]d-i","%[1]d-j","%[1]d-k"]}`, i), link(i)
		}, 50, "500 entries"},
		{"an endless page", func(int) (string, string) { return `{"tags":["` + strings.Repeat(`a","`, 1000), "" }, 1, "1000 bytes"},
		{"an endless string", func(int) (string, string) { return `{"x":"` + strings.Repeat(`a`, 10000), "" }, 1, "1000 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error", func(t *testing.T) {
			t.Parallel()
			i := 0
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				body, link := tt.page(i)
				i++
				return respond(req, 200, body, "Link", link), nil
			}), regret.WithLimits(small))
			_, err := collect(t, c.Tags(t.Context(), repo))
			wantErr(t, err, regret.ErrIncompleteList)
			wantText(t, err, tt.says)
			if i > tt.most {
				t.Errorf("%d requests, want at most %d", i, tt.most)
			}
		})
	}
}

// Some registries support last, but neither n nor Link.
func TestListIsCompleteIfARegistryIgnoresTheSize(t *testing.T) {
	t.Parallel()
	for _, total := range []int{1000, 1001, 2000, 2500, 3000} {
		t.Run(fmt.Sprintf("a list of %d tags", total), func(t *testing.T) {
			t.Parallel()
			tags := make([]string, total)
			for i := range tags {
				tags[i] = fmt.Sprintf("t%04d", i)
			}
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				from, found := slices.BinarySearch(tags, req.URL.Query().Get("last"))
				if found {
					from++
				}
				page, err := json.Marshal(map[string]any{"name": repo, "tags": tags[from:min(from+1000, total)]})
				return respond(req, 200, string(page)), err
			}))
			var got []string
			for tag, err := range c.Tags(t.Context(), repo) {
				wantErr(t, err)
				got = append(got, tag)
			}
			if !slices.Equal(got, tags) {
				t.Errorf("%d tags, want %d", len(got), total)
			}
		})
	}
}
