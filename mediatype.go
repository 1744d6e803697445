package regret

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/schema1"
)

// A shape is what of a manifest tells its type.
type shape struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Manifests     json.RawMessage `json:"manifests"`
	Layers        json.RawMessage `json:"layers"`
	FSLayers      json.RawMessage `json:"fsLayers"`
	Signatures    json.RawMessage `json:"signatures"`
}

// typeOf is the media type of a manifest, from header and content together.
// Where they contradict each other, or the content could be read as an image
// and as an index, it is refused: whoever reads it the other way would delete
// something else.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and
// https://github.com/advisories/GHSA-mc8v-mgrf-8f4m
func typeOf(h http.Header, raw []byte) (string, error) {
	header := mediaType(h)
	var s *shape // null, which is JSON too, leaves it nil
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("the answer is no manifest: content type %q, %w", clip(h.Get("Content-Type")), cmp.Or(err, errNull))
	}
	if err := unambiguous(raw); err != nil {
		return "", err
	}
	index, image := present(s.Manifests), present(s.Layers) || present(s.FSLayers)
	switch {
	case index && image:
		return "", errors.New("the manifest has both manifests and layers: it cannot be told whether it is an index")
	case index && (isImage(header) || isImage(s.MediaType)), image && (isIndex(header) || isIndex(s.MediaType)):
		return "", fmt.Errorf("the content does not have the form of its type %q", clip(cmp.Or(s.MediaType, header)))
	case s.MediaType != "" && slices.Contains(manifestTypes, header) && s.MediaType != header:
		return "", fmt.Errorf("content type %q, but the manifest says %q", header, clip(s.MediaType))
	case slices.Contains(manifestTypes, header):
		return header, nil
	case slices.Contains(manifestTypes, s.MediaType), s.MediaType != "" && s.MediaType == header:
		return s.MediaType, nil
	}
	return s.typeByForm(h.Get("Content-Type"))
}

var errNull = errors.New("null")

// decisiveKeys tell what a manifest is.
var decisiveKeys = []string{"schemaVersion", "mediaType", "manifests", "layers", "fsLayers", "signatures"}

// unambiguous refuses a manifest that has one of these twice, in capitals or
// not: readers differ in which of them they heed. The manifest is known to be a
// JSON object.
func unambiguous(raw []byte) error {
	var seen []string
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := token.String()
		fold := func(other string) bool { return strings.EqualFold(key, other) }
		if slices.ContainsFunc(seen, fold) {
			return fmt.Errorf("the manifest has the key %q twice: it cannot be told which counts", clip(key))
		}
		if slices.ContainsFunc(decisiveKeys, fold) {
			seen = append(seen, key)
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// typeByForm is for registries that label a manifest as plain JSON, or not at
// all.
func (s shape) typeByForm(contentType string) (string, error) {
	switch {
	case s.MediaType != "":
	case s.SchemaVersion == 1 && present(s.Signatures):
		return MediaTypeDockerSchema1JWS, nil
	case s.SchemaVersion == 1 && present(s.FSLayers):
		return MediaTypeDockerSchema1, nil
	case s.SchemaVersion == 2 && present(s.Manifests):
		return ocispec.MediaTypeImageIndex, nil
	case s.SchemaVersion == 2 && present(s.Layers):
		return ocispec.MediaTypeImageManifest, nil
	}
	return "", fmt.Errorf("the answer is no manifest: content type %q", clip(contentType))
}

func present(field json.RawMessage) bool {
	return len(field) > 0 && string(field) != "null"
}

func isIndex(t string) bool {
	return t == ocispec.MediaTypeImageIndex || t == MediaTypeDockerManifestList
}

func isImage(t string) bool {
	return t != "" && slices.Contains(manifestTypes, t) && !isIndex(t)
}

// hashed is what the digest of a manifest is taken of: its bytes, but of a
// signed schema1 manifest the payload of its signatures, which the bytes wrap.
//
// See https://distribution.github.io/distribution/spec/deprecated-schema-v1/
func hashed(t string, raw []byte) ([]byte, error) {
	if t != MediaTypeDockerSchema1 && t != MediaTypeDockerSchema1JWS {
		return raw, nil
	}
	var s shape
	if err := json.Unmarshal(raw, &s); err != nil {
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
