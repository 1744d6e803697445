package integration_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// Neither version of distribution maintains referrers: clients do, in an index under the fallback tag.
func TestDeleteReferrerUpdatesTheFallbackTag(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		signature := wire.Referrer(t, image, "application/vnd.example.signature", "signed")
		note := wire.Referrer(t, image, "application/vnd.example.note", "noted")
		tag := wire.FallbackTag(image.Digest)
		f.repo.Push(t, image, "latest")
		f.repo.Push(t, signature)
		f.repo.Push(t, note)
		f.repo.Push(t, wire.ReferrerList(t, signature, note), tag)

		client := f.client(t)
		if err := client.DeleteReferrer(t.Context(), repository, image.Digest, signature.Digest); err != nil {
			t.Fatal(err)
		}
		f.wantWrites(t, manifestRequest(http.MethodDelete, signature.Digest.String(), "202"), manifestRequest(http.MethodPut, tag, "201"))
		f.wantExists(t, false, signature.Digest.String())
		f.wantExists(t, true, "latest", note.Digest.String())

		var left []digest.Digest
		for d, err := range client.Referrers(t.Context(), repository, image.Digest) {
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, d.Digest)
		}
		if diff := cmp.Diff([]digest.Digest{note.Digest}, left); diff != "" {
			t.Errorf("referrers (-want +got):\n%s", diff)
		}
		if err := client.DeleteReferrer(t.Context(), repository, image.Digest, note.Digest); err != nil {
			t.Fatal(err)
		}
		for d := range client.Referrers(t.Context(), repository, image.Digest) {
			t.Errorf("a referrer is left: %s", d.Digest)
		}
	})
}

// Distribution refuses an index that lists a manifest that is gone. Entries of such manifests leave the
// index together with the one that is deleted.
func TestServerS2DeleteReferrerRemovesStaleEntries(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		var referrers []wire.Artifact
		for _, content := range []string{"a", "b", "c", "d"} {
			referrers = append(referrers, wire.Referrer(t, image, "application/vnd.example.note", content))
			f.repo.Push(t, referrers[len(referrers)-1])
		}
		tag := wire.FallbackTag(image.Digest)
		f.repo.Push(t, image, "latest")
		f.repo.Push(t, wire.ReferrerList(t, referrers...), tag)
		client := f.client(t)
		for _, stale := range referrers[:2] {
			if err := client.DeleteManifest(t.Context(), repository, stale.Digest); err != nil {
				t.Fatal(err)
			}
		}
		f.recorder.Sent()
		if err := client.DeleteReferrer(t.Context(), repository, image.Digest, referrers[2].Digest); err != nil {
			t.Fatal(err)
		}
		f.wantWrites(t, manifestRequest(http.MethodDelete, referrers[2].Digest.String(), "202"),
			manifestRequest(http.MethodPut, tag, "400"), manifestRequest(http.MethodPut, tag, "201"))
		f.wantReferrers(t, client, image.Digest, referrers[3].Digest)
	})
}

// Several clients delete referrers of one subject at the same time.
func TestServerS2ConcurrentDeletionsOfReferrers(t *testing.T) {
	t.Parallel()
	forEachRegistry(t, registry.Setup{}, func(t *testing.T, f *fixture) {
		image := wire.OCIImage(t, "hello")
		var referrers []wire.Artifact
		for _, content := range []string{"a", "b", "c", "d", "e"} {
			referrers = append(referrers, wire.Referrer(t, image, "application/vnd.example.note", content))
			f.repo.Push(t, referrers[len(referrers)-1])
		}
		f.repo.Push(t, image, "latest")
		f.repo.Push(t, wire.ReferrerList(t, referrers...), wire.FallbackTag(image.Digest))
		var wait sync.WaitGroup
		for _, referrer := range referrers[:4] {
			client := f.client(t)
			wait.Go(func() {
				if err := client.DeleteReferrer(t.Context(), repository, image.Digest, referrer.Digest); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		f.wantReferrers(t, f.client(t), image.Digest, referrers[4].Digest)
	})
}

// wantReferrers compares the list of referrers.
func (f *fixture) wantReferrers(t *testing.T, client *regret.Client, subject digest.Digest, want ...digest.Digest) {
	t.Helper()
	var got []digest.Digest
	for d, err := range client.Referrers(t.Context(), repository, subject) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Digest)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
}
