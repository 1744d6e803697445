package integration_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

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
