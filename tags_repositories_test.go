package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestRepositoriesAreComplete(t *testing.T) {
	t.Parallel()
	fill := func(n int, opts ...fakeregistry.Option) (*fakeregistry.Registry, []string) {
		reg := fakeregistry.New(opts...)
		names := []string{}
		for i := range n {
			names = append(names, fmt.Sprintf("team/app-%d", 1000+i))
			reg.PutImage(names[i], "hello", "v1")
		}
		return reg, names
	}
	tests := []struct {
		name  string
		n     int
		opts  []fakeregistry.Option
		pages []string
	}{
		{"the list of an empty registry is empty", 0, nil, []string{"GET /v2/_catalog?n=1000 200"}},
		{"one page is read", 5, nil, []string{"GET /v2/_catalog?n=1000 200"}},
		{"several pages are read", 25, []fakeregistry.Option{fakeregistry.WithPageCap(10)}, []string{
			"GET /v2/_catalog?n=1000 200",
			"GET /v2/_catalog?last=team%2Fapp-1009&n=10 200",
			"GET /v2/_catalog?last=team%2Fapp-1019&n=10 200"}},
		{"the page size is one that distribution 2 allows", 5, []fakeregistry.Option{fakeregistry.WithDistribution2()}, []string{"GET /v2/_catalog?n=1000 200"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg, want := fill(tt.n, tt.opts...)
			got, err := collect(t, newClient(t, reg).Repositories(t.Context()))
			wantErr(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("repositories (-want +got):\n%s", diff)
			}
			wantRequests(t, reg, tt.pages...)
		})
	}
}

func TestRepositoriesReportFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		base http.RoundTripper
		kind error
	}{
		{"404 without a code has no kind", always(404, "404 page not found", "Content-Type", "text/plain"), nil},
		{"401 means unauthorized", always(401, `{"errors":[{"code":"UNAUTHORIZED"}]}`), regret.ErrUnauthorized},
		{"an invalid repository name is an error", always(200, `{"repositories":["team/../app"]}`), regret.ErrInvalidEntries},
		{"a list of tags is an error", always(200, `{"tags":["a"]}`), regret.ErrNotRegistry},
		{"an endless loop of one page is an error", always(200, `{"repositories":["a"]}`, "Link", `<?last=a>; rel="next"`), regret.ErrIncompleteList},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := collect(t, newClient(t, tt.base).Repositories(t.Context()))
			if tt.kind == nil {
				if e := wantErr(t, err, err); e.Kind != "" || !strings.Contains(e.Hint, "does not have this route") {
					t.Errorf("kind %q, hint %q", e.Kind, e.Hint)
				}
				return
			}
			if e := wantErr(t, err, tt.kind); e.Op != "repositories" || e.Repository != "" {
				t.Errorf("error has operation %q and repository %q", e.Op, e.Repository)
			}
		})
	}
}
