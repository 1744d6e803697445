package regrettest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

// rule is one statement of the distribution specification, in the section with this anchor, and a
// check of it.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
type rule struct {
	anchor, statement string
	check             func(t *testing.T, c *client)
}

// checkRules checks each rule over HTTP against a new registry with the profile of the specification.
func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	t.Parallel()
	for _, r := range rules {
		t.Run(r.anchor+"/"+r.statement, func(t *testing.T) {
			t.Parallel()
			r.check(t, serve(t, regrettest.WithProfile(profile(t, "spec"))))
		})
	}
}

func TestConformancePull(t *testing.T) {
	checkRules(t, []rule{
		{"determining-support", "GET of /v2/ returns 200", func(t *testing.T, c *client) {
			c.do("GET", "/v2/", "").want(200)
		}},
		{"pulling-manifests", "GET of a tag or digest returns 200 with the bytes, the type and the digest", func(t *testing.T, c *client) {
			raw := c.image("a/b", "x", nil)
			c.pushManifest("a/b", "v1", raw).want(201)
			for _, reference := range []string{"v1", digest.FromString(raw).String()} {
				c.do("GET", "/v2/a/b/manifests/"+reference, "").
					want(200, "Content-Type", ocispec.MediaTypeImageManifest, "Docker-Content-Digest", digest.FromString(raw).String()).
					wantBody(raw)
			}
		}},
		{"pulling-manifests", "GET of a missing manifest returns 404", func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.do("GET", "/v2/a/manifests/v2", "").wantCode(404, "MANIFEST_UNKNOWN")
			c.do("GET", "/v2/a/manifests/"+absent.String(), "").wantCode(404, "MANIFEST_UNKNOWN")
			c.do("GET", "/v2/nope/manifests/v1", "").wantCode(404, "NAME_UNKNOWN")
		}},
		{"pulling-manifests", "a malformed name, tag or digest returns 400", func(t *testing.T, c *client) {
			c.do("GET", "/v2/A/manifests/v1", "").wantCode(400, "NAME_INVALID")
			c.do("GET", "/v2/a/manifests/-v1", "").wantCode(400, "MANIFEST_INVALID")
			c.do("GET", "/v2/a/manifests/sha256:abc", "").wantCode(400, "DIGEST_INVALID")
		}},
		{"pulling-blobs", "GET of a blob returns 200 with the bytes and the digest", func(t *testing.T, c *client) {
			for _, content := range []string{"", "hello", strings.Repeat("long", 100_000)} {
				blob := c.pushBlob("a", content)
				c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "").want(200, "Docker-Content-Digest", blob.Digest.String()).wantBody(content)
			}
		}},
		{"pulling-blobs", "GET of a missing blob returns 404", func(t *testing.T, c *client) {
			c.pushBlob("b", "x")
			c.do("GET", "/v2/b/blobs/"+absent.String(), "").wantCode(404, "BLOB_UNKNOWN")
			c.do("GET", "/v2/a/blobs/"+digest.FromString("x").String(), "").want(404)
		}},
		{"pulling-blobs", "a range returns 206, or 416 if it is outside", func(t *testing.T, c *client) {
			path := "/v2/a/blobs/" + c.pushBlob("a", "0123456789").Digest.String()
			c.do("GET", path, "", "Range", "bytes=2-4").want(206, "Content-Range", "bytes 2-4/10").wantBody("234")
			c.do("GET", path, "", "Range", "bytes=10-20").want(416)
		}},
		{"checking-if-content-exists-in-the-registry", "HEAD returns 200 with digest and size, or 404", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", regrettest.Image{}, "v1")
			resp := c.do("HEAD", "/v2/a/manifests/v1", "").want(200, "Docker-Content-Digest", image.Digest.String()).wantBody("")
			if resp.ContentLength != image.Size {
				t.Errorf("Content-Length %d, want %d", resp.ContentLength, image.Size)
			}
			blob := c.pushBlob("a", "x")
			c.do("HEAD", "/v2/a/blobs/"+blob.Digest.String(), "").want(200, "Content-Length", "1")
			c.do("HEAD", "/v2/a/manifests/v2", "").want(404).wantBody("")
			c.do("HEAD", "/v2/a/blobs/"+absent.String(), "").want(404).wantBody("")
		}},
	})
}

func TestConformanceContentDiscovery(t *testing.T) {
	checkRules(t, []rule{
		{"listing-tags", "GET returns 200 with the name and the tags in lexical order", func(t *testing.T, c *client) {
			c.reg.PutImage("a/b", regrettest.Image{}, "b", "a", "C")
			c.do("GET", "/v2/a/b/tags/list", "").want(200, "Content-Type", "application/json").wantBody(`{"name":"a/b","tags":["a","b","C"]}` + "\n")
		}},
		{"listing-tags", "a repository that does not exist returns 404", func(t *testing.T, c *client) {
			c.do("GET", "/v2/a/tags/list", "").wantCode(404, "NAME_UNKNOWN")
		}},
		{"listing-tags", "n limits the page, last begins it, and a Link leads to the next", func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "1", "2", "3")
			first := c.do("GET", "/v2/a/tags/list?n=2", "").want(200, "Link", `</v2/a/tags/list?last=2&n=2>; rel="next"`)
			second := c.do("GET", "/v2/a/tags/list?n=2&last=2", "").want(200, "Link", "")
			if diff := cmp.Diff([][]string{{"1", "2"}, {"3"}}, [][]string{first.tags(), second.tags()}); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		}},
		{"listing-tags", "n=0 returns an empty list", func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "1")
			c.do("GET", "/v2/a/tags/list?n=0", "").want(200, "Link", "").wantBody(`{"name":"a","tags":[]}` + "\n")
		}},
		{"listing-referrers", "GET returns 200 with an index of all referrers, also of a missing subject", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", regrettest.Image{}, "v1")
			want := c.reg.PutReferrer("a", image, "application/vnd.example.sbom", "x")
			resp := c.do("GET", "/v2/a/referrers/"+image.Digest.String(), "").want(200, "Content-Type", ocispec.MediaTypeImageIndex)
			if diff := cmp.Diff([]ocispec.Descriptor{want}, decode[ocispec.Index](t, resp.body).Manifests); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
			none := c.do("GET", "/v2/a/referrers/"+absent.String(), "").want(200)
			if index := decode[ocispec.Index](t, none.body); index.Manifests == nil || len(index.Manifests) > 0 {
				t.Errorf("referrers of nothing: %s", none.body)
			}
		}},
		{"listing-referrers", "a filter for the artifact type is applied, and named in the response", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.reg.PutReferrer("a", image, "a/sbom", "x")
			c.reg.PutReferrer("a", image, "a/signature", "y")
			resp := c.do("GET", "/v2/a/referrers/"+image.Digest.String()+"?artifactType=a/sbom", "").want(200, "OCI-Filters-Applied", "artifactType")
			if found := decode[ocispec.Index](t, resp.body).Manifests; len(found) != 1 || found[0].ArtifactType != "a/sbom" {
				t.Errorf("referrers: %s", resp.body)
			}
		}},
		{"listing-referrers", "a malformed digest returns 400", func(t *testing.T, c *client) {
			c.do("GET", "/v2/a/referrers/v1", "").wantCode(400, "DIGEST_INVALID")
		}},
	})
}

func TestConformanceContentManagement(t *testing.T) {
	checkRules(t, []rule{
		{"deleting-tags", "DELETE returns 202, then the tag is 404, and the manifest stays", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(202)
			c.do("GET", "/v2/a/manifests/v1", "").want(404)
			c.do("GET", "/v2/a/manifests/"+image.Digest.String(), "").want(200)
		}},
		{"deleting-manifests", "DELETE returns 202, then the manifest and its tags are 404", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", regrettest.Image{}, "v1", "v2")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(202)
			for _, reference := range []string{"v1", "v2", image.Digest.String()} {
				c.do("GET", "/v2/a/manifests/"+reference, "").wantCode(404, "MANIFEST_UNKNOWN")
			}
			c.do("GET", "/v2/a/tags/list", "").want(200).wantBody(`{"name":"a","tags":[]}` + "\n")
		}},
		{"deleting-manifests", "DELETE of a missing manifest or tag returns 404", func(t *testing.T, c *client) {
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			c.do("DELETE", "/v2/a/manifests/"+absent.String(), "").wantCode(404, "MANIFEST_UNKNOWN")
			c.do("DELETE", "/v2/a/manifests/v2", "").wantCode(404, "MANIFEST_UNKNOWN")
			c.do("DELETE", "/v2/nope/manifests/v1", "").wantCode(404, "NAME_UNKNOWN")
		}},
		{"deleting-blobs", "DELETE returns 202, then the blob is 404", func(t *testing.T, c *client) {
			path := "/v2/a/blobs/" + c.pushBlob("a", "x").Digest.String()
			c.do("DELETE", path, "").want(202)
			c.do("GET", path, "").want(404)
			c.do("DELETE", path, "").wantCode(404, "BLOB_UNKNOWN")
		}},
		{"enabling-the-referrers-api", "a deleted referrer is not listed", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", regrettest.Image{}, "v1")
			sbom := c.reg.PutReferrer("a", image, "a/sbom", "x")
			c.do("DELETE", "/v2/a/manifests/"+sbom.Digest.String(), "").want(202)
			resp := c.do("GET", "/v2/a/referrers/"+image.Digest.String(), "").want(http.StatusOK)
			if found := decode[ocispec.Index](t, resp.body).Manifests; len(found) > 0 {
				t.Errorf("referrers: %s", resp.body)
			}
		}},
	})
}
