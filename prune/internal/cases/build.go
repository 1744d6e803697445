package cases

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
)

// The media types and annotations of the format that image-spec does not define.
const (
	mediaTypeLayer       = "application/vnd.oci.image.layer.v1.tar"
	mediaTypeInToto      = "application/vnd.in-toto+json"
	mediaTypeHelm        = "application/vnd.cncf.helm.config.v1+json"
	artifactType         = "application/vnd.example.signature"
	annotationCase       = "dev.example.case"
	annotationSubject    = "vnd.docker.reference.digest"
	annotationType       = "vnd.docker.reference.type"
	attestationReference = "attestation-manifest"
)

// Content are the bytes of a manifest and of its blobs.
type Content struct {
	Manifest regret.Manifest
	Config   *Blob  // nil for an index
	Layers   []Blob // none for an index
}

// Blob is a config or a layer.
type Blob struct {
	Name       string // "config ID" or "layer NAME"
	Descriptor regret.Descriptor
	Data       []byte
}

// blobs returns the config and the layers.
func (c *Content) blobs() []Blob {
	if c.Config == nil {
		return nil
	}
	return append([]Blob{*c.Config}, c.Layers...)
}

// Content returns the bytes of the manifest with an id, even of a missing one, or nil if there is
// no such manifest. The result is shared: callers must not modify it.
func (c *Case) Content(id string) *Content { return c.content[id] }

// blobs returns the blobs of all manifests by name.
func (c *Case) blobs() map[string]regret.Descriptor {
	blobs := map[string]regret.Descriptor{}
	for _, content := range c.content {
		for _, blob := range content.blobs() {
			blobs[blob.Name] = blob.Descriptor
		}
	}
	return blobs
}

// build makes the bytes of all manifests and compares their digests with those in the case.
func (c *Case) build() error {
	b := builder{c: c, started: map[string]bool{}}
	c.content = map[string]*Content{}
	for _, m := range c.Manifests {
		if err := b.add(m.ID); err != nil {
			return err
		}
		if got := c.Digest(m.ID); m.Digest != "" && got != m.Digest {
			return fmt.Errorf("manifest %s: the bytes have the digest %s, the case says %s", m.ID, got, m.Digest)
		}
	}
	return nil
}

// builder makes manifests after those whose digests they contain.
type builder struct {
	c       *Case
	started map[string]bool
}

// add makes the content of a manifest, unless it has been made.
func (b *builder) add(id string) error {
	if b.c.content[id] != nil {
		return nil
	}
	if b.started[id] {
		return fmt.Errorf("manifest %s contains its own digest", id)
	}
	b.started[id] = true
	m := b.c.Manifest(id)
	for _, other := range b.c.contained(m) {
		if err := b.add(other); err != nil {
			return err
		}
	}
	content := &Content{}
	var document map[string]any
	mediaType := ocispec.MediaTypeImageManifest
	switch m.Kind {
	case KindIndex:
		document, mediaType = b.index(m, m.Children), ocispec.MediaTypeImageIndex
	case KindFallback:
		document, mediaType = b.index(m, m.Lists), ocispec.MediaTypeImageIndex
	case KindImage, KindAttestation, KindCosign, KindReferrer, KindArtifact:
		if err := b.blobs(m, content); err != nil {
			return err
		}
		document = b.image(m, content)
	default:
		return fmt.Errorf("manifest %s: unknown kind %q", id, m.Kind)
	}
	document["annotations"], document["mediaType"], document["schemaVersion"] = b.annotations(m), mediaType, 2
	if m.Subject != "" {
		document["subject"] = b.entry(m.Subject)
	}
	raw := canonicalJSON(document)
	content.Manifest = regret.Manifest{Descriptor: descriptor(mediaType, raw), Raw: raw}
	b.c.content[id] = content
	return nil
}

// contained returns the ids of the manifests whose digests are part of the bytes of m.
func (c *Case) contained(m *Manifest) []string {
	ids := slices.Concat(m.Children, m.Lists)
	if m.Subject != "" {
		ids = append(ids, m.Subject)
	}
	for _, id := range m.Children {
		if image := c.Manifest(id).Of; image != "" {
			ids = append(ids, image)
		}
	}
	return ids
}

// blobs makes config and layers.
func (b *builder) blobs(m *Manifest, content *Content) error {
	layers := m.Layers
	if layers == nil {
		layers = []string{m.ID}
	}
	diffIDs := []digest.Digest{}
	for _, name := range layers {
		data := []byte("layer " + b.c.ID + "/" + name + "\n")
		mediaType := mediaTypeLayer
		if m.Kind == KindAttestation {
			mediaType = mediaTypeInToto
		}
		content.Layers = append(content.Layers, Blob{"layer " + name, descriptor(mediaType, data), data})
		diffIDs = append(diffIDs, digest.FromBytes(data))
	}
	mediaType, data := ocispec.MediaTypeImageConfig, []byte(nil)
	switch m.Kind {
	case KindReferrer:
		mediaType, data = ocispec.MediaTypeEmptyJSON, []byte("{}")
	case KindArtifact:
		mediaType, data = mediaTypeHelm, canonicalJSON(map[string]any{"name": b.c.ID + "/" + m.ID})
	default:
		os, architecture, err := m.platform()
		if err != nil {
			return err
		}
		config := map[string]any{
			"architecture": architecture, "os": os,
			"rootfs": map[string]any{"diff_ids": diffIDs, "type": "layers"},
		}
		if m.Created.Config != nil {
			config["created"] = *m.Created.Config
		}
		data = canonicalJSON(config)
	}
	content.Config = &Blob{"config " + m.ID, descriptor(mediaType, data), data}
	return nil
}

// platform returns operating system and architecture.
func (m *Manifest) platform() (os, architecture string, err error) {
	switch m.Kind {
	case KindAttestation:
		return "unknown", "unknown", nil
	case KindCosign:
		return "", "", nil
	}
	os, architecture, ok := strings.Cut(cmp.Or(m.Platform, "linux/amd64"), "/")
	if !ok || strings.Contains(architecture, "/") {
		return "", "", fmt.Errorf("manifest %s: platform %q is not os/architecture", m.ID, m.Platform)
	}
	return os, architecture, nil
}

func (b *builder) annotations(m *Manifest) map[string]any {
	annotations := map[string]any{annotationCase: b.c.ID + "/" + m.ID}
	if m.Created.Annotation != nil {
		annotations[ocispec.AnnotationCreated] = *m.Created.Annotation
	}
	return annotations
}

// image returns the part of a manifest that only those with blobs have.
func (b *builder) image(m *Manifest, content *Content) map[string]any {
	layers := []any{}
	for _, layer := range content.Layers {
		layers = append(layers, entry(layer.Descriptor))
	}
	document := map[string]any{"config": entry(content.Config.Descriptor), "layers": layers}
	if m.Kind == KindReferrer {
		document["artifactType"] = artifactType
	}
	return document
}

// index returns the part of a manifest that only indexes have.
func (b *builder) index(m *Manifest, ids []string) map[string]any {
	manifests := []any{}
	for _, id := range ids {
		listed := b.entry(id)
		child := b.c.Manifest(id)
		os, architecture, _ := child.platform() // was checked when the child was made
		switch {
		case m.Kind == KindFallback && child.Kind == KindReferrer:
			listed["artifactType"] = artifactType
		case m.Kind == KindIndex && child.Kind == KindImage:
			listed["platform"] = map[string]any{"architecture": architecture, "os": os}
		case m.Kind == KindIndex && child.Kind == KindAttestation:
			listed["platform"] = map[string]any{"architecture": architecture, "os": os}
			listed["annotations"] = map[string]any{annotationSubject: b.c.Digest(child.Of), annotationType: attestationReference}
		}
		manifests = append(manifests, listed)
	}
	return map[string]any{"manifests": manifests}
}

// entry returns what other manifests say about the one with this id.
func (b *builder) entry(id string) map[string]any {
	return entry(b.c.content[id].Manifest.Descriptor)
}

func entry(desc regret.Descriptor) map[string]any {
	return map[string]any{"digest": desc.Digest, "mediaType": desc.MediaType, "size": desc.Size}
}

func descriptor(mediaType string, data []byte) regret.Descriptor {
	return regret.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// canonicalJSON encodes a document with sorted keys, without white space and escapes of HTML. The
// documents of this package can always be encoded.
func canonicalJSON(document map[string]any) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}
