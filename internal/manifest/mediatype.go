package manifest

import (
	"mime"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker's manifests, which the image specification does not
// name as constants.
//
// See https://distribution.github.io/distribution/spec/manifest-v2-2/ and
// https://distribution.github.io/distribution/spec/deprecated-schema-v1/
const (
	DockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerSchema1      = "application/vnd.docker.distribution.manifest.v1+json"
	DockerSchema1JWS   = "application/vnd.docker.distribution.manifest.v1+prettyjws"
)

// Media types of artifacts from before the image specification had them. Azure's
// registry and others still store such manifests, and deny that there is one to a
// client that does not accept its type.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.0-rc2/artifact.md and
// https://github.com/oras-project/artifacts-spec/blob/main/artifact-manifest.md
const (
	OCIArtifact  = "application/vnd.oci.artifact.manifest.v1+json"
	ORASArtifact = "application/vnd.cncf.oras.artifact.manifest.v1+json"
)

var mediaTypes = []string{
	ocispec.MediaTypeImageIndex,
	ocispec.MediaTypeImageManifest,
	DockerManifestList,
	DockerManifest,
	OCIArtifact,
	ORASArtifact,
	DockerSchema1JWS,
	DockerSchema1,
}

// MediaTypes returns the media types that a request for a manifest accepts. It
// is always all of them, because the set decides which digest comes back: a
// registry converts a manifest that is not accepted, picks one platform's child
// of an index, or denies that there is a manifest.
func MediaTypes() []string { return slices.Clone(mediaTypes) }

// IsMediaType reports whether t is one of [MediaTypes].
func IsMediaType(t string) bool { return slices.Contains(mediaTypes, t) }

// IsIndex reports whether t is the media type of an OCI index or of a Docker
// manifest list.
func IsIndex(t string) bool {
	return t == ocispec.MediaTypeImageIndex || t == DockerManifestList
}

func isImage(t string) bool { return IsMediaType(t) && !IsIndex(t) }

// MediaType returns the media type in the value of a Content-Type header field,
// without its parameters and in lower case. A malformed value has none.
func MediaType(contentType string) string {
	if IsMediaType(contentType) { // the usual case, without an allocation
		return contentType
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return t
}
