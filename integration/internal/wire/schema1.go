package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// Schema1 returns a signed Docker image manifest of schema 1. The manifest contains the names of its
// repository and tag, and its digest is the digest of the signed payload, not of its bytes.
// See https://distribution.github.io/distribution/spec/deprecated-schema-v1/
func Schema1(t testing.TB, repository, tag, content string) Artifact {
	t.Helper()
	_, layer := newLayer(t, content)
	id := digest.FromString(content).Encoded()
	compatibility := marshal(t, map[string]any{"id": id, "architecture": "amd64", "os": "linux", "created": time.Unix(0, 0).UTC()})
	payload, err := json.MarshalIndent(map[string]any{
		"schemaVersion": 1,
		"name":          repository,
		"tag":           tag,
		"architecture":  "amd64",
		"fsLayers":      []map[string]string{{"blobSum": digest.FromBytes(layer).String()}},
		"history":       []map[string]string{{"v1Compatibility": string(compatibility)}},
	}, "", "   ")
	if err != nil {
		t.Fatal(err)
	}
	return Artifact{
		MediaType: SignedSchema1,
		Raw:       prettyJWS(t, payload),
		Digest:    digest.FromBytes(payload),
		Blobs:     [][]byte{layer},
	}
}

// Payload returns the signed payload of a manifest, reconstructed from the protected header.
func Payload(t testing.TB, signed []byte) []byte {
	t.Helper()
	var manifest struct{ Signatures []struct{ Protected string } }
	var protected struct {
		FormatLength int
		FormatTail   string
	}
	err := json.Unmarshal(signed, &manifest)
	if err == nil && len(manifest.Signatures) != 1 {
		err = fmt.Errorf("%d signatures", len(manifest.Signatures))
	}
	if err == nil {
		err = json.Unmarshal(decode(t, manifest.Signatures[0].Protected), &protected)
	}
	if err == nil && (protected.FormatLength < 0 || protected.FormatLength > len(signed)) {
		err = fmt.Errorf("formatLength %d", protected.FormatLength)
	}
	if err != nil {
		t.Fatalf("signed manifest: %v", err)
	}
	return append(bytes.Clone(signed[:protected.FormatLength]), decode(t, protected.FormatTail)...)
}

// Forge returns the manifest with a change to the signed payload. The length and the signature stay the
// same.
func Forge(t testing.TB, signed []byte) []byte {
	t.Helper()
	forged := bytes.Replace(signed, []byte(`"architecture": "amd64"`), []byte(`"architecture": "arm64"`), 1)
	if bytes.Equal(forged, signed) {
		t.Fatal("the manifest has no architecture to change")
	}
	return forged
}

// prettyJWS signs a JSON object and inserts the signature into it. The protected header describes how to
// restore the payload: the first formatLength bytes, followed by formatTail.
func prettyJWS(t testing.TB, payload []byte) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.TrimRight(payload[:bytes.LastIndexByte(payload, '}')], "\n ")
	tail := payload[len(body):]
	protected := encode(marshal(t, map[string]any{
		"formatLength": len(body),
		"formatTail":   encode(tail),
		"time":         time.Unix(0, 0).UTC(),
	}))
	sum := sha256.Sum256([]byte(protected + "." + encode(payload)))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	signatures := marshal(t, []map[string]any{{
		"header":    map[string]any{"jwk": jwk(t, key), "alg": "ES256"},
		"signature": encode(signature),
		"protected": protected,
	}})
	return bytes.Join([][]byte{body, []byte(`,` + "\n" + `   "signatures": `), signatures, tail}, nil)
}

// jwk returns the public key as a JWK. Its key ID has Docker's format: 240 bits of the key's hash, in
// groups of four letters.
func jwk(t testing.TB, key *ecdsa.PrivateKey) map[string]string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // the byte 4, then both coordinates
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	var groups []string
	for name := base32.StdEncoding.EncodeToString(sum[:30]); name != ""; name = name[4:] {
		groups = append(groups, name[:4])
	}
	return map[string]string{
		"kty": "EC", "crv": "P-256", "kid": strings.Join(groups, ":"),
		"x": encode(point[1:33]), "y": encode(point[33:65]),
	}
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func decode(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
