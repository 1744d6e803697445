package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
)

// What one index says of a manifest must not change what becomes of another one that lists it.
func TestAnIndexCannotMisleadAboutWhatOthersList(t *testing.T) {
	t.Parallel()
	t.Run("that it is no index", func(t *testing.T) {
		t.Parallel()
		r := newRepository()
		shared := r.image("shared", 90, 1)
		inner := r.index([]regret.Descriptor{shared})
		r.index([]regret.Descriptor{inner}, "kept")
		r.index([]regret.Descriptor{shared, r.image("alone", 90, 1)}, "old")
		inner.MediaType = regret.MediaTypeDockerManifest // which sorts before the right one
		r.index([]regret.Descriptor{inner}, "liar")
		gone := map[regret.Digest]bool{}
		for s := range r.plan(t, `{"version":1,"remove":[{"tags":"old"}]}`).Steps() {
			gone[s.Digest] = true
		}
		if len(gone) != 2 || gone[shared.Digest] {
			t.Errorf("%v go, want the old index and what only it lists", gone)
		}
	})
	t.Run("that it is an attestation", func(t *testing.T) {
		t.Parallel()
		r := newRepository()
		young := r.image("young", 1, 1)
		r.push(ocispec.MediaTypeImageIndex, map[string]any{
			"manifests":   []regret.Descriptor{on(young, "linux", "amd64")},
			"annotations": map[string]string{"org.opencontainers.image.created": "2020-01-01T00:00:00Z"},
		}, "rebuilt")
		r.index([]regret.Descriptor{on(young, "unknown", "unknown")}, "liar")
		p := r.plan(t, `{"version":1,"remove":[{"tags":"*","older-than":"30d"}]}`)
		if diff := cmp.Diff([]string(nil), removed(p)); diff != "" {
			t.Errorf("tags that go (-want +got):\n%s", diff)
		}
	})
}
