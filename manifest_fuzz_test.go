package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// FuzzDigest responds with one or two arbitrary values of Docker-Content-Digest, for a tag
// and for a digest. A tag resolves only to a valid digest of the header (or of the empty
// body), a digest only to itself, and two different values are an error.
func FuzzDigest(f *testing.F) {
	for _, named := range []string{
		someDigest, aDigest, aSHA512, "", "sha256:zz", "sha256:" + strings.ToUpper(someDigest[7:]), "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../x", someDigest + " ", " " + someDigest,
		someDigest + ", " + someDigest, "sha384:" + strings.Repeat("0", 96), "sha256+b64u:" + strings.Repeat("a", 43), someDigest[:70], someDigest + "0", "sha256:",
	} {
		f.Add(named, "", someDigest)
		f.Add(named, named, named)
		f.Add(named, someDigest, aDigest)
	}
	f.Fuzz(func(t *testing.T, first, second, requested string) {
		names := []string{first}
		if second != "" {
			names = append(names, second)
		}
		transport := roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := respond(req, 200, "", "Content-Type", ociImage)
			resp.Header["Docker-Content-Digest"] = names
			return resp, nil
		})
		for _, reference := range []string{"v1", requested} {
			got, err := newClient(t, transport, fuzzOptions()...).ResolveDigest(t.Context(), repo, reference)
			if err != nil {
				wantRegretError(t, err)
				continue
			}
			if got.Validate() != nil || string(got) != strings.TrimSpace(first) && got != digest.FromBytes(nil) {
				t.Errorf("%q is resolved to %q by the header %q", reference, got, names)
			}
			if digest.Digest(reference).Validate() == nil && string(got) != reference {
				t.Errorf("%s is resolved to %s", reference, got)
			}
			if second != "" && strings.TrimSpace(first) != strings.TrimSpace(second) && got != digest.FromBytes(nil) {
				t.Errorf("%q is resolved to %q by the contradictory header %q, and not by the content", reference, got, names)
			}
		}
	})
}
