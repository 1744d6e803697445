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

// olareg is unrelated to distribution: it stores OCI layouts, deletes single tags and maintains
// referrers.

func TestDeleteOnOlareg(t *testing.T) {
	t.Parallel()
	f := newFixture(t, registry.Olareg(), registry.Setup{})
	image, other := wire.OCIImage(t, "hello"), wire.OCIImage(t, "other")
	index := wire.OCIIndex(t, wire.OCIImage(t, "amd64"), wire.OCIImage(t, "arm64"))
	f.repo.Push(t, image, "latest", "stable")
	f.repo.Push(t, other, "other")
	f.repo.Push(t, index, "multi")
	c := f.client(t)
	if dgst, err := c.ResolveDigest(t.Context(), repository, "multi"); err != nil || dgst != index.Digest {
		t.Errorf("multi resolved to %s, want %s: %v", dgst, index.Digest, err)
	}
	for name, call := range map[string]func() error{
		"check": func() error { return c.CheckDelete(t.Context(), repository) },
		"untag": func() error { return c.Untag(t.Context(), repository, "stable") },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.wantExists(t, false, "stable")
	f.wantExists(t, true, "latest", image.Digest.String())
	if err := c.DeleteManifest(t.Context(), repository, image.Digest); err != nil {
		t.Error(err)
	}
	f.wantExists(t, false, "latest", image.Digest.String())
	if err := c.DeleteManifest(t.Context(), repository, image.Digest); !errors.Is(err, regret.ErrNotFound) {
		t.Errorf("a second deletion: %v", err)
	}
	f.recorder.Sent()
	if err := c.DeleteManifest(t.Context(), repository, index.Digest); err != nil {
		t.Error(err)
	}
	f.wantSent(t, manifestRequest("DELETE", index.Digest.String(), "202"))
	f.wantExists(t, true, "other", index.Children[0].Digest.String())
	if err := c.UntagByOverwrite(t.Context(), repository, "other"); err != nil {
		t.Error(err)
	}
	f.wantExists(t, false, "other")
	f.wantExists(t, true, other.Digest.String())
}

func TestRefusalsOfOlareg(t *testing.T) {
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
			writable := registry.Olareg().Start(t, registry.Setup{Root: root})
			wire.Repository{URL: writable.URL, Name: repository}.Push(t, image, "latest")
			test.setup.Root = root
			server := registry.Olareg().Start(t, test.setup)
			c, err := regret.New(server.Host())
			if err != nil {
				t.Fatal(err)
			}
			for op, err := range map[string]error{
				"digest": c.DeleteManifest(t.Context(), repository, image.Digest),
				"tag":    c.Untag(t.Context(), repository, "latest"),
				"check":  c.CheckDelete(t.Context(), repository),
			} {
				if e, ok := errors.AsType[*regret.Error](err); !ok || e.Kind != test.want {
					t.Errorf("%s: %v, want %q", op, err, test.want)
				}
			}
			if !(wire.Repository{URL: server.URL, Name: repository}).HasManifest(t, "latest") {
				t.Error("the tag is gone")
			}
		})
	}
}

func TestListsOfOlareg(t *testing.T) {
	t.Parallel()
	f := newFixture(t, registry.Olareg(), registry.Setup{})
	image := wire.OCIImage(t, "hello")
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("v%d", i))
	}
	f.repo.Push(t, image, want...)
	signature := wire.Referrer(t, image, "application/vnd.example.signature", "signed")
	note := wire.Referrer(t, image, "application/vnd.example.note", "noted")
	f.repo.Push(t, signature)
	f.repo.Push(t, note)
	c := f.client(t)
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
	f.wantWrites(t, manifestRequest("DELETE", signature.Digest.String(), "202"))
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

// olareg refuses an index that lists a manifest that it never had. It accepts one that lists a manifest
// that was deleted, as long as its content is not collected; distribution refuses that, too.
func TestServerS2OlaregAcceptsAStaleIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t, registry.Olareg(), registry.Setup{})
	image := wire.OCIImage(t, "hello")
	index := wire.OCIIndex(t, image)
	if answer := f.repo.PutManifest(t, "list", index); answer.Status != 400 {
		t.Errorf("before the image is pushed: %s, want 400", answer)
	}
	f.repo.Push(t, image, "latest")
	if answer := f.repo.Do(t, "DELETE", "manifests/"+image.Digest.String()); answer.Status != 202 {
		t.Fatal(answer)
	}
	if answer := f.repo.PutManifest(t, "list", index); answer.Status != 201 {
		t.Errorf("after the image is deleted: %s, want 201", answer)
	}
	f.wantExists(t, false, "latest", image.Digest.String())
}
