package fakeregistry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
)

// A signed schema1 manifest is a JSON object to which its signatures have been added as one more
// member. Its digest is that of the payload, which is the object before signing: the first
// formatLength bytes followed by formatTail.
//
// https://distribution.github.io/distribution/spec/deprecated-schema-v1/

type schema1History struct {
	V1Compatibility string `json:"v1Compatibility"`
}

type schema1Layer struct {
	BlobSum digest.Digest `json:"blobSum"`
}

type schema1Manifest struct {
	SchemaVersion int              `json:"schemaVersion"`
	Name          string           `json:"name"`
	Tag           string           `json:"tag"`
	Architecture  string           `json:"architecture"`
	FSLayers      []schema1Layer   `json:"fsLayers"`
	History       []schema1History `json:"history"`
}

// protectedHeader is the signed part of a signature's header.
type protectedHeader struct {
	FormatLength int    `json:"formatLength"`
	FormatTail   string `json:"formatTail"`
	Time         string `json:"time"`
}

// schema1Document returns an unsigned manifest. layers are in the order of schema2, base layer
// first. The config becomes part of the history entry of the topmost layer.
func schema1Document(name, tag string, config map[string]any, layers []digest.Digest) []byte {
	m := schema1Manifest{SchemaVersion: 1, Name: name, Tag: tag, Architecture: fmt.Sprint(config["architecture"])}
	for i, layer := range slices.Backward(layers) {
		compatibility := map[string]any{}
		if i == len(layers)-1 {
			compatibility = maps.Clone(config)
			delete(compatibility, "rootfs")
			delete(compatibility, "history")
		}
		compatibility["id"] = layer.Encoded()
		if i > 0 {
			compatibility["parent"] = layers[i-1].Encoded()
		}
		m.FSLayers = append(m.FSLayers, schema1Layer{layer})
		m.History = append(m.History, schema1History{string(mustJSON(compatibility))})
	}
	return mustJSONIndent(m)
}

// signSchema1 adds a signature to an indented JSON object. The signature is a constant, because no
// client verifies it.
func signSchema1(payload []byte) []byte {
	const tail = "\n}"
	body := bytes.TrimSuffix(payload, []byte(tail))
	protected := mustJSON(protectedHeader{
		FormatLength: len(body),
		FormatTail:   base64.RawURLEncoding.EncodeToString([]byte(tail)),
		Time:         "2024-01-02T03:04:05Z",
	})
	signatures := []map[string]any{{
		"header": map[string]any{
			"jwk": map[string]string{"crv": "P-256", "kid": "FAKE:FAKE:FAKE", "kty": "EC", "x": "AA", "y": "AA"},
			"alg": "ES256",
		},
		"signature": base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0}, 64)),
		"protected": base64.RawURLEncoding.EncodeToString(protected),
	}}
	return slices.Concat(body, []byte(",\n   \"signatures\": "), mustJSON(signatures), []byte(tail))
}

// schema1Payload returns the payload of a signed manifest.
func schema1Payload(signed []byte) ([]byte, error) {
	var doc struct {
		Signatures []struct {
			Protected string `json:"protected"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(signed, &doc); err != nil {
		return nil, err
	}
	if len(doc.Signatures) == 0 {
		return nil, errors.New("schema1 manifest without signatures")
	}
	raw, err := base64.RawURLEncoding.DecodeString(doc.Signatures[0].Protected)
	if err != nil {
		return nil, fmt.Errorf("protected header: %w", err)
	}
	var header protectedHeader
	if err := json.Unmarshal(raw, &header); err != nil {
		return nil, fmt.Errorf("protected header: %w", err)
	}
	tail, err := base64.RawURLEncoding.DecodeString(header.FormatTail)
	if err != nil {
		return nil, fmt.Errorf("formatTail: %w", err)
	}
	if header.FormatLength < 0 || header.FormatLength > len(signed) {
		return nil, fmt.Errorf("formatLength %d of %d bytes", header.FormatLength, len(signed))
	}
	return slices.Concat(signed[:header.FormatLength], tail), nil
}

// signedContent returns the bytes that the digest of a manifest covers: the payload of a signed
// schema1 manifest, or else all bytes.
func signedContent(mediaType string, raw []byte) []byte {
	if mediaType == mediaTypeSchema1Signed {
		if payload, err := schema1Payload(raw); err == nil {
			return payload
		}
	}
	return raw
}
