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

// difference checks one Difference of a profile.
type difference func(connector) error

// differenceChecks returns the checks by the name of the profile, in the order of its Differences.
func differenceChecks() map[string][]difference {
	anyLink := func(link string) bool { return link != "" }
	hundred := pages(150, "?n=1000", 100, anyLink)
	hiddenImage := hidden(map[string]int{"image": 404, "index": 200})
	referrersGone := referrersGo("")
	return map[string][]difference{
		"distribution-2.8": {
			deletes("v1", 400, "DIGEST_INVALID"), converted, pages(150, "?n=10", 150, func(link string) bool { return link == "" }),
			layerDelete, noReferrersAPI, collects("garbage-collect --delete-untagged", true, map[string]bool{"index": true, "child": false}),
		},
		"distribution-3":   {hiddenImage, noReferrersAPI},
		"distribution-3.0": {hiddenImage, noReferrersAPI, lostTag, malformedDigest},
		"zot": {
			deletes("child", 405, "DENIED"), overwriteRemoves, unknownLast, headOfLists, unknownRepository(400, "NAME_UNKNOWN"),
			collects("", false, map[string]bool{"child": false}),
		},
		"olareg": {all(hidden(map[string]int{"image": 404, "index": 404}), firstChild), emptyList, pages(2, "?n=1", 1, isUnquoted), collectsReferrers},
		"harbor": {deletes("v1", 400, "UNSUPPORTED"), childrenGo, referrersGo("signed"), deletes("child", 412, "VIOLATE_FOREIGN_KEY_CONSTRAINT"), missing(404, "NOT_FOUND"), forbidden(401)},
		"quay":   {deletes("untagged", 404, "MANIFEST_UNKNOWN"), lastTagTakes("pushed by tag"), pages(150, "?n=1000", 100, isAbsolute), pushToDelete},
		"gitlab": {deletes("child", 409, "MANIFEST_REFERENCED")},
		"gitea":  {lastTagTakes("pushed by tag"), overwriteRemoves, layersGo, sameTag, pages(2, "?n=2", 2, anyLink), noReferrersAPI},
		"nexus":  {headMissing, tagsStay("404")},
		"artifactory": {func(connect connector) error {
			c := connect(regrettest.WithDeleteDisabled())
			image := c.reg.PutImage("a", regrettest.Image{}, "v1")
			resp := c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "")
			return errors.Join(resp.status(406, ""), expect("error", strings.Contains(resp.body, `"code"`), false))
		}},
		"cloudflare":           {pages(60, "", 50, func(link string) bool { return strings.HasPrefix(link, "/v2/") }), thousandTags},
		"keppel":               {hidden(map[string]int{"image": 406, "index": 307}), deletes("child", 409, "DENIED")},
		"go-containerregistry": {tagsStay("200"), plainErrors, noReferrersAPI},
		"docker-hub":           {deletes("v1", 405, ""), deletes("tagged", 403, ""), deletes("child", 403, ""), pullLimit, hundred},
		"docker-hub-2023":      {deletes("tagged", 405, "UNSUPPORTED"), hundred},
		"ghcr":                 {deletes("v1", 405, "UNSUPPORTED"), noReferrersAPI},
		"google": {
			deletes("tagged", 400, "GOOGLE_MANIFEST_DANGLING_TAG"), deletes("child", 400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"),
			referrersGone, googleList,
		},
		"ecr": {lastTagTakes("pushed by digest"), deletes("child", 400, ""), hundred},
		"acr": {referrersGone, func(connect connector) error {
			c := connect(regrettest.WithImmutableTags("v1"))
			c.reg.PutImage("a", regrettest.Image{}, "v1")
			return c.do("DELETE", "/v2/a/manifests/v1", "").status(405, "REGISTRY_DISALLOWED_OPERATION")
		}},
	}
}

// all makes one check of several.
func all(checks ...difference) difference {
	return func(connect connector) error {
		var errs []error
		for _, check := range checks {
			errs = append(errs, check(connect))
		}
		return errors.Join(errs...)
	}
}

func isUnquoted(link string) bool { return strings.HasSuffix(link, "rel=next") }
func isAbsolute(link string) bool { return strings.HasPrefix(link, "<https://") }

// deletes checks the response to a DELETE of the tag v1, of a tagged or untagged image by its digest,
// or of a child of an index.
func deletes(what string, status int, code string) difference {
	return func(connect connector) error {
		c := connect()
		untagged := c.reg.PutImage("a", regrettest.Image{Layers: []string{"untagged"}})
		tagged := c.reg.PutImage("a", regrettest.Image{Layers: []string{"tagged"}}, "v1")
		child := c.reg.PutImage("a", regrettest.Image{Layers: []string{"child"}})
		c.reg.PutIndex("a", []ocispec.Descriptor{child}, "index")
		reference, ok := map[string]digest.Digest{"untagged": untagged.Digest, "tagged": tagged.Digest, "child": child.Digest}[what]
		if !ok {
			reference = digest.Digest(what)
		}
		return errors.Join(
			c.do("DELETE", "/v2/a/manifests/"+reference.String(), "").status(status, code),
			expect("still there", []bool{c.reg.HasManifest("a", untagged.Digest), c.reg.HasManifest("a", tagged.Digest), c.reg.HasManifest("a", child.Digest)},
				[]bool{true, true, true}))
	}
}

// hidden checks the responses to requests for the tags image and index that accept other types.
func hidden(want map[string]int) difference {
	return func(connect connector) error {
		c := connect()
		image := c.reg.PutImage("a", regrettest.Image{}, "image")
		c.reg.PutIndex("a", []ocispec.Descriptor{image}, "index")
		accept := map[string]string{"image": "application/json", "index": ocispec.MediaTypeImageManifest}
		if want["index"] == 404 {
			accept["index"] = "application/json"
		}
		var errs []error
		for tag, status := range want {
			errs = append(errs, c.do("GET", "/v2/a/manifests/"+tag, "", "Accept", accept[tag]).status(status, ""))
		}
		return errors.Join(errs...)
	}
}

func converted(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{}, "oci")
	image := c.reg.PutImage("a", regrettest.Image{Docker: true}, "docker")
	resp := c.do("GET", "/v2/a/manifests/docker", "")
	return errors.Join(
		c.do("GET", "/v2/a/manifests/oci", "").status(404, "MANIFEST_UNKNOWN"),
		expect("schema 1", strings.Contains(resp.body, `"schemaVersion": 1`), true),
		expect("stored", c.reg.HasManifest("a", image.Digest), true))
}

// pages checks how many of n tags the first page has, and its Link.
func pages(n int, query string, want int, link func(string) bool) difference {
	return func(connect connector) error {
		c := connect()
		image := c.reg.PutImage("a", regrettest.Image{})
		for i := range n {
			c.reg.SetTag("a", fmt.Sprint(i), image.Digest)
		}
		resp := c.do("GET", "/v2/a/tags/list"+query, "")
		return errors.Join(expect("tags", len(resp.tags()), want), expect("link "+resp.Header.Get("Link"), link(resp.Header.Get("Link")), true))
	}
}

func layerDelete(connect connector) error {
	c := connect()
	c.reg.PutImage("a", regrettest.Image{Layers: []string{"x"}}, "v1")
	return errors.Join(
		c.do("DELETE", "/v2/a/manifests/"+digestOf("x"), "").status(202, ""),
		expect("layer", c.reg.HasBlob("a", digest.FromString("x")), false))
}

func noReferrersAPI(connect connector) error {
	c := connect()
	image := c.reg.PutImage("a", regrettest.Image{}, "v1")
	c.reg.PutReferrer("a", image, "a/b", "x")
	return c.do("GET", "/v2/a/referrers/"+image.Digest.String(), "").status(404, "")
}

// collects checks what is left of an index and its child after a collection of garbage, with the
// index still there or not.
func collects(collector string, keepIndex bool, want map[string]bool) difference {
	return func(connect connector) error {
		c := connect()
		child := c.reg.PutImage("a", regrettest.Image{})
		index := c.reg.PutIndex("a", []ocispec.Descriptor{child}, "v1")
		if !keepIndex {
			c.do("DELETE", "/v2/a/manifests/"+index.Digest.String(), "").want(http.StatusAccepted)
		}
		got := map[string]bool{"child": c.reg.HasManifest("a", child.Digest)}
		if err := errors.Join(expect("before", got["child"], true), c.reg.CollectGarbage(collector)); err != nil {
			return err
		}
		got["child"] = c.reg.HasManifest("a", child.Digest)
		if keepIndex {
			got["index"] = c.reg.HasManifest("a", index.Digest)
		}
		return expect("left", got, want)
	}
}

func collectsReferrers(connect connector) error {
	c := connect()
	// Pushed, not put, because olareg remembers how a manifest was found when it was pushed.
	raw := c.image("a", "x", nil)
	c.pushManifest("a", "v1", raw).want(201)
	subject := describe(ocispec.MediaTypeImageManifest, raw)
	referrer := c.image("a", "y", &subject)
	c.pushManifest("a", digestOf(referrer), referrer).want(201)
	c.do("DELETE", "/v2/a/manifests/"+digestOf(raw), "").want(202)
	return errors.Join(
		expect("before", c.reg.HasManifest("a", digest.FromString(referrer)), true),
		c.reg.CollectGarbage(""),
		expect("after", c.reg.HasManifest("a", digest.FromString(referrer)), false))
}

// referrersGo checks that a referrer goes with its subject, also one that has a tag if tag is not
// empty.
func referrersGo(tag string) difference {
	return func(connect connector) error {
		c := connect()
		image := c.reg.PutImage("a", regrettest.Image{})
		referrer := c.reg.PutReferrer("a", image, "a/b", "x")
		if tag != "" {
			c.reg.SetTag("a", tag, referrer.Digest)
		}
		c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(http.StatusAccepted)
		return expect("referrer", c.reg.HasManifest("a", referrer.Digest), false)
	}
}

func childrenGo(connect connector) error {
	c := connect()
	untagged, tagged := c.reg.PutImage("a", regrettest.Image{Layers: []string{"x"}}), c.reg.PutImage("a", regrettest.Image{Layers: []string{"y"}}, "v1")
	index := c.reg.PutIndex("a", []ocispec.Descriptor{untagged, tagged})
	c.do("DELETE", "/v2/a/manifests/"+index.Digest.String(), "").want(http.StatusAccepted)
	return expect("left", []bool{c.reg.HasManifest("a", untagged.Digest), c.reg.HasManifest("a", tagged.Digest)}, []bool{false, true})
}
