package undo

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// maxConfig is the size of the largest configuration that an archive holds.
const maxConfig = 1 << 20

// A content is what a manifest refers to.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md,
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md and
// https://distribution.github.io/distribution/spec/deprecated-schema-v1/
type content struct {
	Manifests []link `json:"manifests"`
	Subject   *link  `json:"subject"`
	Config    *link  `json:"config"`
	Layers    []link `json:"layers"`
	Blobs     []link `json:"blobs"` // of the artifact manifest that the specification has dropped
	FSLayers  []struct {
		BlobSum regret.Digest `json:"blobSum"`
	} `json:"fsLayers"` // of schema1
}

// A link is what a manifest says of something that it refers to.
type link struct {
	MediaType string        `json:"mediaType"`
	Digest    regret.Digest `json:"digest"`
	Size      int64         `json:"size"`
	URLs      []string      `json:"urls"`
}

// contentOf returns what a manifest refers to. Nothing is known of a manifest that cannot be
// read; whether it can be pushed, the registry decides.
func contentOf(raw []byte) content {
	var c content
	if json.Unmarshal(raw, &c, jsontext.AllowInvalidUTF8(true)) != nil {
		return content{}
	}
	return c
}

// config returns the descriptor of the configuration, if there is a usable one.
func (c *content) config() (config link, ok bool) {
	if c.Config == nil || grammar.Digest(c.Config.Digest) != nil {
		return link{}, false
	}
	return *c.Config, true
}

// layers returns the layers that a registry must have to store the manifest, each once.
// Those that are only distributed elsewhere are not among them.
func (c *content) layers() []regret.Digest {
	var layers []regret.Digest
	seen := make(map[regret.Digest]bool)
	add := func(dgst regret.Digest) {
		if !seen[dgst] && grammar.Digest(dgst) == nil {
			seen[dgst] = true
			layers = append(layers, dgst)
		}
	}
	for _, list := range [][]link{c.Layers, c.Blobs} {
		for _, d := range list {
			if !isElsewhere(d) {
				add(d.Digest)
			}
		}
	}
	for _, layer := range c.FSLayers {
		add(layer.BlobSum)
	}
	return layers
}

// isElsewhere reports whether a layer is one that clients do not push, such as those of
// Windows.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers
func isElsewhere(d link) bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign.")
}

// checkManifest checks that a manifest has the type and the digest that are said of it.
func checkManifest(m *regret.Manifest) error {
	d := m.Descriptor
	if err := grammar.Digest(d.Digest); err != nil {
		return err
	}
	mediaType, err := manifest.TypeOf(d.MediaType, m.Raw)
	if err != nil {
		return err
	}
	if mediaType != d.MediaType {
		return fmt.Errorf("it has the media type %q, not %q", mediaType, d.MediaType)
	}
	proven, err := manifest.Content(mediaType, m.Raw)
	if err != nil {
		return err
	}
	return checkDigest(d.Digest, proven)
}

func checkDigest(want regret.Digest, data []byte) error {
	if actual := want.Algorithm().FromBytes(data); actual != want {
		return fmt.Errorf("the content has the digest %s, not %s", actual, want)
	}
	return nil
}

// blobOf returns the digest of the bytes of a manifest. It is that of the manifest, except
// for a signed schema1 manifest, which has the digest of the payload in it.
func blobOf(m *regret.Manifest) regret.Digest {
	if checkDigest(m.Descriptor.Digest, m.Raw) == nil {
		return m.Descriptor.Digest
	}
	return digest.FromBytes(m.Raw)
}

// listed returns how many different manifests a manifest lists.
func (c *content) listed() int {
	seen := make(map[regret.Digest]bool)
	for _, l := range c.Manifests {
		seen[l.Digest] = true
	}
	return len(seen)
}
