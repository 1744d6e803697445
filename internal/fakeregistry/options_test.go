package fakeregistry_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// optionTest is an option with a check for the deviation that it causes.
type optionTest struct {
	name  string
	opt   fakeregistry.Option
	check func(t *testing.T, c *client)
}

func TestOptionsImitateRegistries(t *testing.T) {
	t.Parallel()
	for _, o := range slices.Concat(authOptions(), refusalOptions(), contentOptions(), listOptions()) {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			overBothTransports(t, []fakeregistry.Option{o.opt}, o.check)
		})
	}
}

func authOptions() []optionTest {
	return []optionTest{
		{"basic auth returns 401 with a challenge unless user and password are correct", fakeregistry.WithBasicAuth("user", "pass"), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			for _, path := range []string{"/v2/", "/v2/a/manifests/v1", "/v2/a/tags/list"} {
				for _, header := range [][]string{nil, {"Authorization", "Basic dXNlcjp3cm9uZw=="}, {"Authorization", "Bearer x"}} {
					c.do("GET", path, "", header...).want(t, 401, "WWW-Authenticate", `Basic realm="registry"`).wantCodes(t, 401, "UNAUTHORIZED")
				}
				c.do("GET", path, "", "Authorization", "Basic dXNlcjpwYXNz").want(t, 200)
			}
		}},
		{"basic auth is checked before everything else", fakeregistry.WithBasicAuth("user", "pass"), func(t *testing.T, c *client) {
			c.do("DELETE", "/v2/nope/manifests/"+absentDigest, "").wantCodes(t, 401, "UNAUTHORIZED")
			c.do("POST", "/v2/a/blobs/uploads/?mount="+absentDigest, "").wantCodes(t, 401, "UNAUTHORIZED")
		}},
	}
}

func refusalOptions() []optionTest {
	return []optionTest{
		{"disabled deletion returns 405 UNSUPPORTED and deletes nothing", fakeregistry.WithDeleteDisabled(), func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			for _, ref := range []string{"v1", "nope", image.Digest.String(), absentDigest} {
				c.do("DELETE", "/v2/a/manifests/"+ref, "").want(t, 405, "Allow", "").
					wantBody(t, `{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}`+"\n")
			}
			if tag, ok := c.reg.Tag("a", "v1"); !ok || tag != image.Digest || !c.reg.HasManifest("a", image.Digest) {
				t.Error("something was deleted")
			}
		}},
		{"read-only mode returns 405 in plain text for every write", fakeregistry.WithReadOnly(), func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			for _, request := range []string{"DELETE manifests/v1", "DELETE manifests/" + image.Digest.String(), "PUT manifests/v2", "POST blobs/uploads/", "DELETE blobs/" + digestOf("x")} {
				method, path, _ := strings.Cut(request, " ")
				c.do(method, "/v2/a/"+path, "").
					want(t, 405, "Allow", "GET, HEAD", "Content-Type", "text/plain; charset=utf-8").wantBody(t, "Method not allowed\n")
			}
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
		}},
		{"without tag deletion every tag is an invalid digest, existing or not", fakeregistry.WithoutTagDelete(), func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			for _, ref := range []string{"v1", "nope", "sha256:abc"} {
				c.do("DELETE", "/v2/a/manifests/"+ref, "").want(t, 400).
					wantBody(t, `{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}`+"\n")
			}
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
		}},
		{"deleting a manifest by the digest of a blob deletes the blob", fakeregistry.WithBlobDigestDelete(), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/"+digestOf("x"), "").want(t, 202)
			c.do("HEAD", "/v2/a/blobs/"+digestOf("x"), "").want(t, 404)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
			c.do("DELETE", "/v2/a/manifests/"+digestOf("x"), "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{"deleting a child returns 405 DENIED until its index is deleted", fakeregistry.WithChildProtection(), func(t *testing.T, c *client) {
			index := c.reg.PutIndex("a", []string{"x", "y"}, "v1")
			child := c.reg.PutImage("a", "x", "child")
			c.do("DELETE", "/v2/a/manifests/"+child.Digest.String(), "").wantCodes(t, 405, "DENIED")
			c.do("DELETE", "/v2/a/manifests/child", "").want(t, 202)
			c.do("DELETE", "/v2/a/manifests/"+index.Digest.String(), "").want(t, 202)
			c.do("DELETE", "/v2/a/manifests/"+child.Digest.String(), "").want(t, 202)
		}},
	}
}

func contentOptions() []optionTest {
	return []optionTest{
		{"a schema2 image without its type in accept is served as a schema1 manifest that is not stored", fakeregistry.WithSchema1Conversion(), func(t *testing.T, c *client) {
			image := c.reg.PutDockerImage("a", "x", "v1")
			for _, accept := range []string{"", "*/*", "application/json", mediaTypeDockerList} {
				for _, method := range []string{"HEAD", "GET"} {
					resp := c.do(method, "/v2/a/manifests/v1", "", "Accept", accept).want(t, 200, "Content-Type", mediaTypeSchema1Signed)
					foreign := resp.Header.Get("Docker-Content-Digest")
					if foreign == image.Digest.String() {
						t.Error("the converted manifest has the digest of the original")
					}
					c.do("GET", "/v2/a/manifests/"+foreign, "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
					c.do("DELETE", "/v2/a/manifests/"+foreign, "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
				}
			}
			for _, accept := range []string{mediaTypeDockerManifest, "text/plain," + mediaTypeDockerManifest + ";q=0.1"} {
				c.do("HEAD", "/v2/a/manifests/v1", "", "Accept", accept).
					want(t, 200, "Content-Type", mediaTypeDockerManifest, "Docker-Content-Digest", image.Digest.String())
			}
			c.do("HEAD", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 200, "Content-Type", mediaTypeDockerManifest)
		}},
		{"a schema2 image that cannot be converted returns 400", fakeregistry.WithSchema1Conversion(), func(t *testing.T, c *client) {
			c.reg.PutManifest("a", "v1", mediaTypeDockerManifest, []byte(`{"schemaVersion":2,"config":{"digest":"`+absentDigest+`"}}`))
			c.reg.PutManifest("a", "v2", mediaTypeDockerManifest, []byte(`{"schemaVersion":2}`))
			for _, tag := range []string{"v1", "v2"} {
				c.do("GET", "/v2/a/manifests/"+tag, "").wantCodes(t, 400, "MANIFEST_INVALID")
			}
		}},
		{"an oci manifest without its type in accept returns 404", fakeregistry.WithOCIHiddenWithoutAccept(), func(t *testing.T, c *client) {
			image, index := c.reg.PutImage("a", "x", "image"), c.reg.PutIndex("a", []string{"x"}, "index")
			for ref, message := range map[string]string{
				"image": "OCI manifest found, but accept header does not support OCI manifests", image.Digest.String(): "OCI manifest found, but accept header does not support OCI manifests",
				"index": "OCI index found, but accept header does not support OCI indexes", index.Digest.String(): "OCI index found, but accept header does not support OCI indexes",
			} {
				c.do("GET", "/v2/a/manifests/"+ref, "", "Accept", "*/*").want(t, 404).
					wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"`+message+`"}]}`+"\n")
				c.do("GET", "/v2/a/manifests/"+ref, "", "Accept", ocispec.MediaTypeImageManifest, "Accept", ocispec.MediaTypeImageIndex).want(t, 200)
			}
			c.do("GET", "/v2/a/manifests/nope", "").want(t, 404).
				wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"nope"}}]}`+"\n")
		}},
		{"a list without its type in accept is served as its linux/amd64 child", fakeregistry.WithChildForMissingListAccept(), func(t *testing.T, c *client) {
			list := c.reg.PutDockerList("a", []string{"x", "y"}, "v1")
			child := c.reg.PutDockerImage("a", "x")
			for _, method := range []string{"HEAD", "GET"} {
				c.do(method, "/v2/a/manifests/v1", "", "Accept", mediaTypeDockerManifest).
					want(t, 200, "Docker-Content-Digest", child.Digest.String(), "Content-Type", mediaTypeDockerManifest)
			}
			c.do("HEAD", "/v2/a/manifests/v1", "", "Accept", mediaTypeDockerList).want(t, 200, "Docker-Content-Digest", list.Digest.String())
			c.do("HEAD", "/v2/a/manifests/"+list.Digest.String(), "").want(t, 200, "Docker-Content-Digest", list.Digest.String())
			c.do("DELETE", "/v2/a/manifests/"+child.Digest.String(), "").want(t, 202)
			c.do("GET", "/v2/a/manifests/v1", "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
			c.reg.PutDockerList("a", nil, "empty")
			c.do("GET", "/v2/a/manifests/empty", "").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		}},
		{"without the digest header no response has a digest", fakeregistry.WithoutDigestHeader(), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			for _, path := range []string{"manifests/v1", "blobs/" + digestOf("x")} {
				for _, method := range []string{"HEAD", "GET"} {
					c.do(method, "/v2/a/"+path, "").want(t, 200, "Docker-Content-Digest", "")
				}
			}
		}},
		{"HEAD of a manifest returns the given status", fakeregistry.WithHeadStatus(405), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 405, "Docker-Content-Digest", "")
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
			c.do("HEAD", "/v2/a/blobs/"+digestOf("x"), "").want(t, 200)
		}},
	}
}

func listOptions() []optionTest {
	const list = "/v2/a/tags/list"
	return []optionTest{
		{"an empty list of tags is null", fakeregistry.WithNullTags(), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x")
			c.do("GET", list, "").want(t, 200).wantBody(t, `{"name":"a","tags":null}`+"\n")
			c.do("GET", list+"?n=0", "").want(t, 200).wantBody(t, `{"name":"a","tags":null}`+"\n")
		}},
		{"without paging every response has all tags, unsorted", fakeregistry.WithoutPaging(), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b", "c")
			for _, query := range []string{"", "?n=1", "?last=c", "?n=x", "?n=0"} {
				wantTags(t, c, list+query, []string{"c", "b", "a"}, "")
			}
			c.reg.PutImage("b", "x")
			c.do("GET", "/v2/b/tags/list", "").want(t, 200).wantBody(t, `{"name":"b","tags":[]}`+"\n")
		}},
		{"a page cap limits every page and links to the next", fakeregistry.WithPageCap(2), func(t *testing.T, c *client) {
			subject := c.reg.PutImage("a", "x", "a", "b", "c")
			for _, query := range []string{"", "?n=1000"} {
				wantTags(t, c, list+query, []string{"a", "b"}, `</v2/a/tags/list?last=b&n=2>; rel="next"`)
			}
			wantTags(t, c, list+"?n=1", []string{"a"}, `</v2/a/tags/list?last=a&n=1>; rel="next"`)
			wantTags(t, c, list+"?last=b&n=2", []string{"c"}, "")
			var want, got []string
			for _, content := range []string{"1", "2", "3"} {
				want = append(want, c.reg.PutReferrer("a", subject, "t", content).Digest.String())
			}
			for path := "/v2/a/referrers/" + subject.Digest.String() + "?artifactType=t"; path != ""; {
				resp := c.do("GET", path, "").want(t, 200, "OCI-Filters-Applied", "artifactType")
				for _, d := range unmarshal[ocispec.Index](t, resp.body).Manifests {
					got = append(got, d.Digest.String())
				}
				link := resp.Header.Get("Link")
				path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
		}},
		{"a maximum of the page size refuses more as distribution does", fakeregistry.WithMaxSize(2, fakeregistry.SizeRefusedByCode), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b", "c")
			for _, path := range []string{list, "/v2/_catalog"} {
				c.do("GET", path+"?n=3", "").want(t, 400).
					wantBody(t, `{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid number of results requested","detail":{"n":3}}]}`+"\n")
				c.do("GET", path+"?n=2", "").want(t, 200)
			}
			wantTags(t, c, list, []string{"a", "b", "c"}, "")
		}},
		{"a maximum of the page size refuses more as Quay does", fakeregistry.WithMaxSize(100, fakeregistry.SizeRefusedByQuay), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a")
			c.do("GET", list+"?n=1000", "").want(t, 413).
				wantBody(t, `{"errors":[{"code":"TOO_MANY_TAGS_REQUESTED","message":"Too many tags requested; requested limit 1000 is too high, max is 100","detail":{}}]}`+"\n")
		}},
		{"a maximum of the page size refuses more as ECR does", fakeregistry.WithMaxSize(100, fakeregistry.SizeRefusedByECR), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a")
			c.do("GET", list+"?n=1000", "").wantCodes(t, 405, "UNSUPPORTED")
		}},
		{"extra tags are listed in order and cannot be read", fakeregistry.WithExtraTags("-b", "sha256:1"), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "z")
			wantTags(t, c, list, []string{"-b", "a", "sha256:1", "z"}, "")
			wantTags(t, c, list+"?last=a&n=1", []string{"sha256:1"}, `</v2/a/tags/list?last=sha256%3A1&n=1>; rel="next"`)
		}},
		{"a link may have an inner path", fakeregistry.WithLinkForm(fakeregistry.LinkInnerPath), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b")
			wantTags(t, c, list+"?n=1", []string{"a"}, "<"+c.base+`/repository/docker-hosted/v2/a/tags/list?last=a&n=1>; rel="next"`)
		}},
		{"a link may lack the port", fakeregistry.WithLinkForm(fakeregistry.LinkWithoutPort), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b")
			base := c.base
			if i := strings.LastIndexByte(base, ':'); i > len("https") {
				base = base[:i]
			}
			wantTags(t, c, list+"?n=1", []string{"a"}, "<"+base+`/v2/a/tags/list?last=a&n=1>; rel="next"`)
		}},
		{"a link may lack the first component of the repository", fakeregistry.WithLinkForm(fakeregistry.LinkWithoutPrefix), func(t *testing.T, c *client) {
			c.reg.PutImage("docker/team/a", "x", "a", "b")
			wantTags(t, c, "/v2/docker/team/a/tags/list?n=1", []string{"a"}, `</v2/team/a/tags/list?last=a&n=1>; rel="next"`)
			c.reg.PutImage("a", "x", "a", "b")
			wantTags(t, c, list+"?n=1", []string{"a"}, `</v2/a/tags/list?last=a&n=1>; rel="next"`)
		}},
		{"without the referrers api its path returns 404 and subjects are not acknowledged", fakeregistry.WithoutReferrersAPI(), func(t *testing.T, c *client) {
			subject := c.reg.PutImage("a", "x", "v1")
			c.do("GET", "/v2/a/referrers/"+subject.Digest.String(), "").
				want(t, 404, "Content-Type", "text/plain; charset=utf-8").wantBody(t, "404 page not found\n")
			raw := c.imageManifest("a", "y", func(m *ocispec.Manifest) { m.Subject = &subject })
			c.do("PUT", "/v2/a/manifests/sig", string(raw), "Content-Type", ocispec.MediaTypeImageManifest).want(t, 201, "OCI-Subject", "")
		}},
	}
}

func TestDistribution2CombinesOptions(t *testing.T) {
	t.Parallel()
	overBothTransports(t, []fakeregistry.Option{fakeregistry.WithDistribution2()}, func(t *testing.T, c *client) {
		const charset = "application/json; charset=utf-8"
		docker := c.reg.PutDockerImage("a", "x", "docker")
		list := c.reg.PutDockerList("a", []string{"x"}, "list")
		c.reg.PutImage("a", "x", "oci")
		c.do("GET", "/v2/", "").want(t, 200, "Content-Type", charset)
		c.do("HEAD", "/v2/a/manifests/docker", "").want(t, 200, "Content-Type", mediaTypeSchema1Signed)
		c.do("HEAD", "/v2/a/manifests/list", "").want(t, 200, "Content-Type", mediaTypeSchema1Signed)
		c.do("HEAD", "/v2/a/manifests/list", "", "Accept", mediaTypeDockerManifest).want(t, 200, "Docker-Content-Digest", docker.Digest.String())
		c.do("HEAD", "/v2/a/manifests/oci", "").want(t, 404)
		c.do("DELETE", "/v2/a/manifests/docker", "").want(t, 400, "Content-Type", charset).wantCodes(t, 400, "DIGEST_INVALID")
		c.do("GET", "/v2/a/referrers/"+absentDigest, "").want(t, 404).wantBody(t, "404 page not found\n")
		wantAll := unmarshal[tagList](t, c.do("GET", "/v2/a/tags/list?n=1", "").want(t, 200, "Link", "", "Content-Type", charset).body)
		if len(wantAll.Tags) != 3 {
			t.Errorf("tags %v, want all", wantAll.Tags)
		}

		// Details that have no option of their own.
		c.do("GET", "/v2/nope/manifests/v1", "").want(t, 404).
			wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"v1"}}]}`+"\n")
		c.do("DELETE", "/v2/nope/manifests/"+absentDigest, "").want(t, 404).
			wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`+"\n")
		c.do("GET", "/v2/nope/blobs/"+absentDigest, "").wantCodes(t, 404, "BLOB_UNKNOWN")
		c.do("DELETE", "/v2/nope/blobs/"+absentDigest, "").wantCodes(t, 404, "BLOB_UNKNOWN")
		c.do("GET", "/v2/a/manifests/"+digestOf("x"), "").wantCodes(t, 500, "UNKNOWN")
		c.do("GET", "/v2/a/manifests/sha256:abc", "").wantCodes(t, 500, "UNKNOWN")
		c.do("GET", "/v2/A/tags/list", "").want(t, 404).wantBody(t, "404 page not found\n")
		c.do("GET", "/v2/a/manifests/-v1", "").want(t, 404).wantBody(t, "404 page not found\n")
		c.do("GET", "/v2/_catalog?n=1001", "").wantCodes(t, 400, "PAGINATION_NUMBER_INVALID")
		c.reg.PutImage("untagged", "x")
		c.do("GET", "/v2/untagged/tags/list", "").wantCodes(t, 404, "NAME_UNKNOWN")
		raw := string(c.imageManifest("a", "y", nil))
		c.do("PUT", "/v2/a/manifests/"+digest.SHA512.FromString(raw).String(), raw, "Content-Type", ocispec.MediaTypeImageManifest).wantCodes(t, 400, "DIGEST_INVALID")
		c.do("POST", "/v2/b/blobs/uploads/?mount="+digestOf("x"), "").want(t, 202)

		for _, dgst := range []digest.Digest{list.Digest, docker.Digest, digest.FromString("x")} {
			c.do("DELETE", "/v2/a/manifests/"+dgst.String(), "").want(t, 202)
			c.do("DELETE", "/v2/a/manifests/"+dgst.String(), "").want(t, 404).
				wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`+"\n")
		}
		for _, dgst := range c.reg.Tags("a") {
			c.do("DELETE", "/v2/a/manifests/"+dgst.String(), "").want(t, 202)
		}
		c.do("GET", "/v2/a/tags/list", "").want(t, 200).wantBody(t, `{"name":"a","tags":null}`+"\n")
	})
}

// schema1 is a schema1 manifest as a client parses it.
type schema1 struct {
	Name, Tag, Architecture string
	FSLayers                []struct{ BlobSum digest.Digest }
	History                 []struct{ V1Compatibility string }
	Signatures              []struct{ Protected string }
}

func TestConvertedManifestsAreSchema1(t *testing.T) {
	t.Parallel()
	c := newRoundTripClient(t, fakeregistry.WithSchema1Conversion())
	c.reg.PutDockerImage("team/app", "layer", "v1")
	resp := c.do("GET", "/v2/team/app/manifests/v1", "").want(t, 200)
	got := unmarshal[schema1](t, resp.body)
	if got.Name != "team/app" || got.Tag != "v1" || got.Architecture != "amd64" || len(got.Signatures) != 1 ||
		len(got.FSLayers) != 1 || got.FSLayers[0].BlobSum != digest.FromString("layer") || len(got.History) != 1 {
		t.Errorf("converted: %+v", got)
	}
	var compatibility map[string]any
	if err := json.Unmarshal([]byte(got.History[0].V1Compatibility), &compatibility); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"architecture", "config", "created", "id", "os"}, slices.Sorted(maps.Keys(compatibility))); diff != "" {
		t.Errorf("v1Compatibility (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(resp.Header.Get("Docker-Content-Digest"), digest.FromBytes(schema1Payload(t, resp.body)).String()); diff != "" {
		t.Errorf("digest (-header +payload):\n%s", diff)
	}
}
