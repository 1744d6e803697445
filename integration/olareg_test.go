package integration_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// A registry that is no relative of distribution: an OCI layout on disk, tags deleted by themselves, referrers kept.

func TestOlaregDeletes(t *testing.T) {
	t.Parallel()
	s := newStage(t, registry.Olareg(), registry.Setup{})
	image, other := wire.OCIImage(t, "hello"), wire.OCIImage(t, "other")
	index := wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64"))
	s.repo.Push(t, image, "latest", "stable")
	s.repo.Push(t, other, "other")
	s.repo.Push(t, index, "multi")
	c := s.client(t)
	if dgst, err := c.ResolveDigest(t.Context(), repository, "multi"); err != nil || dgst != index.Digest {
		t.Errorf("multi is %s, want %s: %v", dgst, index.Digest, err)
	}
	for name, call := range map[string]func() error{
		"check": func() error { return c.CheckDelete(t.Context(), repository) },
		"untag": func() error { return c.Untag(t.Context(), repository, "stable") },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.wantThere(t, false, "stable")
	s.wantThere(t, true, "latest", image.Digest.String())
	if err := c.DeleteManifest(t.Context(), repository, image.Digest); err != nil {
		t.Error(err)
	}
	s.wantThere(t, false, "latest", image.Digest.String())
	if err := c.DeleteManifest(t.Context(), repository, image.Digest); !errors.Is(err, regret.ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
	s.sent.Sent()
	if err := c.DeleteManifest(t.Context(), repository, index.Digest); err != nil {
		t.Error(err)
	}
	s.wantSent(t, line("DELETE", index.Digest.String(), "202"))
	s.wantThere(t, true, "other", index.Children[0].Digest.String())
	if err := c.UntagByOverwrite(t.Context(), repository, "other"); err != nil {
		t.Error(err)
	}
	s.wantThere(t, false, "other")
	s.wantThere(t, true, other.Digest.String())
}

func TestOlaregRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		setup registry.Setup
		want  regret.Kind
	}{
		"deletion disabled": {registry.Setup{DeleteDisabled: true}, regret.ErrDeleteDisabled},
		"read-only":         {registry.Setup{ReadOnly: true}, regret.ErrReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			image := wire.OCIImage(t, "hello")
			stock := registry.Olareg().Start(t, registry.Setup{Root: root})
			wire.Repository{URL: stock.URL, Name: repository}.Push(t, image, "latest")
			test.setup.Root = root
			server := registry.Olareg().Start(t, test.setup)
			c, err := regret.New(server.Host())
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"digest": c.DeleteManifest(t.Context(), repository, image.Digest),
				"tag":    c.Untag(t.Context(), repository, "latest"),
				"check":  c.CheckDelete(t.Context(), repository),
			} {
				if e, ok := errors.AsType[*regret.Error](err); !ok || e.Kind != test.want {
					t.Errorf("%s: %v, want %q", what, err, test.want)
				}
			}
			if !(wire.Repository{URL: server.URL, Name: repository}).HasManifest(t, "latest") {
				t.Error("it is gone")
			}
		})
	}
}

func TestOlaregLists(t *testing.T) {
	t.Parallel()
	s := newStage(t, registry.Olareg(), registry.Setup{})
	image := wire.OCIImage(t, "hello")
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("v%d", i))
	}
	s.repo.Push(t, image, want...)
	signature := wire.Referrer(t, image, "application/vnd.example.signature", "signed")
	note := wire.Referrer(t, image, "application/vnd.example.note", "noted")
	s.repo.Push(t, signature)
	s.repo.Push(t, note)
	c := s.client(t)
	var got []string
	for tag, err := range c.Tags(t.Context(), repository) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, tag)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if err := c.DeleteReferrer(t.Context(), repository, image.Digest, signature.Digest); err != nil {
		t.Error(err)
	}
	s.wantWrites(t, line("DELETE", signature.Digest.String(), "202"))
	var left []digest.Digest
	for d, err := range c.Referrers(t.Context(), repository, image.Digest) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, d.Digest)
	}
	if diff := cmp.Diff([]digest.Digest{note.Digest}, left); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
}
