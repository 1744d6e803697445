// Package manifest determines what a manifest is, from its bytes and the
// Content-Type with which it came: its media type, and the bytes that its digest
// is computed over.
//
// It knows the formats of OCI and Docker manifests, but no registry and no
// requests. It does not interpret a manifest any further.
//
// Invariants: a manifest that two readers could take for different things has no
// media type but an error; the text of an error has at most 2 KiB, whatever the
// manifest holds.
package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/redact"
	"github.com/seed-8cb7cc86/regret/internal/schema1"
)

// A shape holds the members of a manifest that determine its type.
type shape struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Manifests     json.RawMessage `json:"manifests"`
	Layers        json.RawMessage `json:"layers"`
	FSLayers      json.RawMessage `json:"fsLayers"`
	Signatures    json.RawMessage `json:"signatures"`
}

// decisiveKeys are the keys of a shape.
var decisiveKeys = []string{"schemaVersion", "mediaType", "manifests", "layers", "fsLayers", "signatures"}

// TypeOf returns the media type of a manifest, from its Content-Type and its
// content together. It fails if these contradict each other, or if the content
// could be read both as an image and as an index: a client that reads it the
// other way would delete something else.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and
// https://github.com/advisories/GHSA-mc8v-mgrf-8f4m
func TypeOf(contentType string, raw []byte) (string, error) {
	header := MediaType(contentType)
	s, err := parse(raw)
	if err != nil {
		return "", fmt.Errorf("the body is no manifest: content type %q, %w", redact.Clip(contentType), err)
	}
	if err := checkDuplicateKeys(raw); err != nil {
		return "", err
	}
	index, image := present(s.Manifests), present(s.Layers) || present(s.FSLayers)
	switch {
	case index && image:
		return "", errors.New("the manifest has both manifests and layers: it is ambiguous whether it is an index")
	case index && (isImage(header) || isImage(s.MediaType)), image && (IsIndex(header) || IsIndex(s.MediaType)):
		return "", fmt.Errorf("the content does not have the form of its type %q", redact.Clip(cmp.Or(s.MediaType, header)))
	case s.MediaType != "" && IsMediaType(header) && s.MediaType != header:
		return "", fmt.Errorf("content type %q, but the manifest says %q", header, redact.Clip(s.MediaType))
	case IsMediaType(header):
		return header, nil
	case IsMediaType(s.MediaType), s.MediaType != "" && s.MediaType == header:
		return s.MediaType, nil
	}
	return s.typeByForm(contentType)
}

// parse fails on anything but one JSON object. The errors of encoding/json quote
// numbers of any length.
func parse(raw []byte) (*shape, error) {
	var s *shape // stays nil for null, which is valid JSON
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, errors.New(redact.Clip(err.Error()))
	}
	if s == nil {
		return nil, errors.New("null")
	}
	return s, nil
}

// checkDuplicateKeys fails if a manifest, which is a JSON object, has a decisive
// key twice, in lower or upper case: readers differ in which of the two counts.
func checkDuplicateKeys(raw []byte) error {
	var seen []string
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil { // the opening brace
		return err
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := token.String()
		sameKey := func(other string) bool { return strings.EqualFold(key, other) }
		if slices.ContainsFunc(seen, sameKey) {
			return fmt.Errorf("the manifest has the key %q twice: it is ambiguous which counts", redact.Clip(key))
		}
		if slices.ContainsFunc(decisiveKeys, sameKey) {
			seen = append(seen, key)
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
	return nil
}

// typeByForm is for registries that label a manifest as plain JSON, or not at
// all.
func (s *shape) typeByForm(contentType string) (string, error) {
	switch {
	case s.MediaType != "":
	case s.SchemaVersion == 1 && present(s.Signatures):
		return DockerSchema1JWS, nil
	case s.SchemaVersion == 1 && present(s.FSLayers):
		return DockerSchema1, nil
	case s.SchemaVersion == 2 && present(s.Manifests):
		return ocispec.MediaTypeImageIndex, nil
	case s.SchemaVersion == 2 && present(s.Layers):
		return ocispec.MediaTypeImageManifest, nil
	}
	return "", fmt.Errorf("the body is no manifest: content type %q", redact.Clip(contentType))
}

// present reports whether a manifest has a member. One that is null counts as
// absent.
func present(member json.RawMessage) bool {
	return len(member) > 0 && string(member) != "null"
}

// Content returns the bytes that the digest of a manifest is computed over.
// These are the bytes of the manifest, except for a signed schema 1 manifest:
// its digest is that of the payload which its signatures wrap.
//
// See https://distribution.github.io/distribution/spec/deprecated-schema-v1/
func Content(mediaType string, raw []byte) ([]byte, error) {
	if mediaType != DockerSchema1 && mediaType != DockerSchema1JWS {
		return raw, nil
	}
	s, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("schema1 manifest: %w", err)
	}
	if !present(s.Signatures) {
		return raw, nil
	}
	payload, err := schema1.Payload(raw)
	if err != nil {
		return nil, fmt.Errorf("schema1 manifest: %w", err)
	}
	return payload, nil
}
