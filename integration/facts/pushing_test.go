package facts_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func pushing() chapter {
	return chapter{"pushing", []fact{
		{
			name: "PUT of a manifest under its sha512 digest",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				return r.PutManifest(t, digest.SHA512.FromBytes(image.Raw).String(), image).String()
			},
			on2: `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name: "PUT of a manifest whose layer is missing",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.PushBlob(t, image.Blobs[0])
				return r.PutManifest(t, "latest", image).String()
			},
			on2: `400 MANIFEST_BLOB_UNKNOWN "blob unknown to registry"`,
		},
		{
			name: "PUT of an index whose child is missing",
			ask: func(t *testing.T, r site) string {
				return r.PutManifest(t, "latest", wire.OCIIndex(t, wire.OCIImage(t, "hello"))).String()
			},
			on2: `400 MANIFEST_BLOB_UNKNOWN "blob unknown to registry"`,
		},
		{
			name: "PUT of a deleted manifest, whose blobs are still there",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				answer := r.PutManifest(t, "latest", image)
				return fmt.Sprintf("%s; tag %s", answer, standing(t, r, "latest"))
			},
			on2: "201; tag there",
		},
		{
			name: "PUT of a manifest with a subject: the OCI-Subject header",
			ask: func(t *testing.T, r site) string {
				image := wire.OCIImage(t, "hello")
				about := wire.Referrer(t, image, "application/vnd.example.note", "about it")
				r.Push(t, image, "latest")
				r.Push(t, about)
				answer := r.PutManifest(t, about.Digest.String(), about)
				return fmt.Sprintf("%d, %q", answer.Status, answer.Header.Get("OCI-Subject"))
			},
			on2: `201, ""`,
		},
		{
			name: "PUT of a signed schema1 manifest",
			ask: func(t *testing.T, r site) string {
				old := wire.Schema1(t, r.Name, "latest", "hello")
				r.PushBlob(t, old.Blobs[0])
				answer := r.PutManifest(t, "latest", old)
				if answer.Status != http.StatusCreated {
					return answer.String()
				}
				return answer.String() + ", " + payloadOrNot(answer, old)
			},
			on2: "201, digest of the payload",
			on3: `400 MANIFEST_INVALID "manifest invalid"`,
		},
		{
			name: "HEAD of that manifest, full Accept",
			ask: withSchema1(func(t *testing.T, r site, old wire.Artifact) string {
				answer := r.Do(t, http.MethodHead, "manifests/latest", wire.AcceptAll())
				return answer.String() + " " + answer.MediaType() + ", " + payloadOrNot(answer, old)
			}),
			on2: "200 application/vnd.docker.distribution.manifest.v1+prettyjws, digest of the payload",
			on3: "not accepted",
		},
		{
			name: "HEAD of that manifest, Accept without schema1",
			ask: withSchema1(func(t *testing.T, r site, old wire.Artifact) string {
				answer := r.Do(t, http.MethodHead, "manifests/latest", wire.Accept(wire.DockerManifest))
				return answer.String() + " " + answer.MediaType() + ", " + payloadOrNot(answer, old)
			}),
			on2: "200 application/vnd.docker.distribution.manifest.v1+prettyjws, digest of the payload",
			on3: "not accepted",
		},
		{
			name: "the bytes GET gives for it",
			ask: withSchema1(func(t *testing.T, r site, old wire.Artifact) string {
				answer := r.Do(t, http.MethodGet, "manifests/latest", wire.AcceptAll())
				return fmt.Sprintf("the digest is of their payload: %t; as pushed: %t",
					digest.FromBytes(wire.Payload(t, answer.Body)) == answer.Digest(), string(answer.Body) == string(old.Raw))
			}),
			on2: "the digest is of their payload: true; as pushed: false",
			on3: "not accepted",
		},
		{
			name: "DELETE of its payload's digest",
			ask: withSchema1(func(t *testing.T, r site, old wire.Artifact) string {
				answer := remove(t, r, old.Digest.String())
				return fmt.Sprintf("%s; tag %s", answer, standing(t, r, "latest"))
			}),
			on2: "202; tag gone",
			on3: "not accepted",
		},
		{
			name: "PUT of a schema1 manifest with a signature of something else",
			ask: func(t *testing.T, r site) string {
				old := wire.Schema1(t, r.Name, "latest", "hello")
				r.PushBlob(t, old.Blobs[0])
				old.Raw = wire.Forge(t, old.Raw)
				return r.PutManifest(t, "latest", old).String()
			},
			on2: `400 MANIFEST_UNVERIFIED "manifest failed signature verification"`,
			on3: `400 MANIFEST_INVALID "manifest invalid"`,
		},
	}}
}

// withSchema1 asks about a signed schema1 manifest, where the registry takes one.
func withSchema1(ask func(*testing.T, site, wire.Artifact) string) func(*testing.T, site) string {
	return func(t *testing.T, r site) string {
		old := wire.Schema1(t, r.Name, "latest", "hello")
		r.PushBlob(t, old.Blobs[0])
		if r.PutManifest(t, "latest", old).Status != http.StatusCreated {
			return "not accepted"
		}
		return ask(t, r, old)
	}
}

func payloadOrNot(answer wire.Answer, old wire.Artifact) string {
	switch answer.Digest() {
	case old.Digest:
		return "digest of the payload"
	case digest.FromBytes(old.Raw):
		return "digest of the bytes"
	default:
		return "a digest never pushed"
	}
}
