package fakeregistry_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func distributionDeviations() []deviation {
	dist2, dist3, dist30 := fakeregistry.Distribution2(), fakeregistry.Distribution3(), fakeregistry.Distribution30()
	const unsupported = "The operation is unsupported."
	return []deviation{
		{"treats a tag as a malformed digest", dist2, nil, wantRefusal("DELETE manifests/v1", 400, errorDocument("DIGEST_INVALID", "provided digest did not match uploaded content"))},
		{"refuses deletion if it is disabled", dist2, fakeregistry.WithDeleteDisabled(), wantRefusal("DELETE manifests/<v1>", 405, errorDocument("UNSUPPORTED", unsupported))},
		{"refuses deletion in read-only mode", dist2, fakeregistry.WithReadOnly(), wantRefusal("DELETE manifests/<v1>", 405, "Method not allowed\n", "Allow", "GET, HEAD", "Content-Type", "text/plain; charset=utf-8")},
		{"refuses deletion as a pull-through cache", dist2, fakeregistry.WithPullThrough(), wantRefusal("DELETE manifests/<v1>", 405, errorDocument("UNSUPPORTED", unsupported))},
		{"refuses a push as a pull-through cache", dist2, fakeregistry.WithPullThrough(), wantRefusal("PUT manifests/v3", 405, errorDocument("UNSUPPORTED", unsupported))},
		{"has no referrers API", dist2, nil, wantRefusal("GET referrers/<v1>", 404, "404 page not found\n")},
		{"leaves tags behind if the client disconnects", dist2, fakeregistry.WithSlowUntag(time.Minute), func(t *testing.T, c *client) {
			synctest.Test(t, func(t *testing.T) {
				image := c.reg.PutImage("a", "x", "v1")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "DELETE", c.base+"/v2/a/manifests/"+image.Digest.String(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp, err := c.reg.RoundTrip(req); err == nil {
					t.Errorf("a response arrived: %s", resp.Status)
				}
				synctest.Wait()
				if _, tagged := c.reg.Tag("a", "v1"); !tagged || c.reg.HasManifest("a", image.Digest) {
					t.Error("want the tag without its manifest")
				}
				other := c.reg.PutImage("a", "y", "v2")
				start := time.Now()
				resp, err := c.reg.RoundTrip(newRequest(t, "DELETE", c.base+"/v2/a/manifests/"+other.Digest.String()))
				if err != nil || resp.StatusCode != 202 || time.Since(start) != time.Minute {
					t.Errorf("%v %v after %s", resp, err, time.Since(start))
				}
				if _, tagged := c.reg.Tag("a", "v2"); tagged {
					t.Error("the tag was left behind although the client waited")
				}
			})
		}},

		{"deletes a tag without its manifest", dist3, nil, func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202).wantBody(t, "")
			if len(c.reg.Tags("a")) != 1 || !c.reg.HasManifest("a", image.Digest) {
				t.Errorf("tags %v", c.reg.Tags("a"))
			}
		}},
		{"names the path in storage when a missing tag is deleted", dist3, nil, wantRefusal("DELETE manifests/nope", 404,
			`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":"filesystem: Path not found: /docker/registry/v2/repositories/a/_manifests/tags/nope"}]}`+"\n", "Content-Type", "application/json")},
		{"names the tag when a missing tag is read", dist3, nil, wantRefusal("GET manifests/nope", 404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":"unknown tag=nope"}]}`+"\n")},
		{"does not delete a blob by a manifest request", dist3, nil, wantRefusal("DELETE manifests/<blob>", 404, errorDocument("MANIFEST_UNKNOWN", "manifest unknown"))},
		{"rejects a malformed digest", dist3, nil, wantRefusal("DELETE manifests/sha256:abc", 400,
			`{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content","detail":"invalid checksum digest length"}]}`+"\n")},
		{"serves an index without Accept but not an image", dist3, nil, func(t *testing.T, c *client) {
			c.reg.PutIndex("a", []string{"x"}, "multi")
			c.reg.PutImage("a", "x", "v1")
			c.do("GET", "/v2/a/manifests/multi", "").want(t, 200)
			c.do("GET", "/v2/a/manifests/v1", "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{"lists tags in pages with a relative link", dist3, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b", "c")
			wantTags(t, c, "/v2/a/tags/list?n=2", []string{"a", "b"}, `</v2/a/tags/list?last=b&n=2>; rel="next"`)
			wantTags(t, c, "/v2/a/tags/list?last=aa&n=2", []string{"b", "c"}, "")
		}},
		{"lists no tags as an empty list, or as null in 3.1.1", dist3, nil, func(t *testing.T, c *client) {
			for body, overlays := range map[string][]fakeregistry.Option{`{"name":"a","tags":[]}`: nil, `{"name":"a","tags":null}`: {fakeregistry.WithNullTags()}} {
				reg := dist3.New(overlays...)
				reg.PutImage("a", "x", "v1")
				emptied := newClient(t, reg, c.base, reg)
				emptied.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202)
				emptied.do("GET", "/v2/a/tags/list", "").want(t, 200).wantBody(t, body+"\n")
			}
		}},
		{"returns 202 with errors if a tag is left behind", dist3, fakeregistry.WithUntagFailure("v2"), func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").wantCodes(t, 202, "UNKNOWN")
			if _, left := c.reg.Tag("a", "v2"); !left || len(c.reg.Tags("a")) != 1 || c.reg.HasManifest("a", image.Digest) {
				t.Errorf("left: %v", c.reg.Tags("a"))
			}
		}},

		{"skips a tag after a deleted last", dist30, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b", "c")
			wantTags(t, c, "/v2/a/tags/list?last=aa&n=2", []string{"c"}, "")
			wantTags(t, c, "/v2/a/tags/list?last=a&n=2", []string{"b", "c"}, "")
			wantTags(t, c, "/v2/a/tags/list?last=z&n=2", []string{}, "")
		}},
		{"treats a malformed digest as a tag", dist30, nil, wantRefusal("DELETE manifests/sha256:abc", 500,
			`{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":"filesystem: invalid path: /docker/registry/v2/repositories/a/_manifests/tags/sha256:abc"}]}`+"\n")},
	}
}

func selfHostedDeviations() []deviation {
	zot, olareg, harbor, quay := fakeregistry.Zot(), fakeregistry.Olareg(), fakeregistry.Harbor(), fakeregistry.Quay()
	return []deviation{
		{"refuses to delete a child of an index", zot, nil, wantRefusal("DELETE manifests/<child>", 405, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied",`+
			`"detail":{"description":"The access controller denied access for the operation on a resource.","reference":"<child>"}}]}`+"\n",
			"Docker-Distribution-Api-Version", "", "Content-Type", "application/json")},
		{"returns 400 for a deletion in an unknown repository", zot, nil, wantRefusal("DELETE /v2/nope/manifests/<absent>", 400, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry",`+
			`"detail":{"description":"This is returned if the name used during an operation is unknown to the registry.","name":"nope"}}]}`+"\n")},
		{"returns 404 for a read from an unknown repository", zot, nil, func(t *testing.T, c *client) {
			c.do("GET", "/v2/nope/manifests/v1", "").wantCodes(t, 404, "NAME_UNKNOWN")
			c.do("GET", "/v2/nope/tags/list", "").wantCodes(t, 404, "NAME_UNKNOWN")
		}},
		{"returns 404 for a page after an unknown tag", zot, nil, wantRefusal("GET tags/list?last=nope", 404, "")},
		{"throttles without Retry-After", zot, fakeregistry.WithThrottledDeletes(1), wantRefusal("DELETE manifests/v1", 429, "Too Many Requests",
			"Content-Type", "text/plain; charset=utf-8", "Retry-After", "", "Ratelimit-Limit", "2", "Ratelimit-Remaining", "0", "Ratelimit-Reset", "1", "X-Rate-Limit-Duration", "1")},
		{"removes an index and its children when its last tag is overwritten", zot, nil, func(t *testing.T, c *client) {
			index := c.reg.PutIndex("a", []string{"x", "y"}, "multi", "held")
			x, y, other := c.reg.PutImage("a", "x"), c.reg.PutImage("a", "y", "kept"), c.reg.PutImage("a", "z")
			raw := c.do("GET", "/v2/a/manifests/"+other.Digest.String(), "").want(t, 200).body
			for _, step := range []struct {
				tag  string
				want []bool // whether the index, its untagged child and its tagged child exist then
			}{{"multi", []bool{true, true, true}}, {"held", []bool{false, false, true}}} {
				c.do("PUT", "/v2/a/manifests/"+step.tag, raw, "Content-Type", other.MediaType).want(t, 201)
				got := []bool{c.reg.HasManifest("a", index.Digest), c.reg.HasManifest("a", x.Digest), c.reg.HasManifest("a", y.Digest)}
				if !slices.Equal(got, step.want) {
					t.Errorf("after %s was overwritten: %v, want %v", step.tag, got, step.want)
				}
			}
		}},
		{"returns 400 without a body for an n that is not a number", zot, nil, wantRefusal("GET tags/list?n=x", 400, "")},
		{"does not serve HEAD of anything but content", zot, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			for _, path := range []string{"/v2/", "/v2/a/tags/list", "/v2/_catalog"} {
				c.do("HEAD", path, "").want(t, 405)
				c.do("GET", path, "").want(t, 200)
			}
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200, "Etag", "")
		}},
		{"links from a catalog that is complete, without escaping", zot, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("b/c", "x", "v1")
			c.do("GET", "/v2/_catalog?n=5", "").want(t, 200, "Link", `</v2/_catalog?last=b/c&n=1>; rel="next"`)
			c.do("GET", "/v2/_catalog?n=5&last=b/c", "").want(t, 200, "Link", "")
		}},
		{"protects a blob that is in use, and refuses a manifest whose blobs are missing", zot, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			unused := c.reg.PutBlob("a", []byte("unused"))
			c.do("DELETE", "/v2/a/blobs/"+digestOf("x"), "").wantCodes(t, 405, "DENIED")
			c.do("DELETE", "/v2/a/blobs/"+unused.Digest.String(), "").want(t, 202)
			raw := c.do("GET", "/v2/a/manifests/v1", "").want(t, 200).body
			c.do("PUT", "/v2/other/manifests/v1", raw, "Content-Type", "application/vnd.oci.image.manifest.v1+json").wantCodes(t, 400, "MANIFEST_INVALID")
		}},
		{"refuses to delete a digest with two tags if it detects collisions", zot, fakeregistry.WithCollisionDetection(), func(t *testing.T, c *client) {
			two, one := c.reg.PutImage("a", "x", "v1", "v2"), c.reg.PutImage("a", "y", "w1")
			c.do("DELETE", "/v2/a/manifests/"+two.Digest.String(), "").wantCodes(t, 409, "MANIFEST_INVALID")
			c.do("DELETE", "/v2/a/manifests/"+one.Digest.String(), "").want(t, 202)
		}},
		{"lists nothing for anonymous clients with an anonymous policy", zot, zot.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			reg := zot.New(zot.WithUser("user", "password", "*"), fakeregistry.WithAnonymousPolicy())
			reg.PutImage("a", "x", "v1")
			c = newClient(t, reg, c.base, reg)
			c.do("GET", "/v2/", "").want(t, 200, "WWW-Authenticate", `Basic realm="zot"`)
			c.do("GET", "/v2/_catalog", "").want(t, 200).wantBody(t, `{"repositories":[]}`+"\n")
			c.do("GET", "/v2/_catalog", "", "Authorization", userBasicAuth).want(t, 200).wantBody(t, `{"repositories":["a"]}`+"\n")
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 401)
		}},
		{"sends a bare object with 401", zot, zot.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 401, "WWW-Authenticate", `Basic realm="zot"`).wantBody(t, `{"code":"UNAUTHORIZED","message":"authentication required",`+
				`"detail":{"description":"The access controller was unable to authenticate the client."}}`+"\n")
		}},
		{"sends a challenge with 403", zot, zot.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			c.do("DELETE", "/v2/a/manifests/v1", "", "Authorization", userBasicAuth).want(t, 403, "WWW-Authenticate", `Basic realm="zot"`).wantCodes(t, 403, "DENIED")
		}},

		{"sends a detail in read-only mode, as plain text", olareg, fakeregistry.WithReadOnly(), wantRefusal("DELETE manifests/v1", 403,
			`{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":"repository is read-only"}]}`+"\n", "Content-Type", "text/plain; charset=utf-8")},
		{"sends plain text if deletion is disabled", olareg, fakeregistry.WithDeleteDisabled(), wantRefusal("DELETE manifests/<v1>", 405,
			`{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported","detail":"method not allowed"}]}`+"\n", "Allow", "", "Etag", "", "Content-Type", "text/plain; charset=utf-8")},
		{"reports an unknown repository like an unknown manifest", harbor, nil, wantRefusal("GET /v2/nope/manifests/v1", 404, errorDocument("NOT_FOUND", "artifact nope:v1 not found"))},
		{"returns 404 for the tags of an unknown repository", harbor, nil, wantRefusal("GET /v2/nope/tags/list", 404, errorDocument("NOT_FOUND", "repository nope not found"))},
		{"lists no tags for an unknown repository", olareg, nil, wantRefusal("GET /v2/nope/tags/list", 200, `{"name":"nope","tags":[]}`)},
		{"ends an empty list of referrers with a newline", olareg, nil, wantRefusal("GET referrers/<absent>", 200, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`+"\n")},
		{"lists no referrers as null in 0.1", olareg, fakeregistry.WithNullReferrers(), wantRefusal("GET referrers/<absent>", 200, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null}`+"\n")},
		{"does not quote the rel of a link", olareg, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b")
			c.do("GET", "/v2/a/tags/list?n=1", "").want(t, 200, "Link", "</v2/a/tags/list?last=a&n=1>; rel=next", "Etag", "").wantBody(t, `{"name":"a","tags":["a"]}`)
		}},

		{"refuses to delete by tag", harbor, nil, wantRefusal("DELETE manifests/v1", 400, errorDocument("UNSUPPORTED", "unsupported digest v1: invalid checksum digest format"),
			"Content-Type", "application/json; charset=utf-8")},
		{"refuses to delete a child of an index", harbor, nil, wantRefusal("DELETE manifests/<child>", 412, errorDocument("VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others"))},
		{"refuses to delete a manifest with an immutable tag", harbor, fakeregistry.WithImmutableTags("v1"), wantRefusal("DELETE manifests/<v1>", 412, errorDocument("PRECONDITION", "the tag v1 configured as immutable, cannot be deleted"))},
		{"refuses deletion in read-only mode", harbor, fakeregistry.WithReadOnly(), wantRefusal("DELETE manifests/<v1>", 403, errorDocument("DENIED", "The system is in read only mode. Any modification is prohibited."))},
		{"reports a missing manifest as NOT_FOUND", harbor, nil, wantRefusal("DELETE manifests/<absent>", 404, errorDocument("NOT_FOUND", "artifact a@<absent> not found"))},
		{"reports a missing tag as NOT_FOUND", harbor, nil, wantRefusal("GET manifests/nope", 404, errorDocument("NOT_FOUND", "artifact a:nope not found"))},
		{"deletes the untagged children and the referrers of an index", harbor, nil, func(t *testing.T, c *client) {
			index := c.reg.PutIndex("a", []string{"x", "y"}, "multi")
			tagged := c.reg.PutImage("a", "y", "kept")
			untagged := c.reg.PutImage("a", "x")
			signature := c.reg.PutReferrer("a", index, "application/vnd.example.signature", "signed")
			c.do("DELETE", "/v2/a/manifests/"+index.Digest.String(), "").want(t, 202)
			if c.reg.HasManifest("a", untagged.Digest) || c.reg.HasManifest("a", signature.Digest) || !c.reg.HasManifest("a", tagged.Digest) {
				t.Error("want the untagged child and the signature deleted, but not the tagged child")
			}
		}},
		{"sends a Bearer challenge and accepts Basic credentials", harbor, harbor.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 401, "WWW-Authenticate",
				`Bearer realm="https://registry.example.com/token",service="registry",scope="repository:a:delete"`)
			c.do("GET", "/v2/a/manifests/v1", "", "Authorization", userBasicAuth).want(t, 200)
			c.do("DELETE", "/v2/a/manifests/v1", "", "Authorization", userBasicAuth).want(t, 401, "WWW-Authenticate", `Basic realm="harbor"`).
				wantBody(t, errorDocument("UNAUTHORIZED", "unauthorized to access repository: a, action: delete: unauthorized to access repository: a, action: delete"))
		}},

		{"refuses to delete an untagged manifest", quay, nil, func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x")
			c.do("GET", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 200)
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 404).wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","detail":{},"message":"manifest unknown"}]}`+"\n")
		}},
		{"reports a deleted tag as TAG_EXPIRED", quay, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202)
			c.do("GET", "/v2/a/manifests/v1", "").wantCodes(t, 404, "TAG_EXPIRED")
			c.do("GET", "/v2/a/manifests/nope", "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{"refuses to delete an immutable tag", quay, fakeregistry.WithImmutableTags("v1"), wantRefusal("DELETE manifests/v1", 409,
			`{"errors":[{"code":"TAG_IMMUTABLE","detail":{"message":"tag 'v1' is immutable"},"message":"tag is immutable and cannot be overwritten"}]}`+"\n")},
		{"refuses deletion in read-only mode", quay, fakeregistry.WithReadOnly(), wantRefusal("DELETE manifests/v1", 405, `{"errors":[{"code":"DENIED","detail":{},"is_readonly":true,`+
			`"message":"System is currently read-only. Pulls will succeed but all write operations are currently suspended."}]}`+"\n")},
		{"requires push access for a deletion", quay, quay.WithUser("user", "password", "pull", "delete"), func(t *testing.T, c *client) {
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 401, "WWW-Authenticate",
				`Bearer realm="https://registry.example.com/token",service="registry",scope="repository:a:pull,push"`)
			c.do("GET", "/token?scope=repository:a:pull,delete", "", "Authorization", userBasicAuth).want(t, 400).
				wantBody(t, `{"errors":[{"code":"INVALID_REQUEST","detail":{},"message":"Unable to decode repository and actions: repository:a:pull,delete"}]}`+"\n")
		}},
		{"sends error documents with sorted keys", quay, nil, wantRefusal("DELETE manifests/sha256:12", 400,
			`{"errors":[{"code":"DIGEST_INVALID","detail":{},"message":"provided digest did not match uploaded content"}]}`+"\n")},
		{"omits the error from the challenge for a rejected token", quay, quay.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			resp := c.do("GET", "/token?scope=repository:a:pull&service=registry", "", "Authorization", userBasicAuth).want(t, 200)
			token := unmarshal[struct{ Token string }](t, resp.body).Token
			c.do("DELETE", "/v2/a/manifests/v1", "", "Authorization", "Bearer "+token).want(t, 401, "WWW-Authenticate",
				`Bearer realm="https://registry.example.com/token",service="registry",scope="repository:a:pull,push"`)
		}},
		{"lists at most 100 tags a page, with an absolute link", quay, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", tags101()...)
			resp := c.do("GET", "/v2/a/tags/list?n=1000", "").want(t, 200, "Link", `<https://registry.example.com/v2/a/tags/list?last=t99&n=100>; rel="next"`)
			if tags := unmarshal[tagList](t, resp.body).Tags; len(tags) != 100 {
				t.Errorf("%d tags", len(tags))
			}
		}},
	}
}
