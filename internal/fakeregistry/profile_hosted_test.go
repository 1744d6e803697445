package fakeregistry_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// userBasicAuth is the Authorization header field for "user" and "password".
const userBasicAuth = "Basic dXNlcjpwYXNzd29yZA=="

// tags101 returns 101 tags, one more than fit on a page of 100.
func tags101() []string {
	tags := []string{"z"}
	for i := range 100 {
		tags = append(tags, fmt.Sprintf("t%02d", i))
	}
	return tags
}

func newRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func hostedDeviations() []deviation {
	hub, google, acr := fakeregistry.DockerHub(), fakeregistry.Google(), fakeregistry.ACR()
	return []deviation{
		{"refuses to delete by tag", hub, nil, wantRefusal("DELETE manifests/v1", 405, errorDocument("UNSUPPORTED", "Only digest-based deletion is allowed"))},
		{"refuses to delete a tagged manifest", hub, nil, wantRefusal("DELETE manifests/<v1>", 403, errorDocument("DENIED", "manifest is still tagged or referenced by another image"))},
		{"refuses to delete a child of an index", hub, nil, wantRefusal("DELETE manifests/<child>", 403, errorDocument("DENIED", "manifest is still tagged or referenced by another image"))},
		{"returns 500 for a deletion in the background", hub, fakeregistry.WithBackgroundDelete(), func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 500)
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 404)
		}},
		{"limits pulls", hub, fakeregistry.WithPullLimit(1), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200, "Ratelimit-Limit", "1;w=21600", "Ratelimit-Remaining", "1;w=21600")
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200, "Ratelimit-Remaining", "0;w=21600")
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 429, "Content-Type", "application/json").
				wantBody(t, `{"message":"toomanyrequests: You have reached your pull rate limit."}`+"\n")
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200)
		}},
		{"deletes by tag only", fakeregistry.DockerHub2023(), nil, func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").wantCodes(t, 405, "UNSUPPORTED")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202)
		}},
		{"refuses every deletion", fakeregistry.GHCR(), nil, wantRefusal("DELETE manifests/<v1>", 405, errorDocument("UNSUPPORTED", "The operation is unsupported."))},
		{"refuses to delete a tagged manifest", google, nil, wantRefusal("DELETE manifests/<v1>", 400, errorDocument("GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by tag: v1"), "Server", "Docker Registry")},
		{"refuses to delete a child of an index", google, nil, wantRefusal("DELETE manifests/<child>", 400,
			errorDocument("GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", "Manifest is still referenced by one or more parent images"))},
		{"lists manifests together with tags", google, nil, func(t *testing.T, c *client) {
			image := c.reg.PutManifest("a", "", ocispec.MediaTypeImageManifest, []byte("x"))
			c.reg.SetTag("a", "latest", image.Digest)
			c.do("GET", "/v2/a/tags/list?n=1", "").want(t, 200).wantBody(t, `{"child":[],"manifest":{"`+image.Digest.String()+
				`":{"imageSizeBytes":"1","layerId":"","mediaType":"application/vnd.oci.image.manifest.v1+json","tag":["latest"],`+
				`"timeCreatedMs":"1676090802558","timeUploadedMs":"1676582665070"}},"name":"a","tags":["latest"]}`+"\n")
			c.do("DELETE", "/v2/a/manifests/latest", "").want(t, 202)
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
		}},
		{"lists the times that each manifest has, and 0 for a time that is not known", google, nil, func(t *testing.T, c *client) {
			image := c.reg.PutManifest("a", "v1", ocispec.MediaTypeImageManifest, []byte("x"))
			created, uploaded := time.Unix(1700000000, 0), time.Unix(1700000001, 5e6)
			for _, step := range []struct {
				created, uploaded time.Time
				want              string
			}{
				{created, uploaded, `"timeCreatedMs":"1700000000000","timeUploadedMs":"1700000001005"`},
				{time.Time{}, uploaded, `"timeCreatedMs":"0","timeUploadedMs":"1700000001005"`},
				{time.Time{}, time.Time{}, `"timeCreatedMs":"0","timeUploadedMs":"0"`},
			} {
				c.reg.SetTimes("a", image.Digest, step.created, step.uploaded)
				if body := c.do("GET", "/v2/a/tags/list", "").want(t, 200).body; !strings.Contains(body, step.want) {
					t.Errorf("the list lacks %s: %s", step.want, body)
				}
			}
		}},
		{"deletes an image with its last tag", fakeregistry.ECR(), nil, func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202)
			c.do("GET", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 200)
			c.do("DELETE", "/v2/a/manifests/v2", "").want(t, 202)
			c.do("GET", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 404).wantBody(t, errorDocument("MANIFEST_UNKNOWN", "Requested image not found"))
		}},
		{"refuses to delete a locked manifest", acr, fakeregistry.WithImmutableTags("v1"), wantRefusal("DELETE manifests/<v1>", 405,
			`{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. `+
				`View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation","detail":{}}]}`+"\n")},
	}
}

func moreSelfHostedDeviations() []deviation {
	gitlab, gitea, nexus := fakeregistry.GitLab(), fakeregistry.Gitea(), fakeregistry.Nexus()
	cloudflare, keppel := fakeregistry.Cloudflare(), fakeregistry.Keppel()
	return []deviation{
		{"refuses to delete a child of an index", gitlab, nil, wantRefusal("DELETE manifests/<child>", 409, errorDocument("MANIFEST_REFERENCED", "manifest referenced by a manifest list"))},
		{"serves tags of a deleted digest", fakeregistry.GoContainerRegistry(), nil, func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			digest := "/v2/a/manifests/" + image.Digest.String()
			c.do("DELETE", digest, "").want(t, 202)
			c.do("GET", digest, "").want(t, 404, "Content-Type", "text/plain; charset=utf-8").wantBody(t, errorDocument("MANIFEST_UNKNOWN", "Unknown manifest"))
			c.do("DELETE", digest, "").want(t, 404)
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 200, "Docker-Content-Digest", image.Digest.String())
			c.do("DELETE", "/v2/a/manifests/v1", "").want(t, 202)
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 404)
			wantTags(t, c, "/v2/a/tags/list", []string{"v2"}, "")
		}},
		{"sends a link on the last page too", gitea, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "a", "b")
			wantTags(t, c, "/v2/a/tags/list", []string{"a", "b"}, `</v2/a/tags/list?last=b>; rel="next"`)
			wantTags(t, c, "/v2/a/tags/list?n=9", []string{"a", "b"}, `</v2/a/tags/list?last=b&n=9>; rel="next"`)
			wantTags(t, c, "/v2/a/tags/list?n=x", []string{"a", "b"}, `</v2/a/tags/list?last=b&n=x>; rel="next"`)
			c.do("GET", "/v2/_catalog?n=9", "").want(t, 200, "Link", "")
			wantTags(t, c, "/v2/a/tags/list?last=b&n=2", []string{}, "")
		}},
		{"deletes a manifest with its last tag, but not the children of an index, nor what was pushed by digest", gitea, nil, func(t *testing.T, c *client) {
			index := c.reg.PutIndex("a", []string{"x", "y"}, "multi")
			child, pinned := c.reg.PutImage("a", "x"), c.reg.PutImage("a", "z")
			c.reg.SetTag("a", "Pinned", pinned.Digest)
			for _, tag := range []string{"multi", "pinned"} { // tags ignore case
				c.do("DELETE", "/v2/a/manifests/"+tag, "").want(t, 202)
			}
			if len(c.reg.Tags("a")) != 0 || c.reg.HasManifest("a", index.Digest) || !c.reg.HasManifest("a", child.Digest) || !c.reg.HasManifest("a", pinned.Digest) {
				t.Errorf("tags %v, or the wrong manifests are left", c.reg.Tags("a"))
			}
		}},
		{"has no referrers API", gitea, nil, wantRefusal("GET referrers/<v1>", 404, "404 page not found\n")},
		{"reports an unknown repository like an unknown manifest, without a message", gitea, nil, wantRefusal("GET /v2/nope/manifests/v1", 404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":""}]}`+"\n")},
		{"accepts the deletion of an unknown blob", gitea, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			c.do("DELETE", "/v2/a/blobs/"+absentDigest, "").want(t, 202)
		}},
		{"offers Bearer with any scope, and Basic", gitea, gitea.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", "v1")
			got := c.do("GET", "/v2/a/manifests/v1", "").want(t, 401).Header.Values("WWW-Authenticate")
			want := []string{`Bearer realm="https://registry.example.com/token",service="registry",scope="*"`, `Basic realm="Gitea Container Registry"`}
			if !slices.Equal(got, want) {
				t.Errorf("challenges %q, want %q", got, want)
			}
			c.do("DELETE", "/v2/a/manifests/v1", "", "Authorization", userBasicAuth).
				want(t, 401, "WWW-Authenticate", `Basic realm="Gitea Package API"`, "Content-Type", "text/plain; charset=utf-8")
		}},
		{"returns 404 for HEAD and leaves tags behind", nexus, nil, func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1")
			c.do("HEAD", "/v2/a/manifests/v1", "").want(t, 404)
			c.do("GET", "/v2/a/manifests/v1", "").want(t, 200)
			c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
			if _, left := c.reg.Tag("a", "v1"); !left {
				t.Error("the tag was deleted")
			}
		}},
		{"sends an array as detail", nexus, nil, wantRefusal("DELETE manifests/<absent>", 404,
			`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":[{"Name":"a"},{"Revision":"<absent>"}]}]}`+"\n")},
		{"sends a number instead of an error code", fakeregistry.Artifactory(), fakeregistry.WithDeleteDisabled(),
			wantRefusal("DELETE manifests/<v1>", 406, `{"errors":[{"status":406,"message":"Not Acceptable"}]}`+"\n")},
		{"removes tags in batches", cloudflare, fakeregistry.WithUntagBatch(1), func(t *testing.T, c *client) {
			image := c.reg.PutImage("a", "x", "v1", "v2")
			path := "/v2/a/manifests/" + image.Digest.String()
			c.do("DELETE", path, "").want(t, 400, "Link", "<https://registry.example.com"+path+`?last=v1>; rel="next"`).
				wantBody(t, `{"errors":[{"code":"MANIFEST_TAGS","message":"a lot of manifest tags, use the Link header to keep iterating",`+
					`"detail":"This error may be returned when deleting a manifest by hash and there is too many tags"}]}`+"\n")
			if len(c.reg.Tags("a")) != 1 || !c.reg.HasManifest("a", image.Digest) {
				t.Errorf("tags %v", c.reg.Tags("a"))
			}
			c.do("DELETE", path+"?last=v1", "").want(t, 202)
			c.do("GET", path, "").want(t, 404).wantBody(t, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"`+image.Digest.String()+`"}}]}`+"\n")
		}},
		{"lists 50 tags a page by default, with a bare link", cloudflare, nil, func(t *testing.T, c *client) {
			c.reg.PutImage("a", "x", tags101()...)
			resp := c.do("GET", "/v2/a/tags/list", "").want(t, 200, "Link", "/v2/a/tags/list?last=t49&n=50; rel=next")
			if tags := unmarshal[tagList](t, resp.body).Tags; len(tags) != 50 {
				t.Errorf("%d tags", len(tags))
			}
			c.do("GET", "/v2/a/tags/list?n=1000", "").want(t, 200, "Link", "")
		}},
		{"redirects to a child that is accepted", keppel, nil, func(t *testing.T, c *client) {
			c.reg.PutIndex("a", []string{"x"}, "multi")
			child := c.reg.PutImage("a", "x")
			c.do("HEAD", "/v2/a/manifests/multi", "", "Accept", ocispec.MediaTypeImageManifest).
				want(t, 307, "Docker-Content-Digest", child.Digest.String(), "Location", "/v2/a/manifests/"+child.Digest.String())
			c.do("HEAD", "/v2/a/manifests/multi", "", "Accept", "text/plain").want(t, 406)
			c.do("HEAD", "/v2/a/manifests/multi", "", "Accept", ocispec.MediaTypeImageIndex).want(t, 200)
		}},
		{"names the index that lists a child", keppel, nil, wantRefusal("DELETE manifests/<child>", 409,
			errorDocument("DENIED", "cannot delete a manifest which is referenced by the manifest <multi>"))},
		{"returns 401 for missing access", keppel, keppel.WithUser("user", "password", "pull"), func(t *testing.T, c *client) {
			resp := c.do("GET", "/token?scope=repository:a:pull,delete&service=registry", "", "Authorization", userBasicAuth).want(t, 200)
			token := unmarshal[struct{ Token string }](t, resp.body).Token
			c.do("DELETE", "/v2/a/manifests/v1", "", "Authorization", "Bearer "+token).wantCodes(t, 401, "DENIED")
		}},
		{"throttles with Retry-After", keppel, fakeregistry.WithThrottledDeletes(1), wantRefusal("DELETE manifests/v1", 429, errorDocument("TOOMANYREQUESTS", "too many requests"), "Retry-After", "1")},
	}
}
