package wire

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker manifests.
// See https://distribution.github.io/distribution/spec/manifest-v2-2/
const (
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	SignedSchema1  = "application/vnd.docker.distribution.manifest.v1+prettyjws"

	dockerConfig = "application/vnd.docker.container.image.v1+json"
	dockerLayer  = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// AcceptAll returns a header field that accepts every type of manifest.
func AcceptAll() Header {
	return Accept(ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, DockerList, DockerManifest, SignedSchema1)
}

// Artifact is a manifest with the blobs and manifests it refers to.
type Artifact struct {
	MediaType string
	Raw       []byte
	// Digest is the digest that the registry should store it under.
	Digest digest.Digest
	// Blobs are the config followed by the layers.
	Blobs [][]byte
	// ArtifactType is the artifactType of a referrer.
	ArtifactType string
	// Children are the manifests of an index.
	Children []Artifact
}

// Config returns the digest of an image's config.
func (a Artifact) Config() digest.Digest { return digest.FromBytes(a.Blobs[0]) }

// Layer returns the digest of an image's first layer.
func (a Artifact) Layer() digest.Digest { return digest.FromBytes(a.Blobs[1]) }

// Descriptor returns the descriptor of the artifact for an index or a referrer.
func (a Artifact) Descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: a.MediaType, Digest: a.Digest, Size: int64(len(a.Raw))}
}

// OCIImage returns an image with one layer made from content. The same content gives the same digest.
func OCIImage(t testing.TB, content string) Artifact {
	t.Helper()
	return newImage(t, content, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayerGzip)
}

// DockerImage is like [OCIImage] but in Docker's format, schema 2.
func DockerImage(t testing.TB, content string) Artifact {
	t.Helper()
	return newImage(t, content, DockerManifest, dockerConfig, dockerLayer)
}

// DockerImageOfConfig is like [DockerImage] but with the given config.
func DockerImageOfConfig(t testing.TB, content, config string) Artifact {
	t.Helper()
	_, layer := newLayer(t, content)
	return newImageWithConfig(t, DockerManifest, dockerConfig, dockerLayer, []byte(config), layer)
}

// Referrer returns an artifact that refers to subject.
func Referrer(t testing.TB, subject Artifact, artifactType, content string) Artifact {
	t.Helper()
	config, layer := ocispec.DescriptorEmptyJSON, []byte(content)
	about := subject.Descriptor()
	a := newArtifact(t, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       ocispec.Descriptor{MediaType: config.MediaType, Digest: config.Digest, Size: config.Size},
		Layers:       []ocispec.Descriptor{descriptorOf("text/plain", layer)},
		Subject:      &about,
	}, config.Data, layer)
	a.ArtifactType = artifactType
	return a
}

// OCIIndex returns an index of images for amd64, arm64 and so on.
func OCIIndex(t testing.TB, children ...Artifact) Artifact {
	t.Helper()
	return newIndex(t, ocispec.MediaTypeImageIndex, children)
}

// DockerManifestList is like [OCIIndex] but in Docker's format.
func DockerManifestList(t testing.TB, children ...Artifact) Artifact {
	t.Helper()
	return newIndex(t, DockerList, children)
}

// FallbackTag returns the tag under which clients keep the list of referrers if the registry has no
// referrers API.
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
func FallbackTag(subject digest.Digest) string {
	return subject.Algorithm().String() + "-" + subject.Encoded()
}

// ReferrerList returns the index that belongs under [FallbackTag].
func ReferrerList(t testing.TB, referrers ...Artifact) Artifact {
	t.Helper()
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, referrer := range referrers {
		desc := referrer.Descriptor()
		desc.ArtifactType = referrer.ArtifactType
		index.Manifests = append(index.Manifests, desc)
	}
	return newArtifact(t, ocispec.MediaTypeImageIndex, index)
}

func newImage(t testing.TB, content, manifestType, configType, layerType string) Artifact {
	t.Helper()
	plain, layer := newLayer(t, content)
	// The registry needs the history, with its empty layer, to convert the image to schema 1.
	config := marshal(t, ocispec.Image{
		Platform: ocispec.Platform{Architecture: "amd64", OS: "linux"},
		Config:   ocispec.ImageConfig{Cmd: []string{"/bin/hello"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(plain)}},
		History:  []ocispec.History{{CreatedBy: "ADD hello"}, {CreatedBy: "CMD hello", EmptyLayer: true}},
	})
	return newImageWithConfig(t, manifestType, configType, layerType, config, layer)
}

func newImageWithConfig(t testing.TB, manifestType, configType, layerType string, config, layer []byte) Artifact {
	t.Helper()
	return newArtifact(t, manifestType, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: manifestType,
		Config:    descriptorOf(configType, config),
		Layers:    []ocispec.Descriptor{descriptorOf(layerType, layer)},
	}, config, layer)
}

func newIndex(t testing.TB, mediaType string, children []Artifact) Artifact {
	t.Helper()
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType}
	for i, child := range children {
		desc := child.Descriptor()
		architecture := "amd64"
		if i > 0 {
			architecture = fmt.Sprintf("other%d", i)
		}
		desc.Platform = &ocispec.Platform{OS: "linux", Architecture: architecture}
		index.Manifests = append(index.Manifests, desc)
	}
	a := newArtifact(t, mediaType, index)
	a.Children = children
	return a
}

func newArtifact(t testing.TB, mediaType string, manifest any, blobs ...[]byte) Artifact {
	t.Helper()
	raw := marshal(t, manifest)
	return Artifact{MediaType: mediaType, Raw: raw, Digest: digest.FromBytes(raw), Blobs: blobs}
}

func descriptorOf(mediaType string, content []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
}

// newLayer returns a layer with one file, uncompressed and compressed.
func newLayer(t testing.TB, content string) (plain, compressed []byte) {
	t.Helper()
	var archive, compressedArchive bytes.Buffer
	tarWriter := tar.NewWriter(&archive)
	err := tarWriter.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = tarWriter.Write([]byte(content))
	}
	if err == nil {
		err = tarWriter.Close()
	}
	gzipWriter := gzip.NewWriter(&compressedArchive)
	if err == nil {
		_, err = gzipWriter.Write(archive.Bytes())
	}
	if err == nil {
		err = gzipWriter.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return archive.Bytes(), compressedArchive.Bytes()
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
