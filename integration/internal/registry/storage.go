package registry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
)

// manifests returns where a repository's manifests are kept. Both lines of distribution keep them alike.
func (s Server) manifests(repository string) string {
	return filepath.Join(s.root, "docker", "registry", "v2", "repositories", repository, "_manifests")
}

// AddTags puts a manifest under many tags, straight into the storage: a thousand pushes take minutes on a slow disk.
func (s Server) AddTags(t testing.TB, repository string, dgst digest.Digest, tags []string) {
	t.Helper()
	for _, tag := range tags {
		dir := filepath.Join(s.manifests(repository), "tags", tag)
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

// ForgetManifest takes a manifest's revision out of the storage and leaves its tags, as a deletion does that is cut short.
func (s Server) ForgetManifest(t testing.TB, repository string, dgst digest.Digest) {
	t.Helper()
	revision := filepath.Join(s.manifests(repository), "revisions", dgst.Algorithm().String(), dgst.Encoded())
	if _, err := os.Stat(revision); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(revision); err != nil {
		t.Fatal(err)
	}
}
