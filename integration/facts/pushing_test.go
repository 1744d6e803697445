package facts_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func pushing() section {
	return section{"pushing", []fact{
		{
			name: "PUT of a manifest under its sha512 digest",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				return r.PutManifest(t, digest.SHA512.FromBytes(image.Raw).String(), image).String()
			},
			on2: `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name: "PUT of a manifest whose layer is missing",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.PushBlob(t, image.Blobs[0])
				return r.PutManifest(t, "latest", image).String()
			},
			on2: `400 MANIFEST_BLOB_UNKNOWN "blob unknown to registry"`,
		},
		{
			name: "PUT of an index whose child is missing",
			observe: func(t *testing.T, r repo) string {
				return r.PutManifest(t, "latest", wire.OCIIndex(t, wire.OCIImage(t, "hello"))).String()
			},
			on2: `400 MANIFEST_BLOB_UNKNOWN "blob unknown to registry"`,
		},
		{
			name: "PUT of a deleted manifest whose blobs still exist",
			observe: func(t *testing.T, r repo) string {
				image := wire.OCIImage(t, "hello")
				r.Push(t, image, "latest")
				remove(t, r, image.Digest.String())
				answer := r.PutManifest(t, "latest", image)
				return fmt.Sprintf("%s; tag: %s", answer, presence(t, r, "latest"))
			},
			on2: "201; tag: present",
		},
		{
			name: "PUT of a manifest with a subject: OCI-Subject header field",
			observe: func(t *testing.T, r repo) string {
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
			observe: func(t *testing.T, r repo) string {
				old := wire.Schema1(t, r.Name, "latest", "hello")
				r.PushBlob(t, old.Blobs[0])
				answer := r.PutManifest(t, "latest", old)
				if answer.Status != http.StatusCreated {
					return answer.String()
				}
				return answer.String() + ", " + describeDigest(answer, old)
			},
			on2: "201, digest of the payload",
			on3: `400 MANIFEST_INVALID "manifest invalid"`,
		},
		{
			name: "HEAD of that manifest, Accept with all types",
			observe: withSchema1(func(t *testing.T, r repo, old wire.Artifact) string {
				answer := r.Do(t, http.MethodHead, "manifests/latest", wire.AcceptAll())
				return answer.String() + " " + answer.MediaType() + ", " + describeDigest(answer, old)
			}),
			on2: "200 application/vnd.docker.distribution.manifest.v1+prettyjws, digest of the payload",
			on3: "not accepted",
		},
		{
			name: "HEAD of that manifest, Accept without schema1",
			observe: withSchema1(func(t *testing.T, r repo, old wire.Artifact) string {
				answer := r.Do(t, http.MethodHead, "manifests/latest", wire.Accept(wire.DockerManifest))
				return answer.String() + " " + answer.MediaType() + ", " + describeDigest(answer, old)
			}),
			on2: "200 application/vnd.docker.distribution.manifest.v1+prettyjws, digest of the payload",
			on3: "not accepted",
		},
		{
			name: "GET of that manifest: the bytes",
			observe: withSchema1(func(t *testing.T, r repo, old wire.Artifact) string {
				answer := r.Do(t, http.MethodGet, "manifests/latest", wire.AcceptAll())
				return fmt.Sprintf("Docker-Content-Digest matches the payload: %t; bytes as pushed: %t",
					digest.FromBytes(wire.Payload(t, answer.Body)) == answer.Digest(), string(answer.Body) == string(old.Raw))
			}),
			on2: "Docker-Content-Digest matches the payload: true; bytes as pushed: false",
			on3: "not accepted",
		},
		{
			name: "DELETE of the digest of its payload",
			observe: withSchema1(func(t *testing.T, r repo, old wire.Artifact) string {
				answer := remove(t, r, old.Digest.String())
				return fmt.Sprintf("%s; tag: %s", answer, presence(t, r, "latest"))
			}),
			on2: "202; tag: gone",
			on3: "not accepted",
		},
		{
			name: "PUT of a schema1 manifest whose signature does not match",
			observe: func(t *testing.T, r repo) string {
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

// withSchema1 pushes a signed schema1 manifest as latest and, if the registry accepts it, calls observe.
func withSchema1(observe func(*testing.T, repo, wire.Artifact) string) func(*testing.T, repo) string {
	return func(t *testing.T, r repo) string {
		old := wire.Schema1(t, r.Name, "latest", "hello")
		r.PushBlob(t, old.Blobs[0])
		if r.PutManifest(t, "latest", old).Status != http.StatusCreated {
			return "not accepted"
		}
		return observe(t, r, old)
	}
}

// describeDigest describes what the digest of the response is computed from.
func describeDigest(answer wire.Answer, old wire.Artifact) string {
	switch answer.Digest() {
	case old.Digest:
		return "digest of the payload"
	case digest.FromBytes(old.Raw):
		return "digest of the bytes"
	default:
		return "a digest never pushed"
	}
}
