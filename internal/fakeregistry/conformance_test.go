package fakeregistry_test

import (
	"testing"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// rule is one normative statement of the distribution specification, with a check for it. anchor
// names its section:
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#anchor
type rule struct {
	anchor    string
	statement string
	check     func(t *testing.T, c *client)
}

// checkRules checks each rule against a new registry, over a socket and through RoundTrip.
func checkRules(t *testing.T, rules []rule, opts ...fakeregistry.Option) {
	t.Helper()
	t.Parallel()
	for _, r := range rules {
		t.Run(r.anchor+"/"+r.statement, func(t *testing.T) {
			t.Parallel()
			overBothTransports(t, opts, r.check)
		})
	}
}

func TestConformanceBase(t *testing.T) {
	checkRules(t, []rule{
		{"determining-support", "GET of the base path returns 200", func(t *testing.T, c *client) {
			c.do("GET", "/v2/", "").want(t, 200, "Docker-Distribution-Api-Version", "registry/2.0", "Content-Type", "application/json")
			c.do("HEAD", "/v2/", "").want(t, 200).wantBody(t, "")
		}},
		{"determining-support", "the base path without its trailing slash redirects", func(t *testing.T, c *client) {
			c.do("GET", "/v2", "").want(t, 301, "Location", "/v2/")
		}},
		{"error-codes", "a json error body contains errors with code, message and detail", func(t *testing.T, c *client) {
			c.reg.PutBlob("a", nil)
			c.do("GET", "/v2/a/manifests/nope", "").
				want(t, 404, "Content-Type", "application/json").
				wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"nope"}}]}`+"\n")
		}},
		{"error-codes", "an invalid repository name returns NAME_INVALID", func(t *testing.T, c *client) {
			for _, name := range invalidNames() {
				c.do("GET", "/v2/"+name+"/manifests/v1", "").wantCodes(t, 400, "NAME_INVALID")
				c.do("GET", "/v2/"+name+"/tags/list", "").wantCodes(t, 400, "NAME_INVALID")
				c.do("DELETE", "/v2/"+name+"/manifests/v1", "").wantCodes(t, 400, "NAME_INVALID")
				c.do("POST", "/v2/"+name+"/blobs/uploads/", "").wantCodes(t, 400, "NAME_INVALID")
			}
		}},
		{"error-codes", "a repository that does not exist returns NAME_UNKNOWN", func(t *testing.T, c *client) {
			for _, path := range []string{"manifests/v1", "tags/list", "manifests/" + absentDigest, "blobs/" + absentDigest} {
				c.do("GET", "/v2/nope/"+path, "").wantCodes(t, 404, "NAME_UNKNOWN")
			}
			for _, path := range []string{"manifests/v1", "manifests/" + absentDigest, "blobs/" + absentDigest} {
				c.do("DELETE", "/v2/nope/"+path, "").wantCodes(t, 404, "NAME_UNKNOWN")
			}
		}},
		{"error-codes", "an unsupported operation returns UNSUPPORTED", func(t *testing.T, c *client) {
			c.do("POST", "/v2/a/manifests/v1", "").want(t, 405, "Allow", "DELETE, GET, HEAD, PUT").wantCodes(t, 405, "UNSUPPORTED")
			c.do("PUT", "/v2/a/tags/list", "").want(t, 405, "Allow", "GET, HEAD").wantCodes(t, 405, "UNSUPPORTED")
			c.do("PATCH", "/v2/a/blobs/"+absentDigest, "").wantCodes(t, 405, "UNSUPPORTED")
			c.do("DELETE", "/v2/a/tags/list", "").wantCodes(t, 405, "UNSUPPORTED")
			c.do("BREW", "/v2/", "").wantCodes(t, 405, "UNSUPPORTED")
		}},
		{"endpoints", "a path that is not an endpoint returns 404", func(t *testing.T, c *client) {
			for _, path := range []string{"/", "/v1/", "/v2/a", "/v2/a/b", "/v2/a/tags/other", "/v2/a/manifests/", "/v2/a/blobs/"} {
				c.do("GET", path, "").want(t, 404).wantBody(t, "404 page not found\n")
			}
		}},
		{"endpoints", "names may contain the words that paths consist of", func(t *testing.T, c *client) {
			for _, name := range []string{"manifests", "a/manifests", "blobs/uploads", "tags/list/tags", "referrers/blobs", "v2"} {
				image := c.reg.PutImage(name, "x", "v1")
				c.do("GET", "/v2/"+name+"/manifests/v1", "").want(t, 200, "Docker-Content-Digest", image.Digest.String())
				c.do("GET", "/v2/"+name+"/tags/list", "").want(t, 200).wantBody(t, `{"name":"`+name+`","tags":["v1"]}`+"\n")
				c.pushBlob(name, []byte("blob"))
				c.do("GET", "/v2/"+name+"/referrers/"+image.Digest.String(), "").want(t, 200)
			}
		}},
	})
}
