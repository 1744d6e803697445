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

// Media types of docker's own manifests.
// See https://distribution.github.io/distribution/spec/manifest-v2-2/
const (
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	SignedSchema1  = "application/vnd.docker.distribution.manifest.v1+prettyjws"

	dockerConfig = "application/vnd.docker.container.image.v1+json"
	dockerLayer  = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// AcceptAll accepts every kind of manifest a tag can point at.
func AcceptAll() Header {
	return Accept(ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, DockerList, DockerManifest, SignedSchema1)
}

// Artifact is a manifest with all it needs.
type Artifact struct {
	MediaType string
	Raw       []byte
	// Digest is the digest the registry is to give it.
	Digest digest.Digest
	// Blobs are the config, then the layers.
	Blobs [][]byte
	// ArtifactType is what a referrer says it is.
	ArtifactType string
	// Children are the manifests an index lists.
	Children []Artifact
}

// Config returns the digest of an image's config.
func (a Artifact) Config() digest.Digest { return digest.FromBytes(a.Blobs[0]) }

// Layer returns the digest of an image's first layer.
func (a Artifact) Layer() digest.Digest { return digest.FromBytes(a.Blobs[1]) }

// Descriptor describes the artifact as an index or a referrer does.
func (a Artifact) Descriptor() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: a.MediaType, Digest: a.Digest, Size: int64(len(a.Raw))}
}

// OCIImage returns an image of one layer made from the content. The same content gives the same digest.
func OCIImage(t testing.TB, content string) Artifact {
	t.Helper()
	return image(t, content, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayerGzip)
}

// DockerImage is [OCIImage] in docker's format, schema 2.
func DockerImage(t testing.TB, content string) Artifact {
	t.Helper()
	return image(t, content, DockerManifest, dockerConfig, dockerLayer)
}

// DockerImageOfConfig is [DockerImage] with a config of one's own choice.
func DockerImageOfConfig(t testing.TB, content, config string) Artifact {
	t.Helper()
	_, layer := layerOf(t, content)
	return imageOf(t, DockerManifest, dockerConfig, dockerLayer, []byte(config), layer)
}

// Referrer returns an artifact about another one.
func Referrer(t testing.TB, subject Artifact, artifactType, content string) Artifact {
	t.Helper()
	config, layer := ocispec.DescriptorEmptyJSON, []byte(content)
	about := subject.Descriptor()
	a := artifact(t, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       ocispec.Descriptor{MediaType: config.MediaType, Digest: config.Digest, Size: config.Size},
		Layers:       []ocispec.Descriptor{describe("text/plain", layer)},
		Subject:      &about,
	}, config.Data, layer)
	a.ArtifactType = artifactType
	return a
}

// OCIIndex returns an index of images for amd64, arm64 and so on.
func OCIIndex(t testing.TB, children ...Artifact) Artifact {
	t.Helper()
	return list(t, ocispec.MediaTypeImageIndex, children)
}

// DockerManifestList is [OCIIndex] in docker's format.
func DockerManifestList(t testing.TB, children ...Artifact) Artifact {
	t.Helper()
	return list(t, DockerList, children)
}

// FallbackTag returns the tag under which a registry without the referrers API keeps the list of referrers.
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
func FallbackTag(subject digest.Digest) string {
	return subject.Algorithm().String() + "-" + subject.Encoded()
}

// ReferrerList returns the index to be kept under [FallbackTag].
func ReferrerList(t testing.TB, referrers ...Artifact) Artifact {
	t.Helper()
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, referrer := range referrers {
		desc := referrer.Descriptor()
		desc.ArtifactType = referrer.ArtifactType
		index.Manifests = append(index.Manifests, desc)
	}
	return artifact(t, ocispec.MediaTypeImageIndex, index)
}

func image(t testing.TB, content, manifestType, configType, layerType string) Artifact {
	t.Helper()
	plain, layer := layerOf(t, content)
	// The history with its empty layer is what lets a registry turn the image into schema 1.
	config := marshal(t, ocispec.Image{
		Platform: ocispec.Platform{Architecture: "amd64", OS: "linux"},
		Config:   ocispec.ImageConfig{Cmd: []string{"/bin/hello"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(plain)}},
		History:  []ocispec.History{{CreatedBy: "ADD hello"}, {CreatedBy: "CMD hello", EmptyLayer: true}},
	})
	return imageOf(t, manifestType, configType, layerType, config, layer)
}

func imageOf(t testing.TB, manifestType, configType, layerType string, config, layer []byte) Artifact {
	t.Helper()
	return artifact(t, manifestType, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: manifestType,
		Config:    describe(configType, config),
		Layers:    []ocispec.Descriptor{describe(layerType, layer)},
	}, config, layer)
}

func list(t testing.TB, mediaType string, children []Artifact) Artifact {
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
	a := artifact(t, mediaType, index)
	a.Children = children
	return a
}

func artifact(t testing.TB, mediaType string, manifest any, blobs ...[]byte) Artifact {
	t.Helper()
	raw := marshal(t, manifest)
	return Artifact{MediaType: mediaType, Raw: raw, Digest: digest.FromBytes(raw), Blobs: blobs}
}

func describe(mediaType string, content []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
}

// layerOf returns a file system of one file, as it is and compressed.
func layerOf(t testing.TB, content string) (plain, compressed []byte) {
	t.Helper()
	var archive, zipped bytes.Buffer
	files := tar.NewWriter(&archive)
	err := files.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = files.Write([]byte(content))
	}
	if err == nil {
		err = files.Close()
	}
	zipper := gzip.NewWriter(&zipped)
	if err == nil {
		_, err = zipper.Write(archive.Bytes())
	}
	if err == nil {
		err = zipper.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return archive.Bytes(), zipped.Bytes()
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
