package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// tagsInParts is what Cloudflare's serverless registry says of a deletion that it has begun.
func tagsInParts(link string) func(http.ResponseWriter, *http.Request) bool {
	return fakeregistry.Answer(400, map[string]string{"Content-Type": "application/json", "Link": link},
		`{"errors":[{"code":"MANIFEST_TAGS","message":"a lot of manifest tags, use the Link header to keep iterating"}]}`)
}

func TestDeletionInParts(t *testing.T) {
	t.Parallel()
	t.Run("goes on where the registry says until it is done", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Cloudflare().New(fakeregistry.WithUntagBatch(2))
		image := reg.PutImage(repo, "hello", "a", "b", "c", "d", "e")
		other := reg.PutImage(repo, "other", "z")
		wantErr(t, newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest))
		path := "DELETE " + manifestPath(image.Digest)
		wantRequests(t, reg, requestLine("HEAD", image.Digest, 200), path+" 400", path+"?last=b 400", path+"?last=d 202")
		if len(reg.Tags(repo)) != 1 || !reg.HasManifest(repo, other.Digest) {
			t.Errorf("left: %v", reg.Tags(repo))
		}
	})
	for _, test := range []struct {
		rule, link string
		sent       int // DELETE requests
		text       string
	}{
		{"does not go on without a Link", "", 1, "no Link"},
		{"does not go on at another origin", `<https://elsewhere.example.com%s?last=x>; rel="next"`, 1, "delete it again"},
		{"does not go on at another path", `</v2/team/other/manifests/v1?last=x>; rel="next"`, 1, "delete it again"},
		{"does not go on where it is", `<%s>; rel="next"`, 1, "delete it again"},
		{"does not go on at the same place again", `<%s?last=x>; rel="next"`, 2, "delete it again"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			image := reg.PutImage(repo, "hello", "v1")
			link := test.link
			if n := len(link); n > 0 && link[1] != '/' || link == `<%s>; rel="next"` {
				link = fmt.Sprintf(link, manifestPath(image.Digest))
			}
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), tagsInParts(link))
			err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
			e := wantErr(t, err, regret.Code("MANIFEST_TAGS"))
			wantText(t, err, test.text)
			if e.Kind != "" || len(reg.Writes()) != test.sent {
				t.Errorf("kind %q, writes %v", e.Kind, reg.Writes())
			}
		})
	}
	t.Run("ends some time", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello", "v1")
		n := 0
		reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
			n++
			return tagsInParts(fmt.Sprintf(`<%s?last=%d>; rel="next"`, req.URL.Path, n))(w, req)
		})
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		wantText(t, err, "without end")
		if n != 1000 {
			t.Errorf("%d times", n)
		}
	})
	t.Run("asks no Link of a refusal of another kind", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		image := reg.PutImage(repo, "hello", "v1")
		reg.Intercept(0, fakeregistry.On("DELETE", "/"), fakeregistry.Errors(400, "DIGEST_INVALID", "no"))
		reg.Intercept(1, fakeregistry.On("DELETE", "/"), tagsInParts(fmt.Sprintf(`<%s?last=x>; rel="next"`, manifestPath(image.Digest))))
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		if e := wantErr(t, err, regret.CodeDigestInvalid); e.Err != nil || !strings.Contains(e.Hint, "delete it again") {
			t.Errorf("%v, hint %q", e.Err, e.Hint)
		}
	})
	t.Run("says that a part is done when it fails later", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Cloudflare().New(fakeregistry.WithUntagBatch(1))
		image := reg.PutImage(repo, "hello", "a", "b")
		reg.Intercept(0, func(req *http.Request) bool { return req.URL.RawQuery != "" }, fakeregistry.Errors(403, "DENIED", "no"))
		err := newClient(t, reg).DeleteManifest(t.Context(), repo, image.Digest)
		wantErr(t, err, regret.ErrForbidden)
		wantText(t, err, "some of its tags may be gone")
	})
	t.Run("is not for tags", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		reg.PutImage(repo, "hello", "v1")
		reg.Intercept(0, fakeregistry.On("DELETE", "/"), tagsInParts(fmt.Sprintf(`<%s?last=x>; rel="next"`, manifestPath("v1"))))
		wantErr(t, newClient(t, reg).Untag(t.Context(), repo, "v1"), regret.Code("MANIFEST_TAGS"))
		wantRequests(t, reg, requestLine("DELETE", "v1", 400))
	})
}
