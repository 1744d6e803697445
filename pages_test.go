package regret_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestListFailsIfAPageFails(t *testing.T) {
	t.Parallel()
	second := func(req *http.Request) bool {
		return req.URL.Query().Get("last") != "" && strings.HasSuffix(req.URL.Path, "/tags/list")
	}
	tests := []struct {
		name    string
		times   int
		respond func(http.ResponseWriter, *http.Request) bool
		sent    int // attempts at page two
		want    []error
		says    string
	}{
		{"500 on page two is retried", 2, fakeregistry.Answer(500, nil, ""), 3, nil, ""},
		{"500 to every attempt makes the list incomplete", 0, fakeregistry.Errors(500, "UNKNOWN", "disk on fire"), regret.DefaultRetries().Max + 1,
			[]error{regret.ErrIncompleteList, regret.ErrUnavailable, regret.CodeUnknown}, "disk on fire"},
		{"404 on page two makes the list incomplete", 0, fakeregistry.Errors(404, "NAME_UNKNOWN", "gone"), 1,
			[]error{regret.ErrIncompleteList, regret.ErrNotFound, regret.CodeNameUnknown}, "404 Not Found"},
		{"404 without a body on page two makes the list incomplete", 0, fakeregistry.Answer(404, nil, ""), 1, []error{regret.ErrIncompleteList}, "404 Not Found"},
		{"429 on page two reports how long to wait", 0, fakeregistry.Answer(429, map[string]string{"Retry-After": "3600"}, ""), 1,
			[]error{regret.ErrIncompleteList, regret.ErrRateLimited}, "retry after 1h0m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg, all := withTags(30, fakeregistry.WithPageCap(20))
			reg.Intercept(tt.times, second, tt.respond)
			got, err := collect(t, newClient(t, reg).Tags(t.Context(), repo))
			e := wantErr(t, err, tt.want...)
			if n := len(reg.Requests()); n != 1+tt.sent {
				t.Errorf("%d requests, want %d", n, 1+tt.sent)
			}
			if e == nil {
				if diff := cmp.Diff(all, got); diff != "" {
					t.Errorf("tags (-want +got):\n%s", diff)
				}
				return
			}
			wantText(t, err, tt.says)
			if n := strings.Count(err.Error(), tt.says); n != 1 {
				t.Errorf("%q appears %d times in the error: %v", tt.says, n, err)
			}
			if n := strings.Count(err.Error(), "regret:"); n != 1 {
				t.Errorf("the prefix appears %d times in the error: %v", n, err)
			}
			if e.StatusCode == 429 && e.RetryAfter == 0 {
				t.Error("RetryAfter is 0")
			}
		})
	}
	t.Run("a failure of page one keeps its kind", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		_, err := collect(t, newClient(t, reg).Tags(t.Context(), repo))
		wantErr(t, err, regret.ErrNotFound, regret.CodeNameUnknown)
		wantNot(t, err, regret.ErrIncompleteList)
	})
	t.Run("a connection that breaks in the middle of page two makes the list incomplete", func(t *testing.T) {
		t.Parallel()
		reg, all := withTags(30, fakeregistry.WithPageCap(20))
		reg.Intercept(0, second, func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprintf(w, `{"tags":[%q,`, all[20])
			return true
		})
		got, err := collect(t, newClient(t, reg).Tags(t.Context(), repo))
		wantErr(t, err, regret.ErrIncompleteList, regret.ErrUnavailable)
		if len(got) != 21 {
			t.Errorf("%d tags, want 21", len(got))
		}
	})
}

func TestListStopsEarly(t *testing.T) {
	t.Parallel()
	t.Run("no page is requested after a break", func(t *testing.T) {
		t.Parallel()
		reg, _ := withTags(30, fakeregistry.WithPageCap(10))
		for range newClient(t, reg).Tags(t.Context(), repo) {
			break
		}
		wantRequests(t, reg, "GET /v2/team/app/tags/list?n=1000 200")
	})
	t.Run("no page is requested after a break at the last entry of a page", func(t *testing.T) {
		t.Parallel()
		reg, _ := withTags(30, fakeregistry.WithPageCap(10))
		n := 0
		for range newClient(t, reg).Tags(t.Context(), repo) {
			if n++; n == 10 {
				break
			}
		}
		wantRequests(t, reg, "GET /v2/team/app/tags/list?n=1000 200")
	})
	t.Run("with a canceled context nothing is sent", func(t *testing.T) {
		t.Parallel()
		reg, _ := withTags(3)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := collect(t, newClient(t, reg).Tags(ctx, repo))
		wantErr(t, err, context.Canceled)
		wantRequests(t, reg)
	})
	t.Run("a context that is canceled between pages makes the list incomplete", func(t *testing.T) {
		t.Parallel()
		reg, _ := withTags(30, fakeregistry.WithPageCap(10))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n, last := 0, error(nil)
		for _, err := range newClient(t, reg).Tags(ctx, repo) {
			if last = err; err == nil {
				n++
			}
			if n == 10 {
				cancel()
			}
		}
		wantErr(t, last, context.Canceled, regret.ErrIncompleteList)
		if n != 10 {
			t.Errorf("%d tags, want 10", n)
		}
		wantRequests(t, reg, "GET /v2/team/app/tags/list?n=1000 200")
	})
	t.Run("for an invalid name nothing is sent", func(t *testing.T) {
		t.Parallel()
		reg, _ := withTags(3)
		_, err := collect(t, newClient(t, reg).Tags(t.Context(), "Team/App"))
		wantErr(t, err, regret.ErrInvalid)
		wantRequests(t, reg)
	})
}

func TestListKeepsTheQueryOfALink(t *testing.T) {
	t.Parallel()
	link := url.Values{"last": {"a b&c"}, "n": {"2"}}.Encode()
	var queries []string
	c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		queries = append(queries, req.URL.RawQuery)
		if len(queries) == 1 {
			return respond(req, 200, `{"tags":["a"]}`, "Link", `<?`+link+`>; rel="next"`), nil
		}
		return respond(req, 200, `{"tags":["b"]}`), nil
	}))
	_, err := collect(t, c.Tags(t.Context(), repo))
	wantErr(t, err)
	if diff := cmp.Diff([]string{"n=1000", link}, queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
}
