package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
)

// rename gives a manifest a digest of another algorithm.
func (r *repository) rename(d regret.Descriptor, algorithm digest.Algorithm, tag string) regret.Digest {
	m := r.manifests[d.Digest]
	delete(r.manifests, d.Digest)
	m.Descriptor.Digest = algorithm.FromBytes(m.Raw)
	r.manifests[m.Descriptor.Digest] = m
	r.tags[tag] = m.Descriptor.Digest
	return m.Descriptor.Digest
}

// The specification cuts a digest in a tag to 64 digits, so that those of sha512 are not
// whole.
func TestCompanionTagsOfLongDigestsGoWithWhatTheyBelongTo(t *testing.T) {
	t.Parallel()
	r := newRepository()
	dgst := r.rename(r.image("old", 90, 1), digest.SHA512, "pr-1")
	for i, tag := range []string{
		"sha512-" + dgst.Encoded()[:64], "sha512-" + dgst.Encoded()[:64] + ".sig", "sha512-" + dgst.Encoded()[:110] + ".att",
		"sha512-" + digest.SHA512.FromString("other").Encoded()[:64], "sha256-" + dgst.Encoded()[:64],
	} {
		r.push(ocispec.MediaTypeImageManifest, map[string]any{"annotations": map[string]string{"number": fmt.Sprint(i)}}, tag)
	}
	r.image("new", 1, 1, "main")
	p := r.plan(t, `{"version":1,"remove":[{"name":"all","tags":"pr-*"}]}`)
	checkRoundTrip(t, p)
	var gone []string
	for s := range p.Steps() {
		gone = append(gone, s.Tags...)
	}
	slices.Sort(gone)
	want := []string{"pr-1", "sha512-" + dgst.Encoded()[:64], "sha512-" + dgst.Encoded()[:64] + ".sig", "sha512-" + dgst.Encoded()[:110] + ".att"}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Errorf("tags that go (-want +got):\n%s", diff)
	}
}
