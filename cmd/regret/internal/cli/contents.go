package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
)

// maxDepth is how many indexes below each other are followed.
const maxDepth = 8

// nodeOf reads what a tag leads to: its manifest and, if that is an index, what it lists. The node
// has at least the name of the tag, also if there is an error.
func (p place) nodeOf(ctx context.Context, tag string) (*node, error) {
	n := &node{title: tag}
	m, err := p.client.Manifest(ctx, p.ref.Repository, tag)
	if err != nil {
		return n, err
	}
	n.details = []string{kindOf(m.Descriptor.MediaType), m.Descriptor.Digest.String()}
	n.below, err = p.listed(ctx, m, 1)
	return n, err
}

// listed returns what an index lists. What is missing is said there; it is no error.
func (p place) listed(ctx context.Context, m *regret.Manifest, depth int) ([]*node, error) {
	entries, err := entriesOf(m)
	if err != nil {
		return nil, err
	}
	var below []*node
	for _, d := range entries {
		n := &node{title: titleOf(d), details: []string{kindOf(d.MediaType), d.Digest.String()}}
		below = append(below, n)
		if kindOf(d.MediaType) != "index" || depth == maxDepth {
			continue
		}
		nested, err := p.client.Manifest(ctx, p.ref.Repository, d.Digest.String())
		if errors.Is(err, regret.ErrNotFound) {
			n.details = append(n.details, "missing")
			continue
		}
		if err == nil {
			n.below, err = p.listed(ctx, nested, depth+1)
		}
		if err != nil {
			return below, err
		}
	}
	return below, nil
}

// entriesOf returns the entries of an index; none of a manifest that is no index.
func entriesOf(m *regret.Manifest) ([]regret.Descriptor, error) {
	if kindOf(m.Descriptor.MediaType) != "index" {
		return nil, nil
	}
	var index ocispec.Index
	if err := json.Unmarshal(m.Raw, &index); err != nil {
		return nil, fmt.Errorf("read the index %s: %w", m.Descriptor.Digest, err)
	}
	return index.Manifests, nil
}

// isAttestation reports whether an entry of an index is an attestation of another entry, as buildkit
// adds them.
func isAttestation(d regret.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// titleOf returns what an entry of an index is called: its platform, or what it is an attestation
// of.
func titleOf(d regret.Descriptor) string {
	if isAttestation(d) {
		return "attestation"
	}
	if p := d.Platform; p != nil && p.OS != "" && p.OS != "unknown" {
		title := p.OS + "/" + p.Architecture
		if p.Variant != "" {
			title += "/" + p.Variant
		}
		return title
	}
	if d.ArtifactType != "" {
		return d.ArtifactType
	}
	return "manifest"
}

// kindOf returns what a media type is called in a tree.
func kindOf(mediaType string) string {
	switch mediaType {
	case ocispec.MediaTypeImageIndex, regret.MediaTypeDockerManifestList:
		return "index"
	}
	return "image"
}
