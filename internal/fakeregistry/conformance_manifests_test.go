package fakeregistry_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestConformancePushingManifests(t *testing.T) {
	const anchor = "pushing-manifests"
	checkRules(t, []rule{
		{anchor, "a pushed manifest returns 201 with a location to pull it from", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", nil)
			for _, ref := range []string{"v1", digest.FromBytes(raw).String()} {
				resp := c.do("PUT", "/v2/a/manifests/"+ref, string(raw), "Content-Type", ocispec.MediaTypeImageManifest).
					want(t, 201, "Docker-Content-Digest", digest.FromBytes(raw).String(), "OCI-Subject", "")
				c.do("GET", resp.Header.Get("Location"), "").want(t, 200).wantBody(t, string(raw))
			}
		}},
		{anchor, "manifests are stored byte for byte", func(t *testing.T, c *client) {
			raw := append(c.imageManifest("a", "x", nil), "\n\n  \t"...)
			c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200).wantBody(t, string(raw))
		}},
		{anchor, "pushing to an existing tag moves the tag, and the old manifest stays", func(t *testing.T, c *client) {
			first := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, c.imageManifest("a", "x", nil))
			second := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, c.imageManifest("a", "y", nil))
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200, "Docker-Content-Digest", second.Digest.String())
			c.do("GET", "/v2/a/manifests/"+first.Digest.String(), "").want(t, 200)
		}},
		{anchor, "the digest must match the content", func(t *testing.T, c *client) {
			raw := string(c.imageManifest("a", "x", nil))
			for _, path := range []string{absentDigest, "v1?digest=" + absentDigest, digest.SHA512.FromString("y").String()} {
				c.do("PUT", "/v2/a/manifests/"+path, raw, "Content-Type", ocispec.MediaTypeImageManifest).wantCodes(t, 400, "DIGEST_INVALID")
			}
			if tags := c.reg.Tags("a"); len(tags) > 0 {
				t.Errorf("tags %v after rejected pushes", tags)
			}
		}},
		{anchor, "a manifest pushed by its sha512 digest keeps that digest", func(t *testing.T, c *client) {
			raw := string(c.imageManifest("a", "x", nil))
			dgst := digest.SHA512.FromString(raw).String()
			for _, path := range []string{dgst, "v1?digest=" + dgst} {
				c.do("PUT", "/v2/a/manifests/"+path, raw, "Content-Type", ocispec.MediaTypeImageManifest).
					want(t, 201, "Docker-Content-Digest", dgst, "Location", "/v2/a/manifests/"+dgst)
			}
			for _, ref := range []string{"v1", dgst} {
				c.do("GET", "/v2/a/manifests/"+ref, "").want(t, 200, "Docker-Content-Digest", dgst).wantBody(t, raw)
			}
			c.do("GET", "/v2/a/manifests/"+digest.FromString(raw).String(), "").want(t, 404)
		}},
		{anchor, "a push by digest may have tags as query parameters", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", nil)
			dgst := digest.FromBytes(raw)
			resp := c.do("PUT", "/v2/a/manifests/"+dgst.String()+"?tag=v1&tag=v2", string(raw), "Content-Type", ocispec.MediaTypeImageManifest).want(t, 201)
			if diff := cmp.Diff([]string{"v1", "v2"}, resp.Header.Values("OCI-Tag")); diff != "" {
				t.Errorf("OCI-Tag (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]digest.Digest{"v1": dgst, "v2": dgst}, c.reg.Tags("a")); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			c.do("PUT", "/v2/a/manifests/"+dgst.String()+"?tag=-v1", string(raw), "Content-Type", ocispec.MediaTypeImageManifest).wantCodes(t, 400, "MANIFEST_INVALID")
		}},
		{anchor, "the content type must be the media type of the manifest", func(t *testing.T, c *client) {
			raw := string(c.imageManifest("a", "x", nil))
			for _, contentType := range []string{ocispec.MediaTypeImageIndex, mediaTypeDockerManifest, "application/json", "text/plain", "x"} {
				c.do("PUT", "/v2/a/manifests/v1", raw, "Content-Type", contentType).wantCodes(t, 400, "MANIFEST_INVALID")
			}
			c.do("PUT", "/v2/a/manifests/v1", raw).want(t, 201) // clients SHOULD set Content-Type; without it the mediaType field counts
		}},
		{anchor, "an invalid manifest is rejected", func(t *testing.T, c *client) {
			image := string(c.imageManifest("a", "x", nil))
			for _, raw := range []string{
				"", "{", "[]", `"x"`, `{}`, `{"schemaVersion":1}`, `{"schemaVersion":2}`,
				strings.Replace(image, `"schemaVersion":2`, `"schemaVersion":3`, 1),
				strings.Replace(image, `"schemaVersion":2`, `"schemaVersion":2,"manifests":[]`, 1),
				strings.Replace(image, `"digest":"sha256:`, `"digest":"sha256:zz`, 1),
				strings.Replace(image, `"size":`, `"size":-`, 1),
			} {
				c.do("PUT", "/v2/a/manifests/v1", raw, "Content-Type", ocispec.MediaTypeImageManifest).wantCodes(t, 400, "MANIFEST_INVALID")
			}
			for _, raw := range []string{
				`{"schemaVersion":2}`, `{"schemaVersion":2,"manifests":[],"layers":[]}`, `{"schemaVersion":2,"manifests":[],"config":{}}`,
				`{"schemaVersion":2,"manifests":[{}]}`,
			} {
				c.do("PUT", "/v2/a/manifests/v1", raw, "Content-Type", ocispec.MediaTypeImageIndex).wantCodes(t, 400, "MANIFEST_INVALID")
			}
			if _, ok := c.reg.Tag("a", "v1"); ok {
				t.Error("a rejected manifest was tagged")
			}
		}},
		{anchor, "the list of blobs may be empty", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", func(m *ocispec.Manifest) { m.Layers = []ocispec.Descriptor{} })
			c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			c.pushManifest("a", "v2", ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[]}`))
		}},
		{anchor, "manifests of 4 megabytes are accepted, and larger ones return 413", func(t *testing.T, c *client) {
			pad := func(size int) string {
				raw := c.imageManifest("a", "x", nil)
				return string(raw) + strings.Repeat(" ", size-len(raw))
			}
			c.do("PUT", "/v2/a/manifests/v1", pad(4<<20), "Content-Type", ocispec.MediaTypeImageManifest).want(t, 201)
			c.do("PUT", "/v2/a/manifests/v2", pad(4<<20+1), "Content-Type", ocispec.MediaTypeImageManifest).wantCodes(t, 413, "SIZE_INVALID")
		}},
		{anchor, "docker manifests and lists are accepted", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", func(m *ocispec.Manifest) { m.MediaType = mediaTypeDockerManifest })
			child := c.pushManifest("a", "v1", mediaTypeDockerManifest, raw)
			list := ocispec.Index{MediaType: mediaTypeDockerList, Manifests: []ocispec.Descriptor{child}}
			list.SchemaVersion = 2
			c.pushManifest("a", "list", mediaTypeDockerList, marshal(t, list))
			c.do("GET", "/v2/a/manifests/list", "").want(t, 200, "Content-Type", mediaTypeDockerList)
		}},
	})
}

func TestConformanceMissingContent(t *testing.T) {
	const anchor = "push"
	absent := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: absentDigest, Size: 1}
	checkRules(t, []rule{
		{anchor, "a missing subject is accepted", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", func(m *ocispec.Manifest) { m.Subject = &absent })
			c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
		}},
		{anchor, "a missing blob is MANIFEST_BLOB_UNKNOWN, once for each", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", func(m *ocispec.Manifest) {
				other := absent
				other.Digest = digest.FromString("other")
				m.Layers = append(m.Layers, absent, other)
			})
			c.do("PUT", "/v2/a/manifests/v1", string(raw), "Content-Type", ocispec.MediaTypeImageManifest).
				wantCodes(t, 400, "MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN")
			c.do("PUT", "/v2/b/manifests/v1", string(raw), "Content-Type", ocispec.MediaTypeImageManifest).want(t, 400)
			c.do("GET", "/v2/b/tags/list", "").wantCodes(t, 404, "NAME_UNKNOWN") // a rejected push does not create a repository
		}},
		{anchor, "a missing child returns MANIFEST_BLOB_UNKNOWN", func(t *testing.T, c *client) {
			child := c.pushManifest("b", "v1", ocispec.MediaTypeImageManifest, c.imageManifest("b", "x", nil))
			index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{child}}
			index.SchemaVersion = 2
			raw := marshal(t, index)
			c.do("PUT", "/v2/a/manifests/v1", string(raw), "Content-Type", ocispec.MediaTypeImageIndex).wantCodes(t, 400, "MANIFEST_BLOB_UNKNOWN")
			c.pushManifest("b", "index", ocispec.MediaTypeImageIndex, raw)
			nested := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{describe(ocispec.MediaTypeImageIndex, raw)}}
			nested.SchemaVersion = 2
			c.pushManifest("b", "nested", ocispec.MediaTypeImageIndex, marshal(t, nested))
		}},
		{anchor, "non-distributable layers may be missing", func(t *testing.T, c *client) {
			for _, mediaType := range []string{
				"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
				"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
			} {
				raw := c.imageManifest("a", mediaType, func(m *ocispec.Manifest) {
					foreign := absent
					foreign.MediaType = mediaType
					m.Layers = append(m.Layers, foreign)
				})
				c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			}
		}},
		{"pushing-manifests-with-subject", "the response acknowledges a subject", func(t *testing.T, c *client) {
			subject := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, c.imageManifest("a", "x", nil))
			raw := c.imageManifest("a", "y", func(m *ocispec.Manifest) { m.Subject = &subject })
			for _, ref := range []string{"sig", digest.FromBytes(raw).String()} {
				c.do("PUT", "/v2/a/manifests/"+ref, string(raw), "Content-Type", ocispec.MediaTypeImageManifest).
					want(t, 201, "OCI-Subject", subject.Digest.String())
			}
		}},
	})
}
