package integration_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/integration/internal/registry"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

// Neither line of distribution keeps referrers itself: clients do, in an index under a tag.
func TestDeleteReferrerKeepsTheListUnderTheFallbackTag(t *testing.T) {
	t.Parallel()
	each(t, registry.Setup{}, func(t *testing.T, s *stage) {
		image := wire.OCIImage(t, "hello")
		signature := wire.Referrer(t, image, "application/vnd.example.signature", "signed")
		note := wire.Referrer(t, image, "application/vnd.example.note", "noted")
		tag := wire.FallbackTag(image.Digest)
		s.repo.Push(t, image, "latest")
		s.repo.Push(t, signature)
		s.repo.Push(t, note)
		s.repo.Push(t, wire.ReferrerList(t, signature, note), tag)

		client := s.client(t)
		if err := client.DeleteReferrer(t.Context(), repository, image.Digest, signature.Digest); err != nil {
			t.Fatal(err)
		}
		s.wantWrites(t, line(http.MethodDelete, signature.Digest.String(), "202"), line(http.MethodPut, tag, "201"))
		s.wantThere(t, false, signature.Digest.String())
		s.wantThere(t, true, "latest", note.Digest.String())

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
