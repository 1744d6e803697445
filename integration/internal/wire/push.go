package wire

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/opencontainers/go-digest"
)

// Push uploads an artifact with its blobs and children under each of the tags, or only by its digest if
// there are none.
func (r Repository) Push(t testing.TB, a Artifact, tags ...string) {
	t.Helper()
	for _, child := range a.Children {
		r.Push(t, child)
	}
	for _, blob := range a.Blobs {
		r.PushBlob(t, blob)
	}
	if len(tags) == 0 {
		tags = []string{a.Digest.String()}
	}
	for _, tag := range tags {
		answer := r.PutManifest(t, tag, a)
		if answer.Status != http.StatusCreated || answer.Digest() != a.Digest {
			t.Fatalf("push %s as %s: %s, digest %q, want %q", a.MediaType, tag, answer, answer.Digest(), a.Digest)
		}
	}
}

// PutManifest uploads only the manifest and returns the response.
func (r Repository) PutManifest(t testing.TB, reference string, a Artifact) Answer {
	t.Helper()
	target := r.URL + "/v2/" + r.Name + "/manifests/" + reference
	return r.Send(t, http.MethodPut, target, a.Raw, Header{"Content-Type", a.MediaType})
}

// PushBlob uploads a blob with a POST followed by a single PUT.
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put
func (r Repository) PushBlob(t testing.TB, content []byte) {
	t.Helper()
	opened := r.Do(t, http.MethodPost, "blobs/uploads/")
	if opened.Status != http.StatusAccepted {
		t.Fatalf("open an upload: %s", opened)
	}
	base, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	target, err := base.Parse(opened.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	query := target.Query()
	query.Set("digest", digest.FromBytes(content).String())
	target.RawQuery = query.Encode()

	stored := r.Send(t, http.MethodPut, target.String(), content, Header{"Content-Type", "application/octet-stream"})
	if stored.Status != http.StatusCreated {
		t.Fatalf("upload a blob: %s", stored)
	}
}
