package cli

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// shopPolicy is a policy for the repository that newShop makes.
const shopPolicy = `{"version": 1,
 "keep": [
   {"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 2},
   {"name": "nightlies", "tags": "nightly-*", "within": "7d"}],
 "remove": [
   {"name": "old releases", "tags": {"semver": ">=1.0.0"}},
   {"name": "old nightlies", "tags": "nightly-*"},
   {"name": "pull requests", "tags": "pr-*", "older-than": "30d"}]}`

// shopDay is the day for which tests plan, as --at has it: at noon.
const shopDay = "2026-11-26T12:00:00Z"

// A shop fills a registry with repositories of releases, nightlies and pull requests.
type shop struct {
	*fakeregistry.Registry
	t    *testing.T
	noon time.Time
}

// newShop returns a registry with the repository team/shop.
func newShop(t *testing.T, opts ...fakeregistry.Option) *shop {
	t.Helper()
	s := emptyShop(t, opts...)
	s.fill("team/shop")
	return s
}

// emptyShop returns a registry that nothing is in.
func emptyShop(t *testing.T, opts ...fakeregistry.Option) *shop {
	t.Helper()
	noon, err := time.Parse(time.RFC3339, shopDay)
	if err != nil {
		t.Fatal(err)
	}
	return &shop{fakeregistry.New(opts...), t, noon}
}

// fill fills a repository. Release 1.1.0 has an attestation and a signature, and shares an image
// with 1.2.0, which is also pr-13.
func (s *shop) fill(repository string) {
	s.putImage(repository, "amd64", 240, "1.0.0")
	amd64, arm64 := s.putImage(repository, "amd64", 110), s.putImage(repository, "arm64", 110)
	attestation := s.putImage(repository, "unknown", 110)
	attestation.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{
		"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd64.Digest.String(),
	}
	signed := s.putIndex(repository, []ocispec.Descriptor{amd64, arm64, attestation}, "1.1.0")
	s.PutReferrer(repository, signed, "application/vnd.cncf.notary.signature", "signature")
	s.putIndex(repository, []ocispec.Descriptor{s.putImage(repository, "amd64", 45), arm64}, "1.2.0", "pr-13")
	s.putIndex(repository, []ocispec.Descriptor{s.putImage(repository, "amd64", 9), s.putImage(repository, "arm64", 9)}, "1.3.0", "latest")
	for days := range 9 {
		s.putImage(repository, "amd64", days, s.noon.AddDate(0, 0, -days).Format("nightly-20060102"))
	}
	s.putImage(repository, "amd64", 61, "pr-11")
	s.putImage(repository, "amd64", 48, "pr-12")
	s.putImage(repository, "amd64", 5, "pr-20")
	s.putImage(repository, "amd64", 2, "pr-21")
}

// putImage stores an image that was built so many days ago, at two in the morning.
func (s *shop) putImage(repository, architecture string, days int, tags ...string) ocispec.Descriptor {
	built := s.noon.AddDate(0, 0, -days).Add(-10 * time.Hour)
	platform := ocispec.Platform{OS: "linux", Architecture: architecture}
	layer := s.PutBlob(repository, fmt.Appendf(nil, "%s, %s, %s", architecture, built, tags))
	layer.MediaType = ocispec.MediaTypeImageLayer
	config := s.PutBlob(repository, s.encode(ocispec.Image{
		Created: &built, Platform: platform, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}))
	config.MediaType = ocispec.MediaTypeImageConfig
	image := s.put(repository, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	}, tags)
	image.Platform = &platform
	return image
}

func (s *shop) putIndex(repository string, images []ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	return s.put(repository, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: images,
	}, tags)
}

func (s *shop) put(repository, mediaType string, manifest any, tags []string) ocispec.Descriptor {
	stored := s.PutManifest(repository, "", mediaType, s.encode(manifest))
	for _, tag := range tags {
		s.SetTag(repository, tag, stored.Digest)
	}
	return stored
}

func (s *shop) encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}
