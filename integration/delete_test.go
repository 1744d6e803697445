package integration_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// manifestKind is one kind of manifest, with an example.
type manifestKind struct {
	name     string
	artifact wire.Artifact
}

// manifestKinds returns every kind of manifest that the registry accepts.
func (f *fixture) manifestKinds(t *testing.T) []manifestKind {
	t.Helper()
	all := []manifestKind{
		{"Docker image", wire.DockerImage(t, "hello")},
		{"OCI image", wire.OCIImage(t, "hello")},
		{"OCI index", wire.OCIIndex(t, wire.OCIImage(t, "one"), wire.OCIImage(t, "two"))},
		{"Docker manifest list", wire.DockerManifestList(t, wire.DockerImage(t, "one"), wire.DockerImage(t, "two"))},
		{"artifact with a subject", wire.Referrer(t, wire.OCIImage(t, "hello"), "application/vnd.example.note", "about it")},
	}
	if f.Schema1 {
		all = append(all, manifestKind{"signed schema1 image", wire.Schema1(t, repository, "latest", "hello")})
	}
	return all
}

func TestResolveAndDeleteSendsTwoRequests(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		for _, kind := range f.manifestKinds(t) {
			t.Run(kind.name, func(t *testing.T) { // not parallel: the subtests share a repository
				artifact := kind.artifact
				f.repo.Push(t, artifact, "latest", "also")
				f.repo.Push(t, wire.OCIImage(t, "bystander"), "bystander")
				c := f.client(t)

				dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
				if err != nil || dgst != artifact.Digest {
					t.Fatalf("resolved to %q, %v; want %q", dgst, err, artifact.Digest)
				}
				if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
					t.Fatal(err)
				}
				f.wantSent(t,
					manifestRequest(http.MethodHead, "latest", "200"),
					manifestRequest(http.MethodDelete, dgst.String(), "202"))
				f.wantExists(t, false, "latest", "also", dgst.String())
				f.wantExists(t, true, "bystander")
				for _, child := range artifact.Children {
					f.wantExists(t, true, child.Digest.String())
				}

				err = c.DeleteManifest(t.Context(), repository, dgst)
				if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeManifestUnknown) {
					t.Errorf("a second deletion: %v", err)
				}
				if _, err = c.ResolveDigest(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrNotFound) {
					t.Errorf("resolving a deleted tag: %v", err)
				}
				f.wantWrites(t)
			})
		}
	})
}

func TestDeletedManifestCanBePutBackUnchanged(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		for _, kind := range f.manifestKinds(t) {
			t.Run(kind.name, func(t *testing.T) {
				artifact := kind.artifact
				f.repo.Push(t, artifact, "latest")
				c := f.client(t)

				m, err := c.Manifest(t.Context(), repository, "latest")
				if err != nil {
					t.Fatal(err)
				}
				if m.Descriptor.Digest != artifact.Digest || m.Descriptor.MediaType != artifact.MediaType {
					t.Errorf("read as %s %s, want %s %s", m.Descriptor.MediaType, m.Descriptor.Digest, artifact.MediaType, artifact.Digest)
				}
				if err := c.DeleteManifest(t.Context(), repository, m.Descriptor.Digest); err != nil {
					t.Fatal(err)
				}
				f.wantExists(t, false, "latest", artifact.Digest.String())

				for _, reference := range []string{artifact.Digest.String(), "latest"} {
					if err := c.PutManifest(t.Context(), repository, reference, m); err != nil {
						t.Errorf("put back as %s: %v", reference, err)
					}
					f.wantExists(t, true, reference)
				}
				if dgst, err := c.ResolveDigest(t.Context(), repository, "latest"); err != nil || dgst != artifact.Digest {
					t.Errorf("resolved to %q, %v; want %q", dgst, err, artifact.Digest)
				}
			})
		}
	})
}

func TestBlobDigestIsNotDeletedAsAManifest(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		c := f.client(t, regret.WithRetries(regret.Retries{}))
		for _, dgst := range []regret.Digest{image.Layer(), image.Config()} {
			if err := c.DeleteManifest(t.Context(), repository, dgst); err == nil {
				t.Errorf("%s was deleted", dgst)
			}
			f.wantWrites(t)
			if !f.repo.HasBlob(t, dgst) {
				t.Errorf("%s is gone", dgst)
			}
		}
	})
}

func TestUnresolvedDigestIsLookedUpBeforeItsDeletion(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		if err := f.client(t).DeleteManifest(t.Context(), repository, image.Digest); err != nil {
			t.Fatal(err)
		}
		f.wantSent(t,
			manifestRequest(http.MethodHead, image.Digest.String(), "200"),
			manifestRequest(http.MethodDelete, image.Digest.String(), "202"))
	})
}

func TestDeletionSucceedsIfOnlyItsResponseIsLost(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		f.repo.Push(t, image, "latest")
		c := f.client(t)
		dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		f.recorder.LoseAnswer(http.MethodDelete)
		if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
			t.Error(err)
		}
		f.wantSent(t,
			manifestRequest(http.MethodHead, "latest", "200"),
			manifestRequest(http.MethodDelete, dgst.String(), "lost"),
			manifestRequest(http.MethodDelete, dgst.String(), "404"),
			manifestRequest(http.MethodHead, dgst.String(), "404"),
			manifestRequest(http.MethodGet, dgst.String(), "404"))
	})
}

func TestUnknownTagsAndDigestsAreNotFound(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		f.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		c := f.client(t)
		unknown := wire.OCIImage(t, "never pushed").Digest.String()
		for _, name := range []string{repository, "derek/unknown"} {
			for _, reference := range []string{"nope", unknown} {
				_, err := c.ResolveDigest(t.Context(), name, reference)
				if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeManifestUnknown) {
					t.Errorf("%s %s: %v", name, reference, err)
				}
			}
		}
		f.wantWrites(t)
	})
}
