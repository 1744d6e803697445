package regret_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

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
