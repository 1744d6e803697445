package integration_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func TestTagListIsCompleteAcrossPages(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image)
		var want []string
		// Exactly one page, then a little more: regret asks for pages of 1000.
		for _, upTo := range []int{1000, 1003} {
			var fresh []string
			for i := len(want); i < upTo; i++ {
				fresh = append(fresh, fmt.Sprintf("v%04d", i))
			}
			f.AddTags(t, repository, image.Digest, fresh)
			f.wantExists(t, true, fresh[0], fresh[len(fresh)-1])
			want = append(want, fresh...)
			wantList(t, f.client(t).Tags(t.Context(), repository), want...)
		}
	})
}

func TestRepositoryWithoutTagsHasAnEmptyTagList(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		c := f.client(t)
		wantList(t, c.Tags(t.Context(), repository), "latest")
		if err := c.DeleteManifest(t.Context(), repository, image.Digest); err != nil {
			t.Fatal(err)
		}
		wantList(t, c.Tags(t.Context(), repository))
		wantList(t, c.Repositories(t.Context()), repository)
	})
}

func TestTagsOfAnUnknownRepositoryAreNotFound(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		for tag, err := range f.client(t).Tags(t.Context(), "derek/unknown") {
			if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeNameUnknown) {
				t.Errorf("%q, %v", tag, err)
			}
		}
	})
}

func TestCatalogListsEveryRepository(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		wantList(t, f.client(t).Repositories(t.Context()))
		want := []string{"a", "b/c", "b/d", "derek/busybox"}
		for _, name := range want {
			repo := f.repo
			repo.Name = name
			repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		}
		wantList(t, f.client(t).Repositories(t.Context()), want...)
	})
}

func TestReferrersAreReadFromTheFallbackTag(t *testing.T) {
	t.Parallel()
	const note, signature = "application/vnd.example.note", "application/vnd.example.signature"
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		about, signed := wire.Referrer(t, image, note, "about it"), wire.Referrer(t, image, signature, "signed")
		f.repo.Push(t, image, "latest")
		c := f.client(t)
		wantReferrers(t, c.Referrers(t.Context(), repository, image.Digest))

		f.repo.Push(t, about)
		f.repo.Push(t, signed)
		f.repo.Push(t, wire.ReferrerList(t, about, signed), wire.FallbackTag(image.Digest))
		wantReferrers(t, c.Referrers(t.Context(), repository, image.Digest), about, signed)
		wantReferrers(t, c.Referrers(t.Context(), repository, image.Digest, signature), signed)
		f.wantWrites(t)
	})
}

func wantReferrers(t *testing.T, list iter.Seq2[regret.Descriptor, error], want ...wire.Artifact) {
	t.Helper()
	got := map[regret.Digest]string{}
	for desc, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		got[desc.Digest] = desc.ArtifactType
	}
	wanted := map[regret.Digest]string{}
	for _, artifact := range want {
		wanted[artifact.Digest] = artifact.ArtifactType
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
}

// wantList compares a list with want. It ignores the order, which is up to the registry.
func wantList(t *testing.T, list iter.Seq2[string, error], want ...string) {
	t.Helper()
	var got []string
	for entry, err := range list {
		if err != nil {
			t.Errorf("after %d entries: %v", len(got), err)
			return
		}
		got = append(got, entry)
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}
