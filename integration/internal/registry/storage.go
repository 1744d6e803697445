package registry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
)

// manifestDir returns the directory of a repository's manifests. Both versions of distribution use the
// same layout.
func (s Server) manifestDir(repository string) string {
	return filepath.Join(s.root, "docker", "registry", "v2", "repositories", repository, "_manifests")
}

// AddTags writes tags for a manifest directly into the storage, because a thousand pushes take minutes
// on a slow disk.
func (s Server) AddTags(t testing.TB, repository string, dgst digest.Digest, tags []string) {
	t.Helper()
	for _, tag := range tags {
		dir := filepath.Join(s.manifestDir(repository), "tags", tag)
		for _, link := range []string{"current", filepath.Join("index", dgst.Algorithm().String(), dgst.Encoded())} {
			err := os.MkdirAll(filepath.Join(dir, link), 0o755)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, link, "link"), []byte(dgst), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ForgetManifest removes a manifest's revision from the storage but leaves its tags, like an
// interrupted deletion.
func (s Server) ForgetManifest(t testing.TB, repository string, dgst digest.Digest) {
	t.Helper()
	revision := filepath.Join(s.manifestDir(repository), "revisions", dgst.Algorithm().String(), dgst.Encoded())
	if _, err := os.Stat(revision); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(revision); err != nil {
		t.Fatal(err)
	}
}
