package integration_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// specimen is one kind of manifest.
type specimen struct {
	name     string
	artifact wire.Artifact
}

// specimens returns every kind of manifest that the registry takes.
func (s *stage) specimens(t *testing.T) []specimen {
	t.Helper()
	all := []specimen{
		{"docker image", wire.DockerImage(t, "hello")},
		{"OCI image", wire.OCIImage(t, "hello")},
		{"OCI index", wire.OCIIndex(t, wire.OCIImage(t, "one"), wire.OCIImage(t, "two"))},
		{"docker list", wire.DockerManifestList(t, wire.DockerImage(t, "one"), wire.DockerImage(t, "two"))},
		{"artifact with a subject", wire.Referrer(t, wire.OCIImage(t, "hello"), "application/vnd.example.note", "about it")},
	}
	if s.Schema1 {
		all = append(all, specimen{"signed schema1 image", wire.Schema1(t, repository, "latest", "hello")})
	}
	return all
}

func TestATagIsResolvedAndItsManifestDeletedInTwoRequests(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		for _, specimen := range s.specimens(t) {
			t.Run(specimen.name, func(t *testing.T) { // one after the other: they share a repository
				artifact := specimen.artifact
				s.repo.Push(t, artifact, "latest", "also")
				s.repo.Push(t, wire.OCIImage(t, "bystander"), "bystander")
				c := s.client(t)

				dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
				if err != nil || dgst != artifact.Digest {
					t.Fatalf("resolved to %q, %v; want %q", dgst, err, artifact.Digest)
				}
				if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
					t.Fatal(err)
				}
				s.wantSent(t,
					line(http.MethodHead, "latest", "200"),
					line(http.MethodDelete, dgst.String(), "202"))
				s.wantThere(t, false, "latest", "also", dgst.String())
				s.wantThere(t, true, "bystander")
				for _, child := range artifact.Children {
					s.wantThere(t, true, child.Digest.String())
				}

				err = c.DeleteManifest(t.Context(), repository, dgst)
				if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeManifestUnknown) {
					t.Errorf("a second deletion: %v", err)
				}
				if _, err = c.ResolveDigest(t.Context(), repository, "latest"); !errors.Is(err, regret.ErrNotFound) {
					t.Errorf("resolving what was deleted: %v", err)
				}
				s.wantWrites(t)
			})
		}
	})
}

func TestAManifestIsReadDeletedAndPutBackAsItWas(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		for _, specimen := range s.specimens(t) {
			t.Run(specimen.name, func(t *testing.T) {
				artifact := specimen.artifact
				s.repo.Push(t, artifact, "latest")
				c := s.client(t)

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
				s.wantThere(t, false, "latest", artifact.Digest.String())

				for _, reference := range []string{artifact.Digest.String(), "latest"} {
					if err := c.PutManifest(t.Context(), repository, reference, m); err != nil {
						t.Errorf("put back as %s: %v", reference, err)
					}
					s.wantThere(t, true, reference)
				}
				if dgst, err := c.ResolveDigest(t.Context(), repository, "latest"); err != nil || dgst != artifact.Digest {
					t.Errorf("resolved to %q, %v; want %q", dgst, err, artifact.Digest)
				}
			})
		}
	})
}

func TestALayersDigestIsNotDeletedAsAManifest(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		c := s.client(t, regret.WithRetries(regret.Retries{}))
		for _, dgst := range []regret.Digest{image.Layer(), image.Config()} {
			if err := c.DeleteManifest(t.Context(), repository, dgst); err == nil {
				t.Errorf("%s was deleted", dgst)
			}
			s.wantWrites(t)
			if !s.repo.HasBlob(t, dgst) {
				t.Errorf("%s is gone", dgst)
			}
		}
	})
}

func TestADigestThatWasNeverResolvedIsLookedAtFirst(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		if err := s.client(t).DeleteManifest(t.Context(), repository, image.Digest); err != nil {
			t.Fatal(err)
		}
		s.wantSent(t,
			line(http.MethodHead, image.Digest.String(), "200"),
			line(http.MethodDelete, image.Digest.String(), "202"))
	})
}

func TestADeletionWhoseAnswerIsLostIsASuccess(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		s.repo.Push(t, image, "latest")
		c := s.client(t)
		dgst, err := c.ResolveDigest(t.Context(), repository, "latest")
		if err != nil {
			t.Fatal(err)
		}
		s.sent.LoseAnswer(http.MethodDelete)
		if err := c.DeleteManifest(t.Context(), repository, dgst); err != nil {
			t.Error(err)
		}
		s.wantSent(t,
			line(http.MethodHead, "latest", "200"),
			line(http.MethodDelete, dgst.String(), "lost"),
			line(http.MethodDelete, dgst.String(), "404"),
			line(http.MethodHead, dgst.String(), "404"),
			line(http.MethodGet, dgst.String(), "404"))
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		s.repo.Push(t, wire.OCIImage(t, "hello"), "latest")
		c := s.client(t)
		unknown := wire.OCIImage(t, "never pushed").Digest.String()
		for _, name := range []string{repository, "derek/unknown"} {
			for _, reference := range []string{"nope", unknown} {
				_, err := c.ResolveDigest(t.Context(), name, reference)
				if !errors.Is(err, regret.ErrNotFound) || !errors.Is(err, regret.CodeManifestUnknown) {
					t.Errorf("%s %s: %v", name, reference, err)
				}
			}
		}
		s.wantWrites(t)
	})
}
