package regret_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const (
	quayRefusal = `{"errors":[{"code":"TOO_MANY_TAGS_REQUESTED","message":"Too many tags requested; requested limit 1000 is too high, max is 100","detail":{}}]}`
	codeRefusal = `{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid number of results requested","detail":{"n":1000}}]}`
)

// refusal is an error response with a code and a message.
func refusal(code, message string) string {
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

func TestReportK03FirstPageIsRequestedAgainWithLess(t *testing.T) {
	t.Parallel()
	const ecr = "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to "
	tests := []struct {
		rule    string
		status  int
		body    string
		maximum int // above it, and without n unless it is 0, the response is the refusal
		want    []string
	}{
		{"Quay names the maximum, with status 413", 413, quayRefusal, 100, []string{"n=1000", "n=100"}},
		{"a registry sends Quay's code with status 400", 400, quayRefusal, 100, []string{"n=1000", "n=100"}},
		{"a registry sends Quay's code with another status", 416, quayRefusal, 100, []string{"n=1000", "n=100"}},
		{"distribution names no maximum", 400, codeRefusal, 50, []string{"n=1000", "n=100", ""}},
		{"ECR names the maximum in the words of its API", 405, refusal("UNSUPPORTED", ecr+"100'"), 100, []string{"n=1000", "n=100"}},
		{"Harbor names a page size", 422, refusal("UNPROCESSABLE_ENTITY", "validation failure list:\npage_size in query should be less than or equal to 100"), 100, []string{"n=1000", "n=100"}},
		{"the maximum is larger than 100", 400, refusal("UNSUPPORTED", "page size must be between 1 and 200"), 200, []string{"n=1000", "n=100"}},
		{"the maximum is smaller than 100", 413, quayRefusal, 50, []string{"n=1000", "n=100", ""}},
		{"there is no reason at all", 400, "", 100, []string{"n=1000", "n=100"}},
		{"a web page is the reason", 400, "<html><head><title>400 Bad Request</title></head></html>", 100, []string{"n=1000", "n=100"}},
	}
	for _, tt := range tests {
		for _, list := range []string{"tags", "repositories"} {
			t.Run(tt.rule+", in a list of "+list, func(t *testing.T) {
				t.Parallel()
				var all, queries []string
				for i := range 260 {
					all = append(all, fmt.Sprintf("t%03d", i))
				}
				c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
					query := req.URL.Query()
					queries = append(queries, req.URL.RawQuery)
					n := 10
					if query.Has("n") {
						fmt.Sscan(query.Get("n"), &n)
					}
					if n > tt.maximum {
						return respond(req, tt.status, tt.body), nil
					}
					from, found := slices.BinarySearch(all, query.Get("last"))
					if found {
						from++
					}
					page := all[from:min(from+n, len(all))]
					link := ""
					if from+n < len(all) {
						link = fmt.Sprintf(`<%s?n=%d&last=%s>; rel="next"`, req.URL.Path, n, page[len(page)-1])
					}
					return respond(req, 200, fmt.Sprintf(`{%q:["%s"]}`, list, strings.Join(page, `","`)), "Link", link), nil
				}))
				entries := c.Tags(t.Context(), repo)
				if list == "repositories" {
					entries = c.Repositories(t.Context())
				}
				got, err := collect(t, entries)
				wantErr(t, err)
				if diff := cmp.Diff(all, got); diff != "" {
					t.Errorf("list (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.want, queries[:len(tt.want)]); diff != "" {
					t.Errorf("first requests (-want +got):\n%s", diff)
				}
				for _, query := range queries[len(tt.want):] {
					if !strings.Contains(query, "last=") {
						t.Errorf("the first page was requested again: %q", queries)
					}
				}
			})
		}
	}
}

func TestReportK03OtherRefusalsAreReturned(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule   string
		status int
		body   string
		want   error
	}{
		{"an invalid name", 400, refusal("NAME_INVALID", "invalid repository name"), regret.CodeNameInvalid},
		{"an unknown name", 404, refusal("NAME_UNKNOWN", "repository name not known to registry"), regret.ErrNotFound},
		{"an unknown name with status 400", 400, refusal("NAME_UNKNOWN", "unknown"), regret.ErrNotFound},
		{"a missing permission whose text names a limit", 403, refusal("DENIED", "max is 100"), regret.ErrForbidden},
		{"an internal failure that names a limit", 501, quayRefusal, nil},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			var queries []string
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				queries = append(queries, req.URL.RawQuery)
				return respond(req, tt.status, tt.body), nil
			}))
			_, err := collect(t, c.Tags(t.Context(), repo))
			e := wantRegretError(t, err)
			if tt.want != nil {
				wantErr(t, err, tt.want)
			}
			if e.StatusCode != tt.status || !slices.Equal(queries, []string{"n=1000"}) {
				t.Errorf("status %d, queries %q", e.StatusCode, queries)
			}
		})
	}
}

func TestReportK03NeverALoop(t *testing.T) {
	t.Parallel()
	for _, body := range []string{quayRefusal, codeRefusal, "", refusal("UNSUPPORTED", "The operation is unsupported.")} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			var queries []string
			c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				queries = append(queries, req.URL.RawQuery)
				return respond(req, 400, body), nil
			}))
			_, err := collect(t, c.Tags(t.Context(), repo))
			if e := wantRegretError(t, err); e.StatusCode != 400 || e.Kind != "" {
				t.Errorf("status %d, kind %q", e.StatusCode, e.Kind)
			}
			if diff := cmp.Diff([]string{"n=1000", "n=100", ""}, queries); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a refusal of a later page is an error", func(t *testing.T) {
		t.Parallel()
		var queries []string
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			queries = append(queries, req.URL.RawQuery)
			if len(queries) == 1 {
				return respond(req, 200, `{"tags":["a"]}`, "Link", `<?n=1000&last=a>; rel="next"`), nil
			}
			return respond(req, 413, quayRefusal), nil
		}))
		_, err := collect(t, c.Tags(t.Context(), repo))
		wantErr(t, err, regret.ErrIncompleteList, regret.Code("TOO_MANY_TAGS_REQUESTED"))
		if len(queries) != 2 {
			t.Errorf("queries %q", queries)
		}
	})
}

// A registry that refuses n may still be one that sends no Link.
func TestReportK03FullPageOfTheMaximumIsProbed(t *testing.T) {
	t.Parallel()
	reg, want := withTags(150)
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.RawQuery, "n=1000") {
			return respond(req, 413, quayRefusal), nil
		}
		resp, err := reg.RoundTrip(req)
		if err == nil {
			resp.Header.Del("Link")
		}
		return resp, err
	}))
	got, err := collect(t, c.Tags(t.Context(), repo))
	wantErr(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	wantRequests(t, reg, "GET /v2/team/app/tags/list?n=100 200", "GET /v2/team/app/tags/list?n=99&last=t00099 200")
}

func TestNotFoundAfterADeletedEntryIsExplained(t *testing.T) {
	t.Parallel()
	t.Run("zot responds with 404 without a body", func(t *testing.T) {
		t.Parallel()
		reg, _ := withTags(30, fakeregistry.WithPageCap(20), fakeregistry.WithUnknownLast(404))
		var last error
		n := 0
		c := newClient(t, reg)
		for tag, err := range c.Tags(t.Context(), repo) {
			if last = err; err == nil {
				n++
			}
			if n == 20 && err == nil {
				wantErr(t, c.Untag(t.Context(), repo, tag))
			}
		}
		wantErr(t, last, regret.ErrIncompleteList)
		wantText(t, last, "404 Not Found", "may have been deleted while the list was read", "list again")
		if n != 20 {
			t.Errorf("%d tags, want 20", n)
		}
	})
	for _, tt := range []struct {
		rule, link, body string
	}{
		{"a 404 with a code speaks for itself", `<?last=a>; rel="next"`, refusal("NAME_UNKNOWN", "gone")},
		{"a 404 to an opaque cursor has another reason", `<?next_page=a>; rel="next"`, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, pages(page(200, `{"tags":["a"]}`, tt.link), page(404, tt.body, "")))
			_, err := collect(t, c.Tags(t.Context(), repo))
			wantErr(t, err, regret.ErrIncompleteList)
			if strings.Contains(err.Error(), "deleted") {
				t.Errorf("unexpected hint: %v", err)
			}
		})
	}
}
