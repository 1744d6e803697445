package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A content is what planning takes from a manifest or an index.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
type content struct {
	ArtifactType string            `json:"artifactType"`
	Manifests    []entry           `json:"manifests"`
	Subject      *entry            `json:"subject"`
	Config       *entry            `json:"config"`
	Layers       []entry           `json:"layers"`
	Blobs        []entry           `json:"blobs"`    // of the artifact manifest that the specification has dropped
	FSLayers     []schema1Layer    `json:"fsLayers"` // of schema1
	Annotations  map[string]string `json:"annotations"`
}

type entry struct {
	MediaType   string            `json:"mediaType"`
	Digest      regret.Digest     `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls"`
	Platform    *ocispec.Platform `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

type schema1Layer struct {
	BlobSum regret.Digest `json:"blobSum"`
}

// parseContent reads a manifest or an index. It reads the members that lead to others
// whatever the media type is, and in upper and lower case, because registries do that are
// written in Go. It refuses what two readers could understand differently: duplicate names
// and entries whose digest is none.
func parseContent(raw []byte) (*content, error) {
	c := new(content)
	if err := json.Unmarshal(raw, c, jsontext.AllowInvalidUTF8(true), json.MatchCaseInsensitiveNames(true)); err != nil {
		return nil, fmt.Errorf("malformed manifest: %s", redact.Printable(err.Error(), redact.MaxClip)) // it may quote names of any length
	}
	for _, layer := range c.FSLayers {
		c.Layers = append(c.Layers, entry{Digest: layer.BlobSum})
	}
	c.Layers = append(c.Layers, c.Blobs...)
	for _, list := range [][]entry{c.Manifests, c.Layers} {
		for i := range list {
			if err := list[i].Digest.Validate(); err != nil {
				return nil, fmt.Errorf("malformed manifest: an entry with the digest %.80q: %w", list[i].Digest, err)
			}
		}
	}
	for _, e := range []*entry{c.Subject, c.Config} {
		if e == nil {
			continue
		}
		if err := e.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("malformed manifest: the digest %.80q: %w", e.Digest, err)
		}
	}
	return c, nil
}

// isAttestation reports whether an entry of an index is what BuildKit attaches to an image:
// it cannot run.
//
// See https://github.com/moby/buildkit/blob/v0.23.0/docs/attestations/attestation-storage.md
func (e *entry) isAttestation() bool {
	return e.Annotations["vnd.docker.reference.type"] != "" || e.Platform != nil && e.Platform.OS == "unknown" && e.Platform.Architecture == "unknown"
}

// platform returns the platform of an entry as people write it, such as linux/arm/v7.
func (e *entry) platform() string {
	if e.Platform == nil || e.isAttestation() {
		return ""
	}
	text := e.Platform.OS + "/" + e.Platform.Architecture
	if e.Platform.Variant != "" {
		text += "/" + e.Platform.Variant
	}
	return text
}

// An imageConfig is what planning takes from the configuration of an image.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
type imageConfig struct {
	Created string `json:"created"`
}

// isImageConfig reports whether a blob of this type may say when its image was created.
func isImageConfig(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageConfig || mediaType == "application/vnd.docker.container.image.v1+json"
}

// parseTime returns the seconds since 1970 of a time as annotations and configurations
// have it; 0 if it is none.
func parseTime(text string) int64 {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0
	}
	return t.Unix()
}

// parseConfig returns when an image was created, as its configuration says; 0 if it does
// not say so, or is none.
func parseConfig(raw []byte) int64 {
	var c imageConfig
	if err := json.Unmarshal(raw, &c, jsontext.AllowInvalidUTF8(true)); err != nil {
		return 0
	}
	return parseTime(c.Created)
}

// isIndexType reports whether manifests of this type list others. An unknown type may, but no
// layer does, although BuildKit lists them in the index of a build cache.
func isIndexType(mediaType string) bool {
	for _, layers := range []string{"application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."} {
		if strings.HasPrefix(mediaType, layers) {
			return false
		}
	}
	switch mediaType {
	case ocispec.MediaTypeImageManifest, regret.MediaTypeDockerManifest, regret.MediaTypeDockerSchema1, regret.MediaTypeDockerSchema1JWS:
		return false
	}
	return true
}
