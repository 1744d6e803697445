package fakeregistry_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// startUpload opens an upload session and returns its location.
func (c *client) startUpload(repo string) string {
	c.t.Helper()
	return c.do("POST", "/v2/"+repo+"/blobs/uploads/", "", "Content-Length", "0").want(c.t, 202).Header.Get("Location")
}

// patchUpload uploads a chunk that starts at offset first.
func (c *client) patchUpload(location, content string, first int) response {
	c.t.Helper()
	return c.do("PATCH", location, content, "Content-Type", "application/octet-stream",
		"Content-Range", fmt.Sprintf("%d-%d", first, first+len(content)-1))
}

func digestOf(s string) string { return digest.FromString(s).String() }

func TestConformancePushingBlobsMonolithically(t *testing.T) {
	const post, single = "post-then-put", "single-post"
	checkRules(t, []rule{
		{post, "POST returns 202 with a location that contains a uuid", func(t *testing.T, c *client) {
			uuid := regexp.MustCompile(`^/v2/a/blobs/uploads/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
			first, second := c.startUpload("a"), c.startUpload("a")
			if !uuid.MatchString(first) || first == second {
				t.Errorf("locations %q and %q, want two uuids", first, second)
			}
		}},
		{post, "the trailing slash may be omitted", func(t *testing.T, c *client) {
			c.do("POST", "/v2/a/blobs/uploads", "").want(t, 202)
		}},
		{post, "PUT to the location with the digest returns 201 with a blob location", func(t *testing.T, c *client) {
			resp := c.do("PUT", c.startUpload("a")+"?digest="+digestOf("x"), "x", "Content-Type", "application/octet-stream").
				want(t, 201, "Docker-Content-Digest", digestOf("x"))
			c.do("GET", resp.Header.Get("Location"), "").want(t, 200).wantBody(t, "x")
		}},
		{post, "PUT closes the session", func(t *testing.T, c *client) {
			location := c.startUpload("a")
			c.do("PUT", location+"?digest="+digestOf("x"), "x").want(t, 201)
			c.do("PUT", location+"?digest="+digestOf("x"), "x").wantCodes(t, 404, "BLOB_UPLOAD_UNKNOWN")
		}},
		{post, "the digest must match the content", func(t *testing.T, c *client) {
			c.do("PUT", c.startUpload("a")+"?digest="+digestOf("y"), "x").wantCodes(t, 400, "DIGEST_INVALID")
			c.do("PUT", c.startUpload("a"), "x").wantCodes(t, 400, "DIGEST_INVALID")
			c.do("PUT", c.startUpload("a")+"?digest=sha256:abc", "x").wantCodes(t, 400, "DIGEST_INVALID")
			if c.reg.HasBlob("a", digest.FromString("x")) || c.reg.HasBlob("a", digest.FromString("y")) {
				t.Error("a rejected blob was stored")
			}
		}},
		{post, "a session belongs to its repository", func(t *testing.T, c *client) {
			location := strings.Replace(c.startUpload("a"), "/v2/a/", "/v2/b/", 1)
			c.do("PUT", location+"?digest="+digestOf("x"), "x").wantCodes(t, 404, "BLOB_UPLOAD_UNKNOWN")
		}},
		{single, "POST with the digest returns 201 with a blob location", func(t *testing.T, c *client) {
			for _, dgst := range []string{digestOf("x"), digest.SHA512.FromString("x").String()} {
				resp := c.do("POST", "/v2/a/blobs/uploads/?digest="+dgst, "x").want(t, 201, "Docker-Content-Digest", dgst)
				c.do("GET", resp.Header.Get("Location"), "").want(t, 200).wantBody(t, "x")
			}
		}},
		{single, "the digest must match the content", func(t *testing.T, c *client) {
			c.do("POST", "/v2/a/blobs/uploads/?digest="+digestOf("y"), "x").wantCodes(t, 400, "DIGEST_INVALID")
			c.do("POST", "/v2/a/blobs/uploads/?digest=md5:abc", "x").wantCodes(t, 400, "DIGEST_INVALID")
		}},
		{single, "a blob may be empty", func(t *testing.T, c *client) {
			c.do("POST", "/v2/a/blobs/uploads/?digest="+digestOf(""), "").want(t, 201)
			c.do("GET", "/v2/a/blobs/"+digestOf(""), "").want(t, 200).wantBody(t, "")
		}},
	})
}

func TestConformancePushingBlobsInChunks(t *testing.T) {
	const anchor = "pushing-a-blob-in-chunks"
	checkRules(t, []rule{
		{anchor, "each chunk returns 202 with a location and the range uploaded so far", func(t *testing.T, c *client) {
			first := c.patchUpload(c.startUpload("a"), "01234", 0).want(t, 202, "Range", "0-4")
			second := c.patchUpload(first.Header.Get("Location"), "567", 5).want(t, 202, "Range", "0-7")
			resp := c.do("PUT", second.Header.Get("Location")+"?digest="+digestOf("01234567"), "").want(t, 201)
			c.do("GET", resp.Header.Get("Location"), "").want(t, 200).wantBody(t, "01234567")
		}},
		{anchor, "the PUT may contain the final chunk", func(t *testing.T, c *client) {
			first := c.patchUpload(c.startUpload("a"), "01234", 0).want(t, 202)
			c.do("PUT", first.Header.Get("Location")+"?digest="+digestOf("01234567"), "567", "Content-Range", "5-7").want(t, 201)
			c.do("GET", "/v2/a/blobs/"+digestOf("01234567"), "").want(t, 200).wantBody(t, "01234567")
		}},
		{anchor, "the first chunk must start at 0", func(t *testing.T, c *client) {
			c.patchUpload(c.startUpload("a"), "x", 1).want(t, 416)
		}},
		{anchor, "a chunk out of order returns 416 and changes nothing", func(t *testing.T, c *client) {
			location := c.startUpload("a")
			c.patchUpload(location, "01234", 0).want(t, 202)
			c.patchUpload(location, "89", 8).wantCodes(t, 416, "BLOB_UPLOAD_INVALID")
			c.patchUpload(location, "01234", 0).want(t, 416, "Range", "0-4", "Location", location)
			c.do("PUT", location+"?digest="+digestOf("89"), "89", "Content-Range", "8-9").want(t, 416)
			c.do("GET", location, "").want(t, 204, "Range", "0-4")
			c.patchUpload(location, "567", 5).want(t, 202)
			c.do("PUT", location+"?digest="+digestOf("01234567"), "").want(t, 201)
		}},
		{anchor, "the range must be two inclusive numbers that match the length of the body", func(t *testing.T, c *client) {
			location := c.startUpload("a")
			for _, value := range []string{"x", "0", "0-", "-0", "1-0", "bytes 0-0/1", "0-0/1", "+0-0", "0-+0"} {
				c.do("PATCH", location, "x", "Content-Range", value).wantCodes(t, 400, "BLOB_UPLOAD_INVALID")
			}
			c.do("PATCH", location, "x", "Content-Range", "0-1").wantCodes(t, 400, "SIZE_INVALID")
			c.do("GET", location, "").want(t, 204, "Range", "0-0")
		}},
		{anchor, "GET of a session returns 204 with location and range", func(t *testing.T, c *client) {
			location := c.startUpload("a")
			c.patchUpload(location, "01234", 0).want(t, 202)
			c.do("GET", location, "").want(t, 204, "Range", "0-4", "Location", location).wantBody(t, "")
		}},
		{anchor, "the digest of the closing PUT must be that of the whole blob", func(t *testing.T, c *client) {
			first := c.patchUpload(c.startUpload("a"), "01234", 0).want(t, 202)
			c.do("PUT", first.Header.Get("Location")+"?digest="+digestOf("567"), "567").wantCodes(t, 400, "DIGEST_INVALID")
		}},
		{anchor, "a PATCH without a range is a stream", func(t *testing.T, c *client) {
			req, err := http.NewRequestWithContext(t.Context(), "PATCH", c.base+c.startUpload("a"), struct{ io.Reader }{strings.NewReader("streamed")})
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 202 || resp.Header.Get("Range") != "0-7" {
				t.Fatalf("%s, range %s", resp.Status, resp.Header.Get("Range"))
			}
			c.do("PUT", resp.Header.Get("Location")+"?digest="+digestOf("streamed"), "").want(t, 201)
		}},
		{anchor, "a blob with a sha512 digest can be uploaded in chunks", func(t *testing.T, c *client) {
			dgst := digest.SHA512.FromString("01234567").String()
			first := c.patchUpload(c.startUpload("a"), "01234", 0).want(t, 202)
			c.do("PUT", first.Header.Get("Location")+"?digest="+dgst, "567").want(t, 201)
			c.do("GET", "/v2/a/blobs/"+dgst, "").want(t, 200).wantBody(t, "01234567")
		}},
		{anchor, "an unknown session returns 404", func(t *testing.T, c *client) {
			for _, method := range []string{"GET", "PATCH", "DELETE"} {
				c.do(method, "/v2/a/blobs/uploads/nope", "").wantCodes(t, 404, "BLOB_UPLOAD_UNKNOWN")
			}
		}},
		{anchor, "a session can be cancelled", func(t *testing.T, c *client) {
			location := c.startUpload("a")
			c.do("DELETE", location, "").want(t, 204)
			c.do("GET", location, "").wantCodes(t, 404, "BLOB_UPLOAD_UNKNOWN")
		}},
	})
}

func TestConformanceMounting(t *testing.T) {
	const anchor = "mounting-a-blob-from-another-repository"
	checkRules(t, []rule{
		{anchor, "a successful mount returns 201 with a blob location", func(t *testing.T, c *client) {
			blob := c.pushBlob("b", []byte("x"))
			c.do("POST", "/v2/a/blobs/uploads/?mount="+blob.Digest.String()+"&from=b", "").
				want(t, 201, "Location", "/v2/a/blobs/"+blob.Digest.String(), "Docker-Content-Digest", blob.Digest.String())
			c.do("GET", "/v2/a/blobs/"+blob.Digest.String(), "").want(t, 200).wantBody(t, "x")
		}},
		{anchor, "a mount that fails opens a session", func(t *testing.T, c *client) {
			c.pushBlob("b", []byte("x"))
			for _, query := range []string{"mount=" + digestOf("y") + "&from=b", "mount=" + digestOf("x") + "&from=nope", "mount=" + digestOf("y")} {
				resp := c.do("POST", "/v2/a/blobs/uploads/?"+query, "").want(t, 202)
				c.do("PUT", resp.Header.Get("Location")+"?digest="+digestOf("z"), "z").want(t, 201)
			}
			if c.reg.HasBlob("a", digest.FromString("x")) {
				t.Error("a blob was mounted from a repository other than from")
			}
		}},
		{anchor, "from may be omitted", func(t *testing.T, c *client) {
			blob := c.pushBlob("b", []byte("x"))
			c.do("POST", "/v2/a/blobs/uploads/?mount="+blob.Digest.String(), "").want(t, 201)
		}},
		{anchor, "an invalid digest returns 400", func(t *testing.T, c *client) {
			c.do("POST", "/v2/a/blobs/uploads/?mount=nope&from=b", "").wantCodes(t, 400, "DIGEST_INVALID")
		}},
	})
}
