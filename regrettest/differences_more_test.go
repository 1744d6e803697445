package regrettest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/regrettest"
)

func lostTag(connect connector) error {
	c := connect()
	image := c.reg.PutImage("a", regrettest.Image{}, "1", "3", "4")
	resp := c.do("GET", "/v2/a/tags/list?n=5&last=2", "")
	return errors.Join(expect("tags", resp.tags(), []string{"4"}), expect("stored", c.reg.HasManifest("a", image.Digest), true))
}

func malformedDigest(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "v1")
	return c.do("DELETE", "/v2/a/manifests/sha256:abc", "").status(500, "UNKNOWN")
}

// overwriteRemoves checks that a push to a tag removes what the tag pointed to.
func overwriteRemoves(connect connector) error {
	c := connect()
	old := c.reg.PutImage("a", regrettest.Image{}, "v1")
	c.pushManifest("a", "v1", c.image("a", "new", nil)).want(http.StatusCreated)
	return expect("old", c.reg.HasManifest("a", old.Digest), false)
}

func unknownLast(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "1", "3")
	return c.do("GET", "/v2/a/tags/list?n=5&last=2", "").status(404, "")
}

func headOfLists(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "v1")
	return errors.Join(c.do("HEAD", "/v2/", "").status(405, ""), c.do("HEAD", "/v2/a/tags/list", "").status(405, ""), c.do("HEAD", "/v2/_catalog", "").status(405, ""))
}

func unknownRepository(status int, code string) difference {
	return func(connect connector) error {
		return connect().do("DELETE", "/v2/nope/manifests/"+absent.String(), "").status(status, code)
	}
}

func emptyList(connect connector) error {
	resp := connect().do("GET", "/v2/nope/tags/list", "")
	return errors.Join(resp.status(200, ""), expect("body", resp.body, `{"name":"nope","tags":[]}`))
}

// firstChild checks that a request for the tag of an index gets the image that it lists.
func firstChild(connect connector) error {
	c := connect()
	image := c.reg.PutImage("a", regrettest.Image{})
	c.reg.PutIndex("a", []ocispec.Descriptor{image}, "v1")
	resp := c.do("GET", "/v2/a/manifests/v1", "", "Accept", ocispec.MediaTypeImageManifest)
	return errors.Join(resp.status(200, ""), expect("digest", resp.Header.Get("Docker-Content-Digest"), image.Digest.String()))
}

func missing(status int, code string) difference {
	return func(connect connector) error {
		c := connect()
		c.reg.PutImage("a", regrettest.Image{}, "v1")
		return errors.Join(
			c.do("GET", "/v2/a/manifests/v2", "").status(status, code),
			c.do("DELETE", "/v2/a/manifests/"+absent.String(), "").status(status, code))
	}
}

// forbidden checks the response to a user who may only pull.
func forbidden(status int) difference {
	return func(connect connector) error {
		c := connect(regrettest.WithBasicAuth("ann", "secret", regrettest.Grant{Repository: "*", Actions: []string{"pull"}}))
		image := c.reg.PutImage("a", regrettest.Image{}, "v1")
		return c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "", "Authorization", basic("ann", "secret")).status(status, "")
	}
}

// lastTagTakes checks that a manifest is no longer served when its last tag is deleted.
func lastTagTakes(how string) difference {
	return func(connect connector) error {
		c := connect()
		raw := c.image("a", "x", nil)
		if how == "pushed by digest" {
			c.pushManifest("a", digestOf(raw), raw).want(http.StatusCreated)
		}
		c.pushManifest("a", "v1", raw).want(http.StatusCreated)
		c.do("DELETE", "/v2/a/manifests/v1", "").want(http.StatusAccepted)
		return c.do("GET", "/v2/a/manifests/"+digestOf(raw), "", "Accept", "*/*").status(404, "")
	}
}

func pushToDelete(connect connector) error {
	c := connect(regrettest.WithTokenAuth("ann", "secret"))
	challenge := c.do("DELETE", "/v2/a/manifests/v1", "").Header.Get("WWW-Authenticate")
	token := c.do("GET", "/token?service=registry&scope=repository:a:delete", "", "Authorization", basic("ann", "secret"))
	return errors.Join(
		expect("challenge "+challenge, strings.Contains(challenge, `scope="repository:a:pull,push"`), true),
		token.status(400, ""))
}

func layersGo(connect connector) error {
	c := connect()
	image := c.reg.PutImage("a", regrettest.Image{Layers: []string{"x"}}, "v1")
	c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(http.StatusAccepted)
	return expect("layer", c.reg.HasBlob("a", digest.FromString("x")), false)
}

func sameTag(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "Latest")
	return c.do("GET", "/v2/a/manifests/latest", "").status(200, "")
}

func headMissing(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "v1")
	return errors.Join(c.do("GET", "/v2/a/manifests/v1", "").status(200, ""), c.do("HEAD", "/v2/a/manifests/v1", "").status(404, ""))
}

// tagsStay checks that the tags of a deleted manifest are still listed, and what they then serve.
func tagsStay(want string) difference {
	return func(connect connector) error {
		c := connect()
		image := c.reg.PutImage("a", regrettest.Image{}, "v1")
		c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(http.StatusAccepted)
		return errors.Join(
			expect("tags", c.do("GET", "/v2/a/tags/list", "").tags(), []string{"v1"}),
			expect("tag", fmt.Sprint(c.do("GET", "/v2/a/manifests/v1", "").StatusCode), want))
	}
}

func thousandTags(connect connector) error {
	c := connect()
	image := c.reg.PutImage("a", regrettest.Image{})
	for i := range 1001 {
		c.reg.SetTag("a", fmt.Sprint(i), image.Digest)
	}
	resp := c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "")
	return errors.Join(
		resp.status(400, "MANIFEST_TAGS"), expect("link", resp.Header.Get("Link") != "", true), expect("tags left", len(c.reg.Tags("a")), 1))
}

func plainErrors(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "v1")
	resp := c.do("GET", "/v2/a/manifests/v2", "")
	return errors.Join(resp.status(404, "MANIFEST_UNKNOWN"), expect("type", strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"), true))
}

func pullLimit(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "v1")
	for range 100 {
		if err := c.do("GET", "/v2/a/manifests/v1", "").status(200, ""); err != nil {
			return err
		}
	}
	return errors.Join(c.do("HEAD", "/v2/a/manifests/v1", "").status(200, ""), c.do("GET", "/v2/a/manifests/v1", "").status(429, ""))
}

func googleList(connect connector) error {
	c := connect()
	image := c.reg.PutImage("a", regrettest.Image{Created: monday}, "1", "2", "3")
	resp := c.do("GET", "/v2/a/tags/list?n=2", "")
	return errors.Join(
		expect("tags", len(resp.tags()), 3),
		expect("manifest", strings.Contains(resp.body, image.Digest.String()), true),
		expect("time", strings.Contains(resp.body, fmt.Sprintf(`"timeUploadedMs":"%d"`, monday.UnixMilli())), true))
}
