package prune_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// BuildKit lists layers in the index of a build cache. Distribution 2 responds with 500 to a
// request for one of them as a manifest, and layers are larger than what is read of blobs.
func TestBuildCachesListNoManifests(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy string
		gone   []string // tags
		asked  bool     // for the layers
	}{
		"the cache stays": {`{"version": 1, "remove": [{"tags": "old"}]}`, []string{"old"}, false},
		"the cache goes":  {`{"version": 1, "remove": [{"tags": "cache"}]}`, []string{"cache"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage("team/app", "hello", "old")
			var entries [][]byte
			asked := false
			for _, size := range []int{100, 9 << 20} {
				layer := reg.PutBlob("team/app", bytes.Repeat([]byte{1}, size))
				entries = append(entries, fmt.Appendf(nil, `{"mediaType":%q,"digest":%q,"size":%d}`, ocispec.MediaTypeImageLayerGzip, layer.Digest, size))
				internal := fakeregistry.Errors(http.StatusInternalServerError, "UNKNOWN", "unknown error")
				reg.Intercept(0, fakeregistry.On("", "/v2/team/app/manifests/"+layer.Digest.String()), func(w http.ResponseWriter, r *http.Request) bool {
					asked = true
					return internal(w, r)
				})
			}
			reg.PutManifest("team/app", "cache", ocispec.MediaTypeImageIndex, fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[%s]}`, bytes.Join(entries, []byte(","))))
			p, err := prune.Make(t.Context(), newClient(t, cases.Registry, reg), "team/app", parsePolicy(t, test.policy), &prune.ReadOptions{Concurrency: 1})
			if err != nil {
				t.Fatal(err)
			}
			var gone []string
			for s := range p.Steps() {
				if s.Action != plan.Delete || len(s.Tags) == 0 {
					t.Errorf("a step for what has no tag: %+v", s)
				}
				gone = append(gone, s.Tags...)
			}
			if !slices.Equal(gone, test.gone) || asked != test.asked {
				t.Errorf("%q go, want %q; layers were asked for: %t, want %t", gone, test.gone, asked, test.asked)
			}
		})
	}
}
