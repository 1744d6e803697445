package fakeregistry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// listTags requests a page of tags and returns it with the Link to the next page.
func (c *client) listTags(path string) ([]string, string) {
	c.t.Helper()
	resp := c.do("GET", path, "").want(c.t, 200, "Content-Type", "application/json")
	return unmarshal[tagList](c.t, resp.body).Tags, resp.Header.Get("Link")
}

// wantTags checks a page of tags and its Link.
func wantTags(t *testing.T, c *client, path string, want []string, link string) {
	t.Helper()
	got, next := c.listTags(path)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	if diff := cmp.Diff(link, next); diff != "" {
		t.Errorf("%s: Link (-want +got):\n%s", path, diff)
	}
}

func TestConformanceListingTags(t *testing.T) {
	const anchor, list = "listing-tags", "/v2/team/app/tags/list"
	seed := func(c *client) { c.reg.PutImage("team/app", "x", "d", "b", "a", "c", "e") }
	checkRules(t, []rule{
		{anchor, "an existing repository returns 200 with name and tags", func(t *testing.T, c *client) {
			c.reg.PutImage("team/app", "x", "v1")
			c.do("GET", list, "").want(t, 200).wantBody(t, `{"name":"team/app","tags":["v1"]}`+"\n")
		}},
		{anchor, "the list may be empty", func(t *testing.T, c *client) {
			c.reg.PutImage("team/app", "x")
			c.do("GET", list, "").want(t, 200).wantBody(t, `{"name":"team/app","tags":[]}`+"\n")
		}},
		{anchor, "tags are in lexical order that ignores case", func(t *testing.T, c *client) {
			c.reg.PutImage("team/app", "x", "b", "B2", "a10", "A1", "C", "10", "9", "_x", "B")
			wantTags(t, c, list, []string{"10", "9", "_x", "A1", "a10", "B", "b", "B2", "C"}, "")
		}},
		{anchor, "n limits the number of tags", func(t *testing.T, c *client) {
			seed(c)
			wantTags(t, c, list+"?n=2", []string{"a", "b"}, `</v2/team/app/tags/list?last=b&n=2>; rel="next"`)
			wantTags(t, c, list+"?n=5", []string{"a", "b", "c", "d", "e"}, "")
			wantTags(t, c, list+"?n=99999", []string{"a", "b", "c", "d", "e"}, "")
		}},
		{anchor, "n=0 returns an empty list without a link", func(t *testing.T, c *client) {
			seed(c)
			wantTags(t, c, list+"?n=0", []string{}, "")
			wantTags(t, c, list+"?n=0&last=b", []string{}, "")
		}},
		{anchor, "an n that is not a number returns 400", func(t *testing.T, c *client) {
			seed(c)
			for _, n := range []string{"-1", "x", "", "1.5", "99999999999999999999"} {
				c.do("GET", list+"?n="+n, "").wantCodes(t, 400, "PAGINATION_NUMBER_INVALID")
			}
		}},
		{anchor, "the list starts after last", func(t *testing.T, c *client) {
			seed(c)
			wantTags(t, c, list+"?n=2&last=b", []string{"c", "d"}, `</v2/team/app/tags/list?last=d&n=2>; rel="next"`)
			wantTags(t, c, list+"?n=2&last=d", []string{"e"}, "")
			wantTags(t, c, list+"?n=2&last=e", []string{}, "")
		}},
		{anchor, "last works without n", func(t *testing.T, c *client) {
			seed(c)
			wantTags(t, c, list+"?last=c", []string{"d", "e"}, "")
		}},
		{anchor, "last may name a deleted tag", func(t *testing.T, c *client) {
			seed(c)
			c.do("DELETE", "/v2/team/app/manifests/b", "").want(t, 202)
			wantTags(t, c, list+"?n=2&last=b", []string{"c", "d"}, `</v2/team/app/tags/list?last=d&n=2>; rel="next"`)
			wantTags(t, c, list+"?last=zz", []string{}, "")
		}},
		{anchor, "a list reflects all changes before the request", func(t *testing.T, c *client) {
			image := c.reg.PutImage("team/app", "x", "a")
			c.reg.PutImage("team/app", "y", "b", "d")
			wantTags(t, c, list, []string{"a", "b", "d"}, "")
			c.reg.SetTag("team/app", "c", image.Digest)
			wantTags(t, c, list, []string{"a", "b", "c", "d"}, "")
			c.do("DELETE", "/v2/team/app/manifests/b", "").want(t, 202)
			wantTags(t, c, list, []string{"a", "c", "d"}, "")
			c.do("DELETE", "/v2/team/app/manifests/"+image.Digest.String(), "").want(t, 202)
			wantTags(t, c, list, []string{"d"}, "")
		}},
		{anchor, "following the links returns every tag once", func(t *testing.T, c *client) {
			c.reg.PutImage("team/app", "x", "B", "b", "a", "A", "c", "C", "_", "0")
			for _, n := range []string{"1", "2", "3", "8"} {
				var all []string
				for path := list + "?n=" + n; path != ""; {
					tags, link := c.listTags(path)
					all = append(all, tags...)
					path = ""
					if link != "" {
						path = link[1 : len(link)-len(`>; rel="next"`)]
					}
				}
				if diff := cmp.Diff([]string{"0", "_", "A", "a", "B", "b", "C", "c"}, all); diff != "" {
					t.Errorf("n=%s (-want +got):\n%s", n, diff)
				}
			}
		}},
	})
}

func TestCatalogListsRepositoriesInPages(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		c.do("GET", "/v2/_catalog", "").want(t, 200).wantBody(t, `{"repositories":[]}`+"\n")
		for _, name := range []string{"b", "a/c", "a"} {
			c.reg.PutImage(name, "x", "v1")
		}
		c.do("GET", "/v2/_catalog", "").want(t, 200).wantBody(t, `{"repositories":["a","a/c","b"]}`+"\n")
		c.do("GET", "/v2/_catalog?n=2", "").want(t, 200, "Link", `</v2/_catalog?last=a%2Fc&n=2>; rel="next"`).
			wantBody(t, `{"repositories":["a","a/c"]}`+"\n")
		c.do("GET", "/v2/_catalog?last=a%2Fc&n=2", "").want(t, 200, "Link", "").wantBody(t, `{"repositories":["b"]}`+"\n")
	})
}

func TestConformanceListingReferrers(t *testing.T) {
	const anchor = "listing-referrers"
	list := func(t *testing.T, c *client, path string) []ocispec.Descriptor {
		t.Helper()
		resp := c.do("GET", path, "").want(t, 200, "Content-Type", ocispec.MediaTypeImageIndex)
		index := unmarshal[ocispec.Index](t, resp.body)
		if index.SchemaVersion != 2 || index.MediaType != ocispec.MediaTypeImageIndex || index.Manifests == nil {
			t.Errorf("not an index: %s", resp.body)
		}
		return index.Manifests
	}
	checkRules(t, []rule{
		{anchor, "no referrers are an empty list, never 404", func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			for _, path := range []string{"/v2/a/referrers/" + absentDigest, "/v2/nope/referrers/" + absentDigest} {
				if got := list(t, c, path); len(got) != 0 {
					t.Errorf("%s: %v, want none", path, got)
				}
			}
		}},
		{anchor, "an invalid digest returns 400", func(t *testing.T, c *client) {
			for _, dgst := range append(invalidDigests(), "v1") {
				c.do("GET", "/v2/a/referrers/"+dgst, "").wantCodes(t, 400, "DIGEST_INVALID")
			}
		}},
		{anchor, "each descriptor has the artifact type and the annotations", func(t *testing.T, c *client) {
			subject := c.pushManifest("a", "v1", ocispec.MediaTypeImageManifest, c.imageManifest("a", "x", nil))
			note := map[string]string{"k": "v"}
			typed := c.imageManifest("a", "1", func(m *ocispec.Manifest) { m.Subject, m.ArtifactType, m.Annotations = &subject, "a/sbom", note })
			byConfig := c.imageManifest("a", "2", func(m *ocispec.Manifest) { m.Subject, m.Config.MediaType = &subject, "a/config" })
			index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Subject: &subject, Manifests: []ocispec.Descriptor{}, Annotations: note}
			index.SchemaVersion = 2
			plain := marshal(t, index)
			index.ArtifactType = "a/index"
			typedIndex := marshal(t, index)

			want := []ocispec.Descriptor{
				describe(ocispec.MediaTypeImageManifest, typed), describe(ocispec.MediaTypeImageManifest, byConfig),
				describe(ocispec.MediaTypeImageIndex, plain), describe(ocispec.MediaTypeImageIndex, typedIndex),
			}
			for i, raw := range [][]byte{typed, byConfig, plain, typedIndex} {
				c.pushManifest("a", want[i].Digest.String(), want[i].MediaType, raw)
			}
			want[0].ArtifactType, want[0].Annotations = "a/sbom", note
			want[1].ArtifactType = "a/config"
			want[2].Annotations = note
			want[3].ArtifactType, want[3].Annotations = "a/index", note
			if diff := cmp.Diff(want, list(t, c, "/v2/a/referrers/"+subject.Digest.String())); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
		}},
		{anchor, "the response names the filter that was applied", func(t *testing.T, c *client) {
			subject := c.reg.PutImage("a", "x", "v1")
			sbom := c.reg.PutReferrer("a", subject, "application/sbom", "1")
			c.reg.PutReferrer("a", subject, "application/sig", "2")
			path := "/v2/a/referrers/" + subject.Digest.String()
			c.do("GET", path, "").want(t, 200, "OCI-Filters-Applied", "")
			c.do("GET", path+"?artifactType=application%2Fsbom", "").want(t, 200, "OCI-Filters-Applied", "artifactType")
			got := list(t, c, path+"?artifactType=application%2Fsbom")
			if len(got) != 1 || got[0].Digest != sbom.Digest || got[0].ArtifactType != "application/sbom" {
				t.Errorf("filtered: %v, want %v", got, sbom)
			}
			if got := list(t, c, path+"?artifactType=other"); len(got) != 0 {
				t.Errorf("filtered by another type: %v, want none", got)
			}
		}},
		{anchor, "referrers of a missing subject are listed, only in their own repository", func(t *testing.T, c *client) {
			referrer := c.reg.PutReferrer("a", ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: absentDigest, Size: 1}, "t", "1")
			c.reg.PutImage("b", "x")
			if got := list(t, c, "/v2/a/referrers/"+absentDigest); len(got) != 1 || got[0].Digest != referrer.Digest {
				t.Errorf("got %v, want %v", got, referrer)
			}
			if got := list(t, c, "/v2/b/referrers/"+absentDigest); len(got) != 0 {
				t.Errorf("in another repository: %v", got)
			}
		}},
		{"enabling-the-referrers-api", "a deleted referrer is not listed, and a deleted subject keeps its referrers", func(t *testing.T, c *client) {
			subject := c.reg.PutImage("a", "x", "v1")
			gone := c.reg.PutReferrer("a", subject, "t", "1")
			stays := c.reg.PutReferrer("a", subject, "t", "2")
			c.do("DELETE", "/v2/a/manifests/"+gone.Digest.String(), "").want(t, 202)
			c.do("DELETE", "/v2/a/manifests/"+subject.Digest.String(), "").want(t, 202)
			if got := list(t, c, "/v2/a/referrers/"+subject.Digest.String()); len(got) != 1 || got[0].Digest != stays.Digest {
				t.Errorf("got %v, want %v", got, stays)
			}
		}},
	})
}
