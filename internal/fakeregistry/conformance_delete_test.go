package fakeregistry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestConformanceDeleting(t *testing.T) {
	const tags, manifests, blobs = "deleting-tags", "deleting-manifests", "deleting-blobs"
	checkRules(t, []rule{
		{tags, "deleting a tag returns 202, then the tag is 404, and nothing else is deleted", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202, "Content-Length", "0").wantBody(t, "")
			c.do("GET", "/v2/a/manifests/v1", "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
			c.do("GET", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 200)
			if diff := cmp.Diff(map[string]digest.Digest{"v2": image.Digest}, c.reg.Tags("a")); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			c.do("DELETE", "/v2/a/manifests/v2", "").want(t, 202)
			c.do("HEAD", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 200)
		}},
		{tags, "deleting a tag that does not exist returns 404", func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/nope", "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{manifests, "deleting a manifest returns 202, then the manifest and all its tags are 404", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			other := c.reg.PutImage("a", "y", "v3")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202, "Content-Length", "0").wantBody(t, "")
			for _, ref := range []string{"v1", "v2", image.Digest.String()} {
				c.do("GET", "/v2/a/manifests/"+ref, "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
			}
			c.do("GET", "/v2/a/tags/list", "").want(t, 200).wantBody(t, `{"name":"a","tags":["v3"]}`+"\n")
			c.do("GET", "/v2/a/manifests/v3", "").want(t, 200, "Docker-Content-Digest", other.Digest.String())
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{manifests, "deleting from a repository that does not exist returns 404", func(t *testing.T, c *client) {
			c.do("DELETE", "/v2/nope/manifests/"+absentDigest, "").wantCodes(t, 404, "NAME_UNKNOWN")
			c.do("DELETE", "/v2/nope/manifests/v1", "").wantCodes(t, 404, "NAME_UNKNOWN")
		}},
		{manifests, "the same manifest in another repository stays", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			c.reg.PutImage("b", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
			c.do("GET", "/v2/b/manifests/v1", "").want(t, 200)
		}},
		{manifests, "the blobs of a manifest stay", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
			c.do("GET", "/v2/a/blobs/"+digest.FromString("x").String(), "").want(t, 200)
		}},
		{manifests, "the children of an index stay, and a child can be deleted before its index", func(t *testing.T, c *client) {
			index := c.reg.PutIndex("a", []string{"x", "y"}, "v1")
			first, second := c.reg.PutImage("a", "x"), c.reg.PutImage("a", "y")
			c.do("DELETE", "/v2/a/manifests/"+first.Digest.String(), "").want(t, 202)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
			c.do("DELETE", "/v2/a/manifests/"+index.Digest.String(), "").want(t, 202)
			c.do("GET", "/v2/a/manifests/"+second.Digest.String(), "").want(t, 200)
		}},
		{manifests, "deleting a manifest by the digest of a blob returns 404", func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/"+digest.FromString("x").String(), "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
			c.do("GET", "/v2/a/blobs/"+digest.FromString("x").String(), "").want(t, 200)
		}},
		{manifests, "a deleted manifest can be pushed again", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", nil)
			image := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
			c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
		}},
		{manifests, "a manifest with a sha512 digest can be deleted by that digest", func(t *testing.T, c *client) {
			raw := string(c.imageManifest("a", "x", nil))
			dgst := digest.SHA512.FromString(raw).String()
			c.do("PUT", "/v2/a/manifests/v1?digest="+dgst, raw, "Content-Type", ocispec.MediaTypeImageManifest).want(t, 201)
			c.do("DELETE", "/v2/a/manifests/"+dgst, "").want(t, 202)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 404)
		}},
		{blobs, "deleting a blob returns 202, then the blob is 404", func(t *testing.T, c *client) {
			for _, dgst := range []digest.Digest{digest.FromString("x"), digest.SHA512.FromString("x")} {
				c.do("POST", "/v2/a/blobs/uploads/?digest="+dgst.String(), "x").want(t, 201)
				c.do("DELETE", "/v2/a/blobs/"+dgst.String(), "").want(t, 202, "Content-Length", "0").wantBody(t, "")
				c.do("GET", "/v2/a/blobs/"+dgst.String(), "").wantCodes(t, 404, "BLOB_UNKNOWN")
				c.do("HEAD", "/v2/a/blobs/"+dgst.String(), "").want(t, 404)
				c.do("DELETE", "/v2/a/blobs/"+dgst.String(), "").wantCodes(t, 404, "BLOB_UNKNOWN")
			}
		}},
		{blobs, "the same blob in another repository stays", func(t *testing.T, c *client) {
			blob := c.reg.PutBlob("a", []byte("x"))
			c.reg.PutBlob("b", []byte("x"))
			c.do("DELETE", "/v2/a/blobs/"+blob.Digest.String(), "").want(t, 202)
			c.do("GET", "/v2/b/blobs/"+blob.Digest.String(), "").want(t, 200)
		}},
		{blobs, "an invalid digest returns 400", func(t *testing.T, c *client) {
			c.do("DELETE", "/v2/a/blobs/nope", "").wantCodes(t, 400, "DIGEST_INVALID")
		}},
	})
}

func TestConformanceDeletionDisabled(t *testing.T) {
	checkRules(t, []rule{
		{"content-management", "disabled deletion returns 405 or 400 for tags, manifests and blobs", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			for _, path := range []string{"manifests/v1", "manifests/" + image.Digest.String(), "blobs/" + digestOf("x")} {
				c.do("DELETE", "/v2/a/"+path, "").wantCodes(t, 405, "UNSUPPORTED")
				c.do("GET", "/v2/a/"+path, "").want(t, 200)
			}
		}},
	}, fakeregistry.WithDeleteDisabled())
}
