package facts_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/seed-8cb7cc86/regret/integration/internal/wire"
)

func resolving() section {
	docker := func(t *testing.T) wire.Artifact { return wire.DockerImage(t, "hello") }
	oci := func(t *testing.T) wire.Artifact { return wire.OCIImage(t, "hello") }
	index := func(t *testing.T) wire.Artifact {
		return wire.OCIIndex(t, wire.OCIImage(t, "hello"), wire.OCIImage(t, "other"))
	}
	list := func(t *testing.T) wire.Artifact {
		return wire.DockerManifestList(t, wire.DockerImage(t, "hello"), wire.DockerImage(t, "other"))
	}
	withoutHistory := func(t *testing.T) wire.Artifact { return wire.DockerImageOfConfig(t, "hello", "{}") }

	return section{"resolving", []fact{
		{
			name:    "HEAD of a Docker image, no Accept",
			observe: head(docker),
			on2:     "200 application/vnd.docker.distribution.manifest.v1+prettyjws, a digest never pushed",
			on3:     "200 application/vnd.docker.distribution.manifest.v2+json, the digest pushed",
		},
		{
			name:    "HEAD of a Docker image, wildcard Accept",
			observe: head(docker, wire.Accept("*/*")),
			on2:     "200 application/vnd.docker.distribution.manifest.v1+prettyjws, a digest never pushed",
			on3:     "200 application/vnd.docker.distribution.manifest.v2+json, the digest pushed",
		},
		{
			name:    "HEAD of a Docker image, Accept with all types",
			observe: head(docker, wire.AcceptAll()),
			on2:     "200 application/vnd.docker.distribution.manifest.v2+json, the digest pushed",
		},
		{
			name:    "GET of a Docker image without history, no Accept",
			observe: get(withoutHistory),
			on2:     `400 MANIFEST_INVALID "manifest invalid"`,
			on3:     "200 application/vnd.docker.distribution.manifest.v2+json, the digest pushed",
		},
		{
			name: "DELETE of the digest that HEAD of a Docker image without Accept returns",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, docker(t), "latest")
				dgst := r.Do(t, http.MethodHead, "manifests/latest").Digest()
				return r.Do(t, http.MethodDelete, "manifests/"+dgst.String()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
			on3: "202",
		},
		{
			name: "GET of that digest",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, docker(t), "latest")
				dgst := r.Do(t, http.MethodHead, "manifests/latest").Digest()
				return served(r.Do(t, http.MethodGet, "manifests/"+dgst.String(), wire.AcceptAll()), docker(t))
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
			on3: "200 application/vnd.docker.distribution.manifest.v2+json, the digest pushed",
		},
		{
			name:    "GET of an OCI image, no Accept",
			observe: get(oci),
			on2:     `404 MANIFEST_UNKNOWN "OCI manifest found, but accept header does not support OCI manifests"`,
		},
		{
			name:    "GET of an OCI image, wildcard Accept",
			observe: get(oci, wire.Accept("*/*")),
			on2:     `404 MANIFEST_UNKNOWN "OCI manifest found, but accept header does not support OCI manifests"`,
		},
		{
			name:    "GET of an OCI index, no Accept",
			observe: get(index),
			on2:     `404 MANIFEST_UNKNOWN "OCI index found, but accept header does not support OCI indexes"`,
			on3:     "200 application/vnd.oci.image.index.v1+json, the digest pushed",
		},
		{
			name:    "GET of an OCI index, Accept without the index type",
			observe: get(index, wire.Accept(ocispec.MediaTypeImageManifest, wire.DockerManifest)),
			on2:     `404 MANIFEST_UNKNOWN "OCI index found, but accept header does not support OCI indexes"`,
			on3:     "200 application/vnd.oci.image.index.v1+json, the digest pushed",
		},
		{
			name:    "HEAD of a Docker manifest list, Accept without the list type",
			observe: head(list, wire.Accept(ocispec.MediaTypeImageManifest, wire.DockerManifest)),
			on2:     "200 application/vnd.docker.distribution.manifest.v2+json, the digest of child 1",
		},
		{
			name:    "GET of a Docker manifest list, no Accept",
			observe: get(list),
			on2:     "200 application/vnd.docker.distribution.manifest.v1+prettyjws, a digest never pushed",
			on3:     `400 MANIFEST_INVALID "Schema 2 manifest not supported by client"`,
		},
		{
			name: "HEAD of a Docker manifest list by its digest, Accept without the list type",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, list(t), "latest")
				path := "manifests/" + list(t).Digest.String()
				return served(r.Do(t, http.MethodHead, path, wire.Accept(wire.DockerManifest)), list(t))
			},
			on2: "200 application/vnd.docker.distribution.manifest.list.v2+json, the digest pushed",
		},
		{
			name:    "HEAD of an OCI index, Accept with all types",
			observe: head(index, wire.AcceptAll()),
			on2:     "200 application/vnd.oci.image.index.v1+json, the digest pushed",
		},
		{
			name: "HEAD of an unknown tag",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodHead, "manifests/nope", wire.AcceptAll()).String()
			},
			on2: "404",
		},
		{
			name: "GET of an unknown tag",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodGet, "manifests/nope", wire.AcceptAll()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "GET of an unknown digest",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodGet, "manifests/"+digest.FromString("never pushed").String(), wire.AcceptAll()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "GET in an unknown repository",
			observe: func(t *testing.T, r repo) string {
				return r.Do(t, http.MethodGet, "manifests/latest", wire.AcceptAll()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "GET of a digest that only another repository has",
			observe: func(t *testing.T, r repo) string {
				other := r
				other.Name = "derek/other"
				r.Push(t, wire.OCIImage(t, "something else"), "latest")
				other.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodGet, "manifests/"+oci(t).Digest.String(), wire.AcceptAll()).String()
			},
			on2: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "HEAD of a layer's digest as a manifest",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodHead, "manifests/"+oci(t).Layer().String(), wire.AcceptAll()).String()
			},
			on2: "500",
			on3: "404",
		},
		{
			name: "GET of a layer's digest as a manifest",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodGet, "manifests/"+oci(t).Layer().String(), wire.AcceptAll()).String()
			},
			on2: `500 UNKNOWN "unknown error"`,
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "GET of a config's digest as a manifest",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodGet, "manifests/"+oci(t).Config().String(), wire.AcceptAll()).String()
			},
			on2: `500 UNKNOWN "unknown error"`,
			on3: `404 MANIFEST_UNKNOWN "manifest unknown"`,
		},
		{
			name: "GET of sha256 with too few digits",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				return r.Do(t, http.MethodGet, "manifests/sha256:abc", wire.AcceptAll()).String()
			},
			on2: `500 UNKNOWN "unknown error"`,
			on3: `400 DIGEST_INVALID "provided digest did not match uploaded content"`,
		},
		{
			name: "Content-Type and body of the error for an unknown tag",
			observe: func(t *testing.T, r repo) string {
				r.Push(t, oci(t), "latest")
				answer := r.Do(t, http.MethodGet, "manifests/nope", wire.AcceptAll())
				return answer.Header.Get("Content-Type") + " " + strings.TrimSpace(string(answer.Body))
			},
			on2: `application/json; charset=utf-8 {"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"nope"}}]}`,
			on3: `application/json {"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":"unknown tag=nope"}]}`,
		},
	}}
}

func head(a func(*testing.T) wire.Artifact, headers ...wire.Header) func(*testing.T, repo) string {
	return resolve(http.MethodHead, a, headers)
}

func get(a func(*testing.T) wire.Artifact, headers ...wire.Header) func(*testing.T, repo) string {
	return resolve(http.MethodGet, a, headers)
}

// resolve pushes an artifact as latest and requests that tag.
func resolve(method string, a func(*testing.T) wire.Artifact, headers []wire.Header) func(*testing.T, repo) string {
	return func(t *testing.T, r repo) string {
		r.Push(t, a(t), "latest")
		return served(r.Do(t, method, "manifests/latest", headers...), a(t))
	}
}

// served describes which manifest the registry serves for the pushed one.
func served(answer wire.Answer, pushed wire.Artifact) string {
	if answer.Status != http.StatusOK {
		return answer.String()
	}
	which := "a digest never pushed"
	if answer.Digest() == pushed.Digest {
		which = "the digest pushed"
	}
	for i, child := range pushed.Children {
		if answer.Digest() == child.Digest {
			which = fmt.Sprintf("the digest of child %d", i+1)
		}
	}
	return fmt.Sprintf("200 %s, %s", answer.MediaType(), which)
}
