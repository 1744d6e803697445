package fakeregistry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Docker's media types. Those of OCI are in the image-spec package.
const (
	mediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	mediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaTypeSchema1        = "application/vnd.docker.distribution.manifest.v1+json"
	mediaTypeSchema1Signed  = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	mediaTypeDockerConfig   = "application/vnd.docker.container.image.v1+json"
	mediaTypeDockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// manifest is a stored manifest together with the fields that the registry has parsed from it. It
// is immutable.
type manifest struct {
	desc     ocispec.Descriptor // as the referrers API lists it
	raw      []byte
	subject  digest.Digest
	children []ocispec.Descriptor // the manifests an index lists
	blobs    []ocispec.Descriptor // config and layers
}

// document holds the fields of all kinds of manifests that the registry looks at.
type document struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     string               `json:"mediaType"`
	ArtifactType  string               `json:"artifactType"`
	Config        *ocispec.Descriptor  `json:"config"`
	Layers        []ocispec.Descriptor `json:"layers"`
	Manifests     []ocispec.Descriptor `json:"manifests"`
	Subject       *ocispec.Descriptor  `json:"subject"`
	Annotations   map[string]string    `json:"annotations"`
	FSLayers      []struct {
		BlobSum digest.Digest `json:"blobSum"`
	} `json:"fsLayers"`
}

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == mediaTypeDockerList
}

func isSchema1(mediaType string) bool {
	return mediaType == mediaTypeSchema1 || mediaType == mediaTypeSchema1Signed
}

func isManifestType(mediaType string) bool {
	return isIndex(mediaType) || isSchema1(mediaType) ||
		mediaType == ocispec.MediaTypeImageManifest || mediaType == mediaTypeDockerManifest
}

// parseManifest parses raw without validating it: the fields of a manifest that is not valid JSON
// stay empty. The digest is computed with the given algorithm.
func parseManifest(mediaType string, raw []byte, algorithm digest.Algorithm) *manifest {
	m := &manifest{
		raw: raw,
		desc: ocispec.Descriptor{
			MediaType: mediaType,
			Digest:    algorithm.FromBytes(signedContent(mediaType, raw)),
			Size:      int64(len(raw)),
		},
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return m
	}
	m.desc.ArtifactType = doc.ArtifactType
	m.desc.Annotations = doc.Annotations
	if doc.Config != nil {
		m.blobs = append(m.blobs, *doc.Config)
		if m.desc.ArtifactType == "" {
			m.desc.ArtifactType = doc.Config.MediaType
		}
	}
	m.blobs = append(m.blobs, doc.Layers...)
	for _, layer := range doc.FSLayers {
		m.blobs = append(m.blobs, ocispec.Descriptor{Digest: layer.BlobSum})
	}
	m.children = doc.Manifests
	if doc.Subject != nil {
		m.subject = doc.Subject.Digest
	}
	return m
}

// detailWithoutConfig is the detail that checkManifest gives for an image without a config. Callers
// compare it because distribution has a different response for this case.
const detailWithoutConfig = "an image without config"

// checkManifest validates a pushed manifest and returns nil if it is valid.
func checkManifest(mediaType string, raw []byte) *problem {
	if !isManifestType(mediaType) {
		return manifestInvalid("media type " + mediaType + " is not that of a manifest")
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return manifestInvalid(err.Error())
	}
	if doc.MediaType != "" && doc.MediaType != mediaType {
		return manifestInvalid("mediaType " + doc.MediaType + " is not the Content-Type " + mediaType)
	}
	switch {
	case isSchema1(mediaType):
		return checkSchema1(mediaType, raw, doc)
	case doc.SchemaVersion != 2:
		return manifestInvalid(fmt.Sprintf("schemaVersion %d, want 2", doc.SchemaVersion))
	case isIndex(mediaType) && (doc.Config != nil || doc.Layers != nil):
		return manifestInvalid("an index with config or layers")
	case isIndex(mediaType) && doc.Manifests == nil:
		return manifestInvalid("an index without manifests")
	case !isIndex(mediaType) && doc.Manifests != nil:
		return manifestInvalid("an image with manifests")
	case !isIndex(mediaType) && doc.Config == nil:
		return manifestInvalid(detailWithoutConfig)
	}
	return checkDescriptors(doc)
}

func checkSchema1(mediaType string, raw []byte, doc document) *problem {
	if doc.SchemaVersion != 1 {
		return manifestInvalid(fmt.Sprintf("schemaVersion %d, want 1", doc.SchemaVersion))
	}
	if mediaType == mediaTypeSchema1Signed {
		if _, err := schema1Payload(raw); err != nil {
			return manifestInvalid(err.Error())
		}
	}
	return nil
}

func checkDescriptors(doc document) *problem {
	all := slices.Concat(doc.Layers, doc.Manifests)
	if doc.Config != nil {
		all = append(all, *doc.Config)
	}
	if doc.Subject != nil {
		all = append(all, *doc.Subject)
	}
	for _, desc := range all {
		if err := desc.Digest.Validate(); err != nil {
			return manifestInvalid(fmt.Sprintf("digest %q: %v", desc.Digest, err))
		}
		if desc.Size < 0 || desc.MediaType == "" {
			return manifestInvalid(fmt.Sprintf("descriptor of %s without media type or size", desc.Digest))
		}
	}
	return nil
}

// missingContent returns one error for each blob or manifest that m refers to and the repository
// lacks. A missing subject and missing non-distributable layers are allowed.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push
func (repo *repository) missingContent(m *manifest) []errorDetail {
	var unknown []errorDetail
	for _, desc := range slices.Concat(m.blobs, m.children) {
		if repo.hasBlob(desc.Digest) || repo.manifests[desc.Digest] != nil || repo.layout.has(desc.Digest) || isForeign(desc) {
			continue
		}
		unknown = append(unknown, errorDetail{
			Code:    codeManifestBlobUnknown,
			Message: "blob unknown to registry",
			Detail:  desc.Digest,
		})
	}
	return unknown
}

// isForeign reports whether desc is a non-distributable layer, which clients do not push.
func isForeign(desc ocispec.Descriptor) bool {
	return len(desc.URLs) > 0 || strings.Contains(desc.MediaType, ".nondistributable.") ||
		strings.Contains(desc.MediaType, ".foreign.")
}
