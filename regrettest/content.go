package regrettest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Docker's media types. Those of OCI are in the image-spec package.
const (
	mediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	mediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaTypeDockerConfig   = "application/vnd.docker.container.image.v1+json"
	mediaTypeDockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// An Image says what image [Registry.PutImage] makes. Images that are equal have the same digest.
type Image struct {
	// Platform is the operating system and the architecture, with a variant if there is one, such as
	// "linux/arm/v7". The default is "linux/amd64".
	Platform string
	// Created is the date in the configuration. The zero time leaves it out.
	Created time.Time
	// Layers are the contents of the layers, which are stored as they are. By default there is one, a
	// tar archive of one small file, which no image with another platform, date or annotation has.
	Layers []string
	// Annotations are those of the manifest.
	Annotations map[string]string
	// Docker makes it an image with Docker's media types in place of OCI's.
	Docker bool
}

// PutImage stores an image, with its configuration and its layers, tags it, and returns its
// descriptor, as an index lists it. Without tags it counts as pushed by its digest. To a registry that
// lists the times of uploads, as Google's do, it was uploaded when it was created.
func (r *Registry) PutImage(repository string, image Image, tags ...string) ocispec.Descriptor {
	platform := image.platform()
	manifestType, configType, layerType := ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayer
	if image.Docker {
		manifestType, configType, layerType = mediaTypeDockerManifest, mediaTypeDockerConfig, mediaTypeDockerLayer
	}
	config := imageConfig{Created: image.created(), Platform: platform, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}, History: []history{}}
	layers := []ocispec.Descriptor{}
	for _, content := range image.layers() {
		layer := r.putBlob(repository, layerType, []byte(content))
		layers = append(layers, layer)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
		config.History = append(config.History, history{config.Created, "regrettest"})
	}
	desc := r.PutManifest(repository, manifestType, encode(ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   manifestType,
		Config:      r.putBlob(repository, configType, encode(config)),
		Layers:      layers,
		Annotations: image.Annotations,
	}), tags...)
	r.fake.SetTimes(repository, desc.Digest, image.Created, image.Created)
	desc.Platform = &platform
	return desc
}

// imageConfig is the configuration of an image. In ocispec.Image, dates are times, and not every time
// can be encoded.
type imageConfig struct {
	Created string `json:"created,omitempty"`
	ocispec.Platform
	RootFS  ocispec.RootFS `json:"rootfs"`
	History []history      `json:"history"` // distribution 2.8 needs it to convert an image of Docker
}

type history struct {
	Created   string `json:"created,omitempty"`
	CreatedBy string `json:"created_by"`
}

// created returns the date in the form of the configuration.
func (i Image) created() string {
	if i.Created.IsZero() {
		return ""
	}
	return i.Created.UTC().Format(time.RFC3339Nano)
}

func (i Image) platform() ocispec.Platform {
	if i.Platform == "" {
		return ocispec.Platform{OS: "linux", Architecture: "amd64"}
	}
	os, architecture, _ := strings.Cut(i.Platform, "/")
	architecture, variant, _ := strings.Cut(architecture, "/")
	return ocispec.Platform{OS: os, Architecture: architecture, Variant: variant}
}

// layers returns the contents of the layers.
func (i Image) layers() []string {
	if i.Layers != nil {
		return i.Layers
	}
	var text strings.Builder
	fmt.Fprintln(&text, i.Platform, i.Created.UTC())
	for _, key := range slices.Sorted(maps.Keys(i.Annotations)) {
		fmt.Fprintln(&text, key, i.Annotations[key])
	}
	return []string{archive("about", text.String())}
}

// archive returns a tar archive of one file. Writing it to memory cannot fail.
func archive(name, content string) string {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	must(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0)}))
	_, err := w.Write([]byte(content))
	must(err)
	must(w.Close())
	return buffer.String()
}

// PutIndex stores an index that lists manifests, tags it, and returns its descriptor. What it lists
// need not be stored. If the first is an image of Docker, it is a manifest list of Docker.
//
// The descriptors are listed as they are, with platform and annotations: an attestation of BuildKit
// is an image for "unknown/unknown" with the annotation vnd.docker.reference.digest.
func (r *Registry) PutIndex(repository string, manifests []ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	mediaType := ocispec.MediaTypeImageIndex
	if len(manifests) > 0 && manifests[0].MediaType == mediaTypeDockerManifest {
		mediaType = mediaTypeDockerList
	}
	return r.PutManifest(repository, mediaType, encode(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: mediaType,
		Manifests: append([]ocispec.Descriptor{}, manifests...),
	}), tags...)
}

// PutReferrer stores an artifact that refers to a subject, such as a signature or an SBOM, with the
// content as its only layer. The subject need not be stored. A registry without the referrers API
// does not list it: there, clients expect an index with the tag "sha256-…", see [Registry.PutIndex].
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
func (r *Registry) PutReferrer(repository string, subject ocispec.Descriptor, artifactType, content string) ocispec.Descriptor {
	desc := r.PutManifest(repository, ocispec.MediaTypeImageManifest, encode(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       r.putBlob(repository, ocispec.MediaTypeEmptyJSON, []byte("{}")),
		Layers:       []ocispec.Descriptor{r.putBlob(repository, artifactType, []byte(content))},
		Subject:      &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}))
	desc.ArtifactType = artifactType
	return desc
}

// PutManifest stores any bytes as a manifest, tags it, and returns its descriptor. Without tags it
// counts as pushed by its digest.
func (r *Registry) PutManifest(repository, mediaType string, content []byte, tags ...string) ocispec.Descriptor {
	first := ""
	if len(tags) > 0 {
		first = tags[0]
	}
	desc := r.fake.PutManifest(repository, first, mediaType, bytes.Clone(content))
	for _, tag := range tags {
		r.fake.SetTag(repository, tag, desc.Digest)
	}
	return desc
}

// PutBlob stores a blob and returns its descriptor.
func (r *Registry) PutBlob(repository string, content []byte) ocispec.Descriptor {
	return r.fake.PutBlob(repository, bytes.Clone(content))
}

func (r *Registry) putBlob(repository, mediaType string, content []byte) ocispec.Descriptor {
	desc := r.fake.PutBlob(repository, content)
	desc.MediaType = mediaType
	return desc
}

// encode encodes a value of a type in this file, for which encoding cannot fail.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	must(err)
	return raw
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
