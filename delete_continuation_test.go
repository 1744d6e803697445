package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// moreTags is the response of Cloudflare's serverless registry if more tags are left to remove.
func moreTags(link string) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Answer(400, map[string]string{"Content-Type": "application/json", "Link": link},
		`{"errors":[{"code":"MANIFEST_TAGS","message":"a lot of manifest tags, use the Link header to keep iterating"}]}`)
}

func TestDeleteManifestContinuesAPartialDeletion(t *testing.T) {
	t.Parallel()
	t.Run("the DELETE continues at the Link until all tags are removed", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Cloudflare().New(fakeregistry.WithUntagBatch(2))
		image := reg.PutImage(repo, "hello", "a", "b", "c", "d", "e")
		other := reg.PutImage(repo, "other", "z")
		wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest))
		path := "DELETE " + manifestPath(image.Digest)
		wantRequests(t, reg, requestLine("HEAD", image.Digest, 200), path+" 400", path+"?last=b 400", path+"?last=d 202")
		if len(reg.Tags(repo)) != 1 || !reg.HasManifest(repo, other.Digest) {
			t.Errorf("tags left: %v, want only that of the other image", reg.Tags(repo))
		}
	})
	t.Run("a later part that finds nothing any more is success", func(t *testing.T) {
		t.Parallel()
		const unknown = `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`
		path := manifestPath(aDigest)
		s := newScript(reply(200, "", "Content-Type", regret.MediaTypeDockerManifest, "Docker-Content-Digest", aDigest),
			reply(400, `{"errors":[{"code":"MANIFEST_TAGS"}]}`, "Link", "<"+path+`?last=b>; rel="next"`), reply(404, unknown))
		wantErr(t, newClient(t, s).DeleteManifest(t.Context(), repo, aDigest))
		s.want(t, "HEAD "+path, "DELETE "+path, "DELETE "+path+"?last=b", "HEAD "+path, "GET "+path)
	})
	for _, test := range []struct {
		rule, link string
		sent       int // DELETE requests
		text       string
	}{
		{"a response without a Link is an error", "", 1, "no Link"},
		{"a Link to another origin is not followed", `<https://elsewhere.example.com%s?last=x>; rel="next"`, 1, "delete it again"},
		{"a Link to another path is not followed", `</v2/team/other/manifests/v1?last=x>; rel="next"`, 1, "delete it again"},
		{"a Link without a query is not followed", `<%s>; rel="next"`, 1, "delete it again"},
		{"a Link that repeats is not followed again", `<%s?last=x>; rel="next"`, 2, "delete it again"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			image := reg.PutImage(repo, "hello", "v1")
			link := test.link
			if strings.Contains(link, "%s") {
				link = fmt.Sprintf(link, manifestPath(image.Digest))
			}
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), moreTags(link))
			err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
			e := wantErr(t, err, regret.Code("MANIFEST_TAGS"))
			wantText(t, err, test.text)
			if e.Kind != "" || len(reg.Writes()) != test.sent {
				t.Errorf("kind %q, writes %v", e.Kind, reg.Writes())
			}
		})
	}
	t.Run("the number of continuations is limited", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello", "v1")
		n := 0
		reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
			n++
			return moreTags(fmt.Sprintf(`<%s?last=%d>; rel="next"`, req.URL.Path, n))(w, req)
		})
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		wantText(t, err, "without end")
		if n != 1000 {
			t.Errorf("%d requests, want 1000", n)
		}
	})
	t.Run("another refusal after the first part needs no Link", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello", "v1")
		reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Errors(400, "DIGEST_INVALID", "no"))
		reg.Intercept(1, fakeregistry.On("DELETE", "/"), moreTags(fmt.Sprintf(`<%s?last=x>; rel="next"`, manifestPath(image.Digest))))
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		if e := wantErr(t, err, regret.CodeDigestInvalid); e.Err != nil || !strings.Contains(e.Hint, "delete it again") {
			t.Errorf("cause %v, want none; hint %q", e.Err, e.Hint)
		}
	})
	t.Run("a failure after the first part says that some tags may be gone", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Cloudflare().New(fakeregistry.WithUntagBatch(1))
		image := reg.PutImage(repo, "hello", "a", "b")
		reg.Intercept(0, func(req *http.Request) bool { return req.URL.RawQuery != "" }, fakeregistry.Errors(403, "DENIED", "no"))
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		wantErr(t, err, regret.ErrForbidden)
		wantText(t, err, "some of its tags may be gone")
	})
	t.Run("the deletion of a tag is not continued", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		reg.PutImage(repo, "hello", "v1")
		reg.Intercept(0, fakeregistry.On("DELETE", "/"), moreTags(fmt.Sprintf(`<%s?last=x>; rel="next"`, manifestPath("v1"))))
		wantErr(t, newClient(t, reg).Untag(t.Context(), repo, "v1"), regret.Code("MANIFEST_TAGS"))
		wantRequests(t, reg, requestLine("DELETE", "v1", 400))
	})
}
