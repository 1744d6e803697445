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

func TestTheTagListIsCompleteAcrossPages(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image)
		var want []string
		// Exactly one page, and a little more: 1000 is what is asked for at once.
		for _, upTo := range []int{1000, 1003} {
			var fresh []string
			for i := len(want); i < upTo; i++ {
				fresh = append(fresh, fmt.Sprintf("v%04d", i))
			}
			s.AddTags(t, repository, image.Digest, fresh)
			s.wantThere(t, true, fresh[0], fresh[len(fresh)-1])
			want = append(want, fresh...)
			wantList(t, s.client(t).Tags(t.Context(), repository), want...)
		}
	})
}

func TestARepositoryWithoutTagsHasAnEmptyList(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		c := s.client(t)
		wantList(t, c.Tags(t.Context(), repository), "latest")
		if err := c.DeleteManifest(t.Context(), repository, image.Digest); err != nil {
			t.Fatal(err)
		}
		wantList(t, c.Tags(t.Context(), repository))
		wantList(t, c.Repositories(t.Context()), repository)
	})
}

func TestTheTagsOfAnUnknownRepositoryAreNotFound(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		for tag, err := range s.client(t).Tags(t.Context(), "derek/unknown") {
			if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeNameUnknown) {
				t.Errorf("%q, %v", tag, err)
			}
		}
	})
}

func TestTheCatalogHasEveryRepository(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		wantList(t, s.client(t).Repositories(t.Context()))
		want := []string{"a", "b/c", "b/d", "derek/busybox"}
		for _, name := range want {
			repo := s.repo
			repo.Name = name
			repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		}
		wantList(t, s.client(t).Repositories(t.Context()), want...)
	})
}

func TestReferrersAreFoundUnderTheFallbackTag(t *testing.T) {
	t.Parallel()
	const note, signature = "application/vnd.example.note", "application/vnd.example.signature"
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		about, signed := wire.Referrer(t, image, note, "about it"), wire.Referrer(t, image, signature, "signed")
		s.repo.Push(t, image, "latest")
		c := s.client(t)
		wantReferrers(t, c.Referrers(t.Context(), repository, image.Digest))

		s.repo.Push(t, about)
		s.repo.Push(t, signed)
		s.repo.Push(t, wire.ReferrerList(t, about, signed), wire.FallbackTag(image.Digest))
		wantReferrers(t, c.Referrers(t.Context(), repository, image.Digest), about, signed)
		wantReferrers(t, c.Referrers(t.Context(), repository, image.Digest, signature), signed)
		s.wantWrites(t)
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
		t.Errorf("other referrers (-want +got):\n%s", diff)
	}
}

// wantList reads a list to its end. Its order is the registry's affair.
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
		t.Errorf("another list (-want +got):\n%s", diff)
	}
}
