package regret_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// withTags returns a registry whose repository has the tags t00000, t00001, …
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
		{"one page is read", 3, nil, 1},
		{"the list of an empty repository is empty", 0, nil, 1},
		{"a list that is null is empty", 0, []fakeregistry.Option{fakeregistry.WithNullTags()}, 1},
		{"an almost full page is not probed for more", 999, nil, 1},
		{"a full page is probed for more", 1000, nil, 2},
		{"a page and one entry are read", 1001, nil, 2},
		{"several pages are read", 3500, nil, 4},
		{"pages smaller than requested are read", 25, []fakeregistry.Option{fakeregistry.WithPageCap(10)}, 3},
		{"pages smaller than requested are read if the last one is full", 30, []fakeregistry.Option{fakeregistry.WithPageCap(10)}, 3},
		{"a registry without paging returns all tags in one page", 3500, none, 1},
		{"a registry without paging is not probed if the page is almost full", 999, none, 1},
		{"a registry without paging is probed if the page is full, and returns it again", 1000, none, 2},
		{"a registry without paging is not probed if there is more than a page", 1001, none, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg, want := withTags(tt.tags, tt.opts...)
			c := newClient(t, reg)
			for range 2 { // ranging again sends the requests again
				reg.ResetLog()
				got, err := collect(t, c.Tags(t.Context(), repo))
				wantErr(t, err)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("tags (-want +got):\n%s", diff)
				}
				lines := requests(t, reg)
				if len(lines) != tt.pages || lines[0] != "GET /v2/team/app/tags/list?n=1000 200" {
					t.Errorf("requests %q, want %d", lines, tt.pages)
				}
			}
		})
	}
}
