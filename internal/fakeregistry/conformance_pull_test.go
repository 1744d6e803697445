package fakeregistry_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// absentDigest is a digest that no content has.
const absentDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

func invalidNames() []string {
	return []string{
		"A", "a/B", "-a", "a-", ".a", "a.", "_a", "a..b", "a___b", "a._b", "a//b", "a/", "a%20b", "a+b", "ä",
		"a%2f", "a%2f%2e%2e%2fb", strings.Repeat("a", 256),
	}
}

func validNames() []string {
	return []string{
		"a", "a/b", "a/b/c/d", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "0/1", "a1.b2_c3__d4-e5--f6/x",
		strings.Repeat("a", 255),
	}
}

func invalidDigests() []string {
	hex := strings.Repeat("a", 64)
	return []string{
		"sha256:", "sha256:abc", "sha256:" + strings.ToUpper(hex), "sha256:" + hex + "a", "SHA256:" + hex,
		"md5:d41d8cd98f00b204e9800998ecf8427e", "sha512:" + hex, "sha256:" + strings.Repeat("g", 64), ":" + hex, "sha256:baddigeststring",
	}
}

func invalidTags() []string {
	return []string{".v1", "-v1", "v1+2", "v%201", "ä", "v~1", strings.Repeat("a", 129)}
}

func TestConformancePullingManifests(t *testing.T) {
	const anchor = "pulling-manifests"
	checkRules(t, []rule{
		{anchor, "a reference is a digest or a tag", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", nil)
			desc := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			for _, ref := range []string{"v1", desc.Digest.String()} {
				c.do("GET", "/v2/a/manifests/"+ref, "").want(t, 200).wantBody(t, string(raw))
			}
		}},
		{anchor, "a reference in any other format is rejected", func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				for _, tag := range invalidTags() {
					c.do(method, "/v2/a/manifests/"+tag, "{}").wantCodes(t, 400, "MANIFEST_INVALID")
				}
				for _, dgst := range invalidDigests() {
					c.do(method, "/v2/a/manifests/"+dgst, "{}").wantCodes(t, 400, "DIGEST_INVALID")
				}
			}
		}},
		{anchor, "every name that matches the grammar is accepted", func(t *testing.T, c *client) {
			for _, name := range validNames() {
				image := c.reg.PutImage(name, "x", "v1")
				c.do("GET", "/v2/"+name+"/manifests/v1", "").want(t, 200, "Docker-Content-Digest", image.Digest.String())
			}
		}},
		{anchor, "every tag of at most 128 characters that matches the grammar is accepted", func(t *testing.T, c *client) {
			for _, tag := range []string{"v1", "_", "A", "0", "a.b-c_d", "latest", "sha256-" + strings.Repeat("a", 64), strings.Repeat("Z", 128)} {
				raw := c.imageManifest("a", "x", nil)
				c.pushManifest("a", tag, ocispec.MediaTypeImageManifest, raw)
				c.do("GET", "/v2/a/manifests/"+tag, "").want(t, 200).wantBody(t, string(raw))
			}
		}},
		{anchor, "the content type is the pushed one without its parameters", func(t *testing.T, c *client) {
			raw := c.imageManifest("a", "x", nil)
			c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest+"; charset=utf-8", raw)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200, "Content-Type", ocispec.MediaTypeImageManifest)
		}},
		{anchor, "an existing manifest returns 200 with its bytes and its digest", func(t *testing.T, c *client) {
			raw := append(c.imageManifest("a", "x", nil), " \n"...)
			desc := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, raw)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200, "Docker-Content-Digest", desc.Digest.String()).wantBody(t, string(raw))
		}},
		{anchor, "a manifest that is not in the repository returns 404", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			c.reg.PutBlob("b", nil)
			for _, path := range []string{"/v2/a/manifests/v2", "/v2/a/manifests/" + absentDigest, "/v2/b/manifests/v1", "/v2/b/manifests/" + image.Digest.String()} {
				c.do("GET", path, "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
				c.do("HEAD", path, "").want(t, 404)
			}
		}},
		{anchor, "a blob cannot be pulled as a manifest", func(t *testing.T, c *client) {
			blob := c.reg.PutBlob("a", []byte("{}"))
			c.do("GET", "/v2/a/manifests/"+blob.Digest.String(), "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{anchor, "a matching If-None-Match returns 304", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			etag := `"` + image.Digest.String() + `"`
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200, "Etag", etag)
			c.do("GET", "/v2/a/manifests/v1", "", "If-None-Match", etag).want(t, 304).wantBody(t, "")
			c.do("GET", "/v2/a/manifests/v1", "", "If-None-Match", `"other"`).want(t, 200)
		}},
		{"pushing-manifests", "a repository that does not exist returns 404", func(t *testing.T, c *client) {
			c.do("GET", "/v2/nope/manifests/v1", "").wantCodes(t, 404, "NAME_UNKNOWN")
		}},
	})
}

func TestConformancePullingBlobs(t *testing.T) {
	const anchor = "pulling-blobs"
	checkRules(t, []rule{
		{anchor, "an existing blob returns 200 with its bytes and its digest", func(t *testing.T, c *client) {
			for _, content := range []string{"", "{}", "hello", strings.Repeat("long", 100_000)} {
				blob := c.pushBlob("a", []byte(content))
				c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "").
					want(t, 200, "Docker-Content-Digest", blob.Digest.String()).wantBody(t, content)
			}
		}},
		{anchor, "a blob that is not in the repository returns 404", func(t *testing.T, c *client) {
			blob := c.reg.PutBlob("a", []byte("x"))
			c.reg.PutBlob("b", []byte("y"))
			for _, path := range []string{"/v2/a/blobs/" + absentDigest, "/v2/b/blobs/" + blob.Digest.String()} {
				c.do("GET", path, "").wantCodes(t, 404, "BLOB_UNKNOWN")
				c.do("HEAD", path, "").want(t, 404)
			}
		}},
		{anchor, "a manifest cannot be pulled as a blob", func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			c.do("GET", "/v2/a/blobs/"+image.Digest.String(), "").wantCodes(t, 404, "BLOB_UNKNOWN")
		}},
		{anchor, "an invalid digest returns 400", func(t *testing.T, c *client) {
			c.reg.PutBlob("a", []byte("x"))
			for _, dgst := range append(invalidDigests(), "v1") {
				c.do("GET", "/v2/a/blobs/"+dgst, "").wantCodes(t, 400, "DIGEST_INVALID")
			}
		}},
		{anchor, "ranges are served", func(t *testing.T, c *client) {
			blob := c.reg.PutBlob("a", []byte("0123456789"))
			for byteRange, want := range map[string][2]string{
				"bytes=2-4":  {"234", "bytes 2-4/10"},
				"bytes=7-":   {"789", "bytes 7-9/10"},
				"bytes=-2":   {"89", "bytes 8-9/10"},
				"bytes=8-99": {"89", "bytes 8-9/10"},
			} {
				c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "", "Range", byteRange).
					want(t, 206, "Content-Range", want[1]).wantBody(t, want[0])
			}
			for _, byteRange := range []string{"bytes=5-0", "bytes=10-20"} {
				c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "", "Range", byteRange).want(t, 416)
			}
		}},
	})
}

func TestConformanceCheckingIfContentExists(t *testing.T) {
	const anchor = "checking-if-content-exists-in-the-registry"
	checkRules(t, []rule{
		{anchor, "HEAD of existing content returns 200 with digest and size and no body", func(t *testing.T, c *client) {
			for _, content := range []string{"small", strings.Repeat("large", 2000)} {
				image := c.reg.PutManifest("a", "v1", ocispec.MediaTypeImageManifest, []byte(content))
				blob := c.reg.PutBlob("a", []byte(content))
				for _, path := range []string{"manifests/v1", "manifests/" + image.Digest.String(), "blobs/" + blob.Digest.String()} {
					resp := c.do("HEAD", "/v2/a/"+path, "").want(t, 200, "Docker-Content-Digest", image.Digest.String()).wantBody(t, "")
					if resp.ContentLength != int64(len(content)) {
						t.Errorf("%s: Content-Length %d, want %d", path, resp.ContentLength, len(content))
					}
				}
				c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200, "Content-Type", ocispec.MediaTypeImageManifest)
			}
		}},
		{anchor, "HEAD of missing content returns 404 without a body", func(t *testing.T, c *client) {
			c.reg.PutBlob("a", nil)
			for _, path := range []string{"manifests/v1", "manifests/" + absentDigest, "blobs/" + absentDigest} {
				got := c.do("HEAD", "/v2/a/"+path, "").want(t, 404, "Content-Type", "application/json").wantBody(t, "")
				full := c.do("GET", "/v2/a/"+path, "")
				if got.ContentLength != int64(len(full.body)) {
					t.Errorf("%s: Content-Length %d, want that of GET, %d", path, got.ContentLength, len(full.body))
				}
			}
		}},
		{anchor, "sha512 digests are supported like sha256", func(t *testing.T, c *client) {
			dgst := digest.SHA512.FromString("x")
			session := c.do("POST", "/v2/a/blobs/uploads/", "").want(t, 202)
			c.do("PUT", session.Header.Get("Location")+"?digest="+dgst.String(), "x").want(t, 201, "Docker-Content-Digest", dgst.String())
			c.do("GET", "/v2/a/blobs/"+dgst.String(), "").want(t, 200, "Docker-Content-Digest", dgst.String()).wantBody(t, "x")
			c.do("HEAD", "/v2/a/blobs/"+digest.FromString("x").String(), "").want(t, 404)
		}},
	})
}
