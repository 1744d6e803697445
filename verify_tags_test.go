package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// rangeTags ranges over all tags.
func rangeTags(t *testing.T, c *regret.Client) {
	t.Helper()
	for _, err := range c.Tags(t.Context(), repo) {
		wantErr(t, err)
	}
}

// A registry that keeps digests and tags apart reports 202, responds with 404 to the digest, and
// still serves the image under its tags.
func TestServerS6VerificationNamesEveryTagThatStillServesTheImage(t *testing.T) {
	t.Parallel()
	const deleted = "DELETE 202, HEAD 404, GET 404"
	tests := []struct {
		rule    string
		resolve []string
		list    bool
		names   string // the tags that the error names; empty for success
		sent    string
	}{
		{"a tag that was resolved", []string{"v1"}, false, "the tag v1 still points to it", deleted + ", GET 200, HEAD 200"},
		{"all tags that were resolved", []string{"v2", "v1"}, false, "the tags v1, v2 still point to it", deleted + ", GET 200, HEAD 200, HEAD 200"},
		{"tags that were listed, each with one HEAD", nil, true, "the tags v1, v2, v3 still point to it",
			"HEAD 200, " + deleted + ", GET 200, HEAD 200, HEAD 200, HEAD 200, HEAD 200"},
		{"tags that were listed, without a HEAD of what is known to point elsewhere", []string{"other", "v2"}, true, "the tags v1, v2, v3 still point to it",
			deleted + ", GET 200, HEAD 200, HEAD 200, HEAD 200"},
		{"a tag that the client does not know is not looked for", nil, false, "", "HEAD 200, " + deleted},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.GoContainerRegistry().New()
			image := reg.PutImage(repo, "hello", "v1", "v2", "v3")
			reg.PutImage(repo, "another", "other")
			c := newClient(t, reg, regret.WithVerification())
			for _, tag := range tt.resolve {
				_, err := c.ResolveDigest(t.Context(), repo, tag)
				wantErr(t, err)
			}
			if tt.list {
				rangeTags(t, c)
			}
			reg.ResetLog()
			err := c.DeleteManifest(t.Context(), repo, image.Digest)
			if got := methods(t, reg); got != tt.sent {
				t.Errorf("requests %q, want %q", got, tt.sent)
			}
			if tt.names == "" {
				wantErr(t, err)
				return
			}
			wantErr(t, err, regret.ErrStillPresent)
			wantText(t, err, tt.names, "remove each tag with Untag")
			for _, tag := range []string{"v1", "v2", "v3"} {
				wantErr(t, c.Untag(t.Context(), repo, tag))
			}
			if tags := reg.Tags(repo); len(tags) != 1 {
				t.Errorf("tags %v", tags)
			}
		})
	}
}

func TestServerS6VerificationOfListedTagsIsBounded(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	var images []regret.Descriptor
	for i := range 4 {
		images = append(images, reg.PutImage(repo, fmt.Sprint(i)))
	}
	for i := range 150 {
		reg.PutImage(repo, "another", fmt.Sprintf("v%03d", i))
	}
	c := newClient(t, reg, regret.WithVerification())
	rangeTags(t, c)
	for i, heads := range []int{100, 50, 0} { // what is resolved once is known
		reg.ResetLog()
		wantErr(t, c.DeleteManifest(t.Context(), repo, images[i].Digest))
		if got, want := len(reg.Requests()), 5+heads; got != want { // HEAD, DELETE, HEAD, GET, and GET of the list
			t.Errorf("deletion %d: %d requests, want %d", i, got, want)
		}
	}
}

func TestServerS6VerificationOfListedTagsThatCannotBeResolved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule  string
		fault func(reg *fakeregistry.Registry)
		want  []error
	}{
		{"a tag that was gone before says nothing about this deletion", func(reg *fakeregistry.Registry) {
			reg.SetTag(repo, "v1", manifestOf("{}").Descriptor.Digest)
		}, nil},
		{"a tag that cannot be resolved makes the outcome unknown", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", manifestPath("v1")), fakeregistry.Errors(401, "UNAUTHORIZED", "no"))
		}, []error{regret.ErrOutcomeUnknown, regret.ErrUnauthorized}},
		{"a tag that still serves the image counts more than one that cannot be resolved", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("", manifestPath("v1")), fakeregistry.Errors(401, "UNAUTHORIZED", "no"))
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
				reg.Serve(w, req)
				image := reg.PutImage(repo, "hello", "v2") // pushed anew
				reg.Intercept(2, fakeregistry.On("", manifestPath(image.Digest)), fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "no"))
				return true
			})
		}, []error{regret.ErrStillPresent}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			image := reg.PutImage(repo, "hello", "v2")
			reg.PutImage(repo, "another", "v1")
			c := newClient(t, reg, regret.WithVerification())
			rangeTags(t, c)
			_, err := c.ResolveDigest(t.Context(), repo, string(image.Digest))
			wantErr(t, err)
			tt.fault(reg)
			err = c.DeleteManifest(t.Context(), repo, image.Digest)
			wantErr(t, err, tt.want...)
			if err != nil && !strings.Contains(err.Error(), "the manifest is gone") {
				t.Error(err)
			}
		})
	}
}

// What the client itself lists does not make later deletions more expensive.
func TestServerS6OnlyListsOfTheCallerCount(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	first, second := reg.PutImage(repo, "first", "v1"), reg.PutImage(repo, "second", "v2", "v3")
	c := newClient(t, reg, regret.WithVerification())
	wantErr(t, resolve(t, c))
	wantErr(t, c.DeleteManifest(t.Context(), repo, first.Digest)) // reads the list, to look for v1
	reg.ResetLog()
	wantErr(t, c.DeleteManifest(t.Context(), repo, second.Digest))
	if got := methods(t, reg); got != "HEAD 200, DELETE 202, HEAD 404, GET 404" {
		t.Errorf("requests %q", got)
	}
}
