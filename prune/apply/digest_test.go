package apply_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// sha512Image puts an image that the registry knows by its sha512 digest only.
func (f *fixture) sha512Image(name string, tags ...string) regret.Digest {
	f.t.Helper()
	template := f.reg.PutImage(repository, name).Digest
	m, err := f.client.Manifest(f.t.Context(), repository, string(template))
	if err != nil {
		f.t.Fatal(err)
	}
	m.Descriptor.Digest = digest.SHA512.FromBytes(m.Raw)
	if err := f.client.PutManifest(f.t.Context(), repository, string(m.Descriptor.Digest), m); err != nil {
		f.t.Fatal(err)
	}
	if err := f.client.DeleteManifest(f.t.Context(), repository, template); err != nil {
		f.t.Fatal(err)
	}
	for _, tag := range tags {
		f.reg.SetTag(repository, tag, m.Descriptor.Digest)
	}
	return f.name(name, m.Descriptor)
}

// TestImagesWithASHA512Digest lets images keep their tags that could not get them back: under a tag, a
// registry would know them by another digest.
func TestImagesWithASHA512Digest(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T, options ...fakeregistry.Option) (f *fixture, tags map[string]regret.Digest) {
		f = newFixture(t, options...)
		tags = map[string]regret.Digest{"latest": f.image("kept", "latest"), "pr-1": f.sha512Image("image", "pr-1")}
		f.makePlan(removal)
		return f, tags
	}
	t.Run("one is deleted like any other", func(t *testing.T) {
		t.Parallel()
		f, _ := build(t)
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Deleted})
	})
	t.Run("none is quarantined", func(t *testing.T) {
		t.Parallel()
		f, want := build(t)
		report, err := apply.Quarantine(t.Context(), f.client, f.plan, f.store, nil)
		if err != nil {
			t.Fatal(err)
		}
		f.wantStatuses(report, map[string]apply.Status{"image": apply.Refused})
		got := f.reg.Tags(repository)
		delete(got, trashRunOf(f.plan)+"-names-1")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
	t.Run("none is deleted where tags go first", func(t *testing.T) {
		t.Parallel()
		f, want := build(t, fakeregistry.WithTagsFirst())
		report := f.apply()
		f.wantStatuses(report, map[string]apply.Status{"image": apply.Refused})
		if got := f.resultOf(report, "image"); got.Kind != regret.ErrStillTagged {
			t.Errorf("kind %q", got.Kind)
		}
		if diff := cmp.Diff(want, f.reg.Tags(repository)); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
}

// TestTagsOfWhatIsNotInTheArchive lets a manifest of which a tag comes off be gone when the archive is
// written, and there again.
func TestTagsOfWhatIsNotInTheArchive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	f.image("image", "old-1", "v1")
	f.makePlan(removal)
	f.on(1, "GET", string(f.digest("image")), fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "manifest unknown"))
	f.wantStatuses(f.apply(), map[string]apply.Status{"image -old-1": apply.Stale})
	f.wantWrites()
}
