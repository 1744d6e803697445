package regrettest_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

func digestOf(content string) string { return digest.FromString(content).String() }

func TestConformancePushBlobs(t *testing.T) {
	const (
		monolithic = "pushing-a-blob-monolithically"
		chunks     = "pushing-a-blob-in-chunks"
		mount      = "mounting-a-blob-from-another-repository"
	)
	start := func(c *client) string {
		return c.do("POST", "/v2/a/blobs/uploads/", "").want(202).Header.Get("Location")
	}
	checkRules(t, []rule{
		{monolithic, "POST and PUT return 202 and 201, with a location to pull from", func(t *testing.T, c *client) {
			resp := c.do("PUT", start(c)+"?digest="+digestOf("x"), "x").want(201, "Docker-Content-Digest", digestOf("x"))
			c.do("GET", resp.Header.Get("Location"), "").want(200).wantBody("x")
		}},
		{monolithic, "one POST with the digest returns 201", func(t *testing.T, c *client) {
			resp := c.do("POST", "/v2/a/blobs/uploads/?digest="+digestOf("x"), "x").want(201)
			c.do("GET", resp.Header.Get("Location"), "").want(200).wantBody("x")
		}},
		{monolithic, "a digest of other content returns 400, and nothing is stored", func(t *testing.T, c *client) {
			c.do("PUT", start(c)+"?digest="+digestOf("y"), "x").wantCode(400, "DIGEST_INVALID")
			if c.reg.HasBlob("a", digest.FromString("x")) || c.reg.HasBlob("a", digest.FromString("y")) {
				t.Error("the blob was stored")
			}
		}},
		{chunks, "each PATCH returns 202 with a range, and PUT 201", func(t *testing.T, c *client) {
			first := c.do("PATCH", start(c), "0123", "Content-Range", "0-3").want(202, "Range", "0-3")
			second := c.do("PATCH", first.Header.Get("Location"), "45", "Content-Range", "4-5").want(202, "Range", "0-5")
			c.do("GET", second.Header.Get("Location"), "").want(204, "Range", "0-5")
			c.do("PUT", second.Header.Get("Location")+"?digest="+digestOf("01234567"), "67", "Content-Range", "6-7").want(201)
			c.do("GET", "/v2/a/blobs/"+digestOf("01234567"), "").want(200).wantBody("01234567")
		}},
		{chunks, "a chunk out of order returns 416", func(t *testing.T, c *client) {
			location := start(c)
			c.do("PATCH", location, "x", "Content-Range", "1-1").want(416)
			c.do("PATCH", location, "0123", "Content-Range", "0-3").want(202)
			c.do("PATCH", location, "x", "Content-Range", "7-7").want(416)
			c.do("GET", location, "").want(204, "Range", "0-3")
		}},
		{chunks, "an upload can be cancelled", func(t *testing.T, c *client) {
			location := start(c)
			c.do("DELETE", location, "").want(204)
			c.do("GET", location, "").wantCode(404, "BLOB_UPLOAD_UNKNOWN")
		}},
		{mount, "POST returns 201 if the blob is there, and else 202 to upload it", func(t *testing.T, c *client) {
			blob := c.pushBlob("b", "x")
			c.do("POST", "/v2/a/blobs/uploads/?from=b&mount="+blob.Digest.String(), "").want(201, "Location", "/v2/a/blobs/"+blob.Digest.String())
			c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "").want(200).wantBody("x")
			c.do("POST", "/v2/a/blobs/uploads/?from=b&mount="+absent.String(), "").want(202)
		}},
	})
}

func TestConformancePushManifests(t *testing.T) {
	const anchor = "pushing-manifests"
	checkRules(t, []rule{
		{anchor, "PUT by tag or digest returns 201 with a location to pull from, byte for byte", func(t *testing.T, c *client) {
			raw := c.image("a", "x", nil) + " \n"
			for _, reference := range []string{"v1", digestOf(raw)} {
				resp := c.pushManifest("a", reference, raw).want(201, "Docker-Content-Digest", digestOf(raw), "OCI-Subject", "")
				c.do("GET", resp.Header.Get("Location"), "").want(200).wantBody(raw)
			}
		}},
		{anchor, "PUT to an existing tag moves the tag, and the other manifest stays", func(t *testing.T, c *client) {
			first, second := c.image("a", "x", nil), c.image("a", "y", nil)
			c.pushManifest("a", "v1", first).want(201)
			c.pushManifest("a", "v1", second).want(201)
			c.do("GET", "/v2/a/manifests/v1", "").want(200).wantBody(second)
			c.do("GET", "/v2/a/manifests/"+digestOf(first), "").want(200)
		}},
		{anchor, "PUT by the digest of other content returns 400", func(t *testing.T, c *client) {
			c.pushManifest("a", absent.String(), c.image("a", "x", nil)).wantCode(400, "DIGEST_INVALID")
		}},
		{anchor, "what is no manifest, or of another type, returns 400", func(t *testing.T, c *client) {
			c.pushManifest("a", "v1", "{").wantCode(400, "MANIFEST_INVALID")
			c.pushManifest("a", "v1", `{"schemaVersion":2}`).wantCode(400, "MANIFEST_INVALID")
			c.do("PUT", "/v2/a/manifests/v1", c.image("a", "x", nil), "Content-Type", ocispec.MediaTypeImageIndex).wantCode(400, "MANIFEST_INVALID")
		}},
		{anchor, "a manifest of 4 megabytes is accepted", func(t *testing.T, c *client) {
			raw := c.image("a", "x", nil)
			c.pushManifest("a", "v1", raw+strings.Repeat(" ", 4<<20-len(raw))).want(201)
		}},
		{anchor, "a manifest may have a digest of sha512", func(t *testing.T, c *client) {
			raw := c.image("a", "x", nil)
			dgst := digest.SHA512.FromString(raw).String()
			c.pushManifest("a", dgst, raw).want(201, "Docker-Content-Digest", dgst)
			c.do("GET", "/v2/a/manifests/"+dgst, "").want(200).wantBody(raw)
			c.do("DELETE", "/v2/a/manifests/"+dgst, "").want(202)
		}},
		{"push", "a missing layer or child returns 400 MANIFEST_BLOB_UNKNOWN", func(t *testing.T, c *client) {
			raw := c.image("a", "x", nil)
			c.pushManifest("b", "v1", raw).wantCode(400, "MANIFEST_BLOB_UNKNOWN")
			index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{describe(ocispec.MediaTypeImageManifest, raw)}}
			index.SchemaVersion = 2
			c.do("PUT", "/v2/a/manifests/v1", encode(t, index), "Content-Type", ocispec.MediaTypeImageIndex).wantCode(400, "MANIFEST_BLOB_UNKNOWN")
			c.pushManifest("a", "x", raw).want(201)
			c.do("PUT", "/v2/a/manifests/v1", encode(t, index), "Content-Type", ocispec.MediaTypeImageIndex).want(201)
		}},
		{"pushing-manifests-with-subject", "a subject is acknowledged, and need not exist", func(t *testing.T, c *client) {
			missing := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: absent, Size: 1}
			c.pushManifest("a", "v1", c.image("a", "x", &missing)).want(201, "OCI-Subject", absent.String())
		}},
		{"content-management", "disabled deletion returns 405 for tags, manifests and blobs", func(t *testing.T, _ *client) {
			c := serve(t, regrettest.WithDeleteDisabled())
			image := c.reg.PutImage("a", regrettest.Image{Layers: []string{"x"}}, "v1")
			for _, path := range []string{"manifests/v1", "manifests/" + image.Digest.String(), "blobs/" + digestOf("x")} {
				c.do("DELETE", "/v2/a/"+path, "").wantCode(405, "UNSUPPORTED")
				c.do("GET", "/v2/a/"+path, "").want(200)
			}
		}},
	})
}
