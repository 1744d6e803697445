package fakeregistry

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The Put methods fill the registry without HTTP. They do not validate or log anything.

// PutBlob stores a blob and returns its descriptor.
func (r *Registry) PutBlob(repository string, content []byte) ocispec.Descriptor {
	desc := ocispec.Descriptor{
		MediaType: "application/octet-stream",
		Digest:    digest.FromBytes(content),
		Size:      int64(len(content)),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repository(repository).putBlob(desc.Digest, content)
	return desc
}

// PutManifest stores any bytes as a manifest, and tags it unless tag is empty.
func (r *Registry) PutManifest(repository, tag, mediaType string, raw []byte) ocispec.Descriptor {
	if tag == "" {
		return r.storeUnchecked(repository, mediaType, raw, nil)
	}
	return r.storeUnchecked(repository, mediaType, raw, []string{tag})
}

// storeUnchecked stores a manifest and its tags without validation.
func (r *Registry) storeUnchecked(repository, mediaType string, raw []byte, tags []string) ocispec.Descriptor {
	m := parseManifest(mediaType, raw, digest.Canonical)
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.repository(repository)
	repo.putManifest(m, tags)
	for _, tag := range tags {
		repo.setTag(tag, m.desc.Digest)
	}
	return ocispec.Descriptor{MediaType: mediaType, Digest: m.desc.Digest, Size: m.desc.Size}
}

// PutImage stores a complete OCI image: a config, one layer, and the manifest. The same content
// results in the same digests in every repository.
func (r *Registry) PutImage(repository, content string, tags ...string) ocispec.Descriptor {
	return r.storeUnchecked(repository, ocispec.MediaTypeImageManifest, mustJSON(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    r.putConfig(repository, ocispec.MediaTypeImageConfig, content),
		Layers:    []ocispec.Descriptor{r.putLayer(repository, ocispec.MediaTypeImageLayer, content)},
	}), tags)
}

// PutDockerImage stores a complete Docker image with a schema2 manifest, which distribution 2.x can
// convert to schema1.
func (r *Registry) PutDockerImage(repository, content string, tags ...string) ocispec.Descriptor {
	return r.storeUnchecked(repository, mediaTypeDockerManifest, mustJSON(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: mediaTypeDockerManifest,
		Config:    r.putConfig(repository, mediaTypeDockerConfig, content),
		Layers:    []ocispec.Descriptor{r.putLayer(repository, mediaTypeDockerLayer, content)},
	}), tags)
}

// PutIndex stores an OCI index and, for each of its contents, the image that PutImage would store.
// The platforms are linux/amd64, linux/arm64, linux/arm/v7, linux/ppc64le, linux/s390x,
// linux/riscv64, and then linux/cpu6, linux/cpu7 and so on. Only the index mentions them; the
// config of every image says linux/amd64.
func (r *Registry) PutIndex(repository string, contents []string, tags ...string) ocispec.Descriptor {
	return r.putIndex(repository, ocispec.MediaTypeImageIndex, contents, tags, r.PutImage)
}

// PutDockerList stores a Docker manifest list of schema2 images, with the platforms of PutIndex.
func (r *Registry) PutDockerList(repository string, contents []string, tags ...string) ocispec.Descriptor {
	return r.putIndex(repository, mediaTypeDockerList, contents, tags, r.PutDockerImage)
}

func (r *Registry) putIndex(repository, mediaType string, contents, tags []string,
	put func(string, string, ...string) ocispec.Descriptor,
) ocispec.Descriptor {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: mediaType,
		Manifests: []ocispec.Descriptor{},
	}
	for i, content := range contents {
		child := put(repository, content)
		child.Platform = platform(i)
		index.Manifests = append(index.Manifests, child)
	}
	return r.storeUnchecked(repository, mediaType, mustJSON(index), tags)
}

func platform(i int) *ocispec.Platform {
	known := []ocispec.Platform{
		{OS: "linux", Architecture: "amd64"},
		{OS: "linux", Architecture: "arm64"},
		{OS: "linux", Architecture: "arm", Variant: "v7"},
		{OS: "linux", Architecture: "ppc64le"},
		{OS: "linux", Architecture: "s390x"},
		{OS: "linux", Architecture: "riscv64"},
	}
	if i < len(known) {
		return &known[i]
	}
	return &ocispec.Platform{OS: "linux", Architecture: fmt.Sprintf("cpu%d", i)}
}

// PutReferrer stores an OCI artifact with content as its only layer. The subject need not be
// stored.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
func (r *Registry) PutReferrer(repository string, subject ocispec.Descriptor, artifactType, content string) ocispec.Descriptor {
	config := r.PutBlob(repository, []byte("{}"))
	config.MediaType = ocispec.MediaTypeEmptyJSON
	return r.storeUnchecked(repository, ocispec.MediaTypeImageManifest, mustJSON(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       config,
		Layers:       []ocispec.Descriptor{r.putLayer(repository, artifactType, content)},
		Subject:      &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}), nil)
}

// PutSchema1 stores a signed schema1 manifest. The digest it returns is that of the payload, not of
// the bytes that are served, whereas the size is that of the bytes. The manifest contains the name
// of the repository and the first tag, or "latest" if there are no tags.
func (r *Registry) PutSchema1(repository, content string, tags ...string) ocispec.Descriptor {
	layer := r.putLayer(repository, mediaTypeDockerLayer, content)
	tag := "latest"
	if len(tags) > 0 {
		tag = tags[0]
	}
	raw := signSchema1(schema1Document(repository, tag, imageConfig(content), []digest.Digest{layer.Digest}))
	return r.storeUnchecked(repository, mediaTypeSchema1Signed, raw, tags)
}

func (r *Registry) putLayer(repository, mediaType, content string) ocispec.Descriptor {
	desc := r.PutBlob(repository, []byte(content))
	desc.MediaType = mediaType
	return desc
}

// putConfig stores the config of an image whose only layer is content. Layers are not compressed,
// so the digest of the layer is also its diff ID.
func (r *Registry) putConfig(repository, mediaType, content string) ocispec.Descriptor {
	desc := r.PutBlob(repository, mustJSON(imageConfig(content)))
	desc.MediaType = mediaType
	return desc
}

func imageConfig(content string) map[string]any {
	const created = "2024-01-02T03:04:05Z"
	return map[string]any{
		"created":      created,
		"architecture": "amd64",
		"os":           "linux",
		"config":       map[string]any{},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{digest.FromString(content).String()}},
		"history":      []map[string]string{{"created": created, "created_by": "fakeregistry"}},
	}
}

// mustJSON encodes a value made in this package, for which encoding cannot fail.
func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func mustJSONIndent(v any) []byte {
	raw, err := json.MarshalIndent(v, "", "   ")
	if err != nil {
		panic(err)
	}
	return raw
}
