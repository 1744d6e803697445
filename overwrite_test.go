package regret_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestUntagByOverwriteRemovesOneTag(t *testing.T) {
	t.Parallel()
	for _, p := range []fakeregistry.Profile{fakeregistry.Distribution2(), fakeregistry.Distribution3(), fakeregistry.Harbor()} {
		t.Run("only the tag is removed at "+p.Name, func(t *testing.T) {
			t.Parallel()
			reg := p.New()
			image := reg.PutImage(repo, "hello", "v1", "v2")
			c := newClient(t, reg)
			dgst, err := c.ResolveDigest(t.Context(), repo, "v2")
			wantErr(t, err)
			reg.ResetLog()
			wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
			// v2 is known to hold the original, so there is no temporary tag.
			const want = "GET 200, DELETE 404, PUT 201, HEAD 200, HEAD 200, PUT 201, DELETE 202, HEAD 404, GET 404, HEAD 200"
			if got := methods(t, reg); got != want {
				t.Errorf("requests %q, want %q", got, want)
			}
			if tags := reg.Tags(repo); len(tags) != 1 || tags["v2"] != dgst || !reg.HasManifest(repo, image.Digest) {
				t.Errorf("tags left: %v", tags)
			}
			if left := reg.Requests()[4]; reg.HasManifest(repo, regret.Digest(left.Path[strings.LastIndex(left.Path, "/")+1:])) {
				t.Error("the placeholder was not deleted")
			}
		})
	}
	t.Run("each call uses a new placeholder", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Distribution2().New()
		reg.PutImage(repo, "hello", "v1", "v2")
		c := newClient(t, reg)
		for _, tag := range []string{"v1", "v2"} {
			wantErr(t, c.UntagByOverwrite(t.Context(), repo, tag))
		}
		deleted := map[string]bool{}
		for _, r := range reg.Writes() {
			if r.Method == "DELETE" && strings.Contains(r.Path, ":") {
				deleted[r.Path] = true
			}
		}
		if len(deleted) != 4 { // two random digests of CheckDelete, and two placeholders
			t.Errorf("deleted %v, want four different digests", deleted)
		}
	})
}

func TestUntagByOverwriteFailsWithoutMovingTheTag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule    string
		profile fakeregistry.Profile
		overlay []fakeregistry.Option
		tag     string
		want    error
		text    string
		sent    string
	}{
		{"a digest is refused", fakeregistry.Distribution2(), nil, "sha256:x", regret.ErrInvalid, "", ""},
		{"an unknown tag is not found", fakeregistry.Distribution2(), nil, "nope", regret.ErrNotFound, "", "GET 404, GET 200"},
		{"nothing is changed if deletion is disabled", fakeregistry.Distribution2(), []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, "v1",
			regret.ErrDeleteDisabled, "nothing was changed", "GET 200, DELETE 405"},
		{"nothing is changed if the registry is read-only", fakeregistry.Distribution2(), []fakeregistry.Option{fakeregistry.WithReadOnly()}, "v1",
			regret.ErrReadOnly, "nothing was changed", "GET 200, DELETE 405"},
		{"an immutable tag stays", fakeregistry.Harbor(), []fakeregistry.Option{fakeregistry.WithImmutableTags("v1")}, "v1",
			regret.ErrImmutable, "still points to the original", "GET 200, DELETE 404, PUT 201, DELETE 400, HEAD 200, PUT 412, HEAD 200"},
		{"the tag is rolled back if the registry deletes no tagged manifests", fakeregistry.Google(), nil, "v1", regret.ErrStillTagged,
			"rolled back", "GET 200, DELETE 404, PUT 201, DELETE 404, PUT 201, PUT 201, HEAD 200, DELETE 202, HEAD 404, GET 404, HEAD 200, PUT 201, DELETE 400, HEAD 200, HEAD 200, PUT 201"},
		{"the tag is rolled back if the registry returns 202 without deleting", ignoresDeletes, nil, "v1", regret.ErrStillPresent,
			"rolled back", "GET 200, DELETE 404, PUT 201, DELETE 202, HEAD 200, PUT 201, DELETE 202, HEAD 200, HEAD 200, PUT 201"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := tt.profile.New(tt.overlay...)
			image := reg.PutImage(repo, "hello", "v1", "v2")
			if tt.profile.Name == ignoresDeletes.Name {
				ignoreSecondDelete(reg)
			}
			err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, tt.tag)
			if e := wantErr(t, err, tt.want); e.Op != "untag by overwrite" || e.Reference != tt.tag {
				t.Errorf("%+v", e)
			}
			wantText(t, err, tt.text)
			if got := methods(t, reg); got != tt.sent {
				t.Errorf("requests %q, want %q", got, tt.sent)
			}
			if tags := reg.Tags(repo); tags["v1"] != image.Digest || tags["v2"] != image.Digest {
				t.Errorf("tags %v, want both unchanged", tags)
			}
		})
	}
}

// ignoresDeletes is a registry that returns 202 for deletions without carrying them out.
var ignoresDeletes = fakeregistry.Profile{Name: "a registry that ignores deletions"}

// ignoreSecondDelete returns 202 for all but the first DELETE, which is that of CheckDelete.
func ignoreSecondDelete(reg *fakeregistry.Registry) {
	deletes := 0
	reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
		deletes++
		return deletes > 1 && fakeregistry.Answer(202, nil, "")(w, req)
	})
}

// Other tags may have been moved or removed since this client resolved them.
func TestUntagByOverwriteResolvesTheOtherTagsAgain(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	image := reg.PutImage(repo, "hello", "v1", "v2", "v3")
	c := newClient(t, reg)
	for _, tag := range []string{"v1", "v2", "v3"} {
		_, err := c.ResolveDigest(t.Context(), repo, tag)
		wantErr(t, err)
	}
	reg.SetTag(repo, "v2", reg.PutImage(repo, "another").Digest)
	wantErr(t, newClient(t, reg).Untag(t.Context(), repo, "v3"))
	wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
	if tags := reg.Tags(repo); len(tags) != 1 || !reg.HasManifest(repo, image.Digest) {
		t.Errorf("tags %v, want only v2", tags)
	}
}

// A tag that another client removes in the meantime stays removed.
func TestUntagByOverwriteDoesNotRestoreRemovedTags(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.Distribution3().New()
	reg.PutImage(repo, "hello", "v1", "v2")
	c := newClient(t, reg)
	_, err := c.ResolveDigest(t.Context(), repo, "v2")
	wantErr(t, err)
	reg.Intercept(1, fakeregistry.On("PUT", manifestPath("v1")), func(http.ResponseWriter, *http.Request) bool {
		wantErr(t, newClient(t, reg).Untag(t.Context(), repo, "v2"))
		return false
	})
	wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
	if tags := reg.Tags(repo); len(tags) != 0 {
		t.Errorf("tags %v, want none", tags)
	}
}

// If the registry deletes the original along with the tag, the original is restored under its
// digest and its other tags.
func TestUntagByOverwriteRestoresADeletedOriginal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		refuses bool
		text    string // of the error; empty for success
	}{
		{"the original and its other tags are restored", false, ""},
		{"the error says so if restoring them fails", true, "restoring it failed"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.Distribution2().New()
			image := reg.PutImage(repo, "hello", "v1", "v2")
			var logged strings.Builder
			c := newClient(t, reg, regret.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
			_, err := c.ResolveDigest(t.Context(), repo, "v2")
			wantErr(t, err)
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
				if tags := reg.Tags(repo); tags["v1"] == image.Digest || !reg.HasManifest(repo, image.Digest) {
					return false // the DELETE of CheckDelete
				}
				gone := req.Clone(req.Context())
				gone.URL.Path = manifestPath(image.Digest)
				reg.Serve(&nobody{}, gone)
				if test.refuses {
					reg.Intercept(0, fakeregistry.On("PUT", "/"), fakeregistry.Errors(403, "DENIED", "no"))
				}
				return false
			})
			err = c.UntagByOverwrite(t.Context(), repo, "v1")
			want := map[string]regret.Digest{"v2": image.Digest}
			if test.refuses {
				wantText(t, err, test.text)
				want = map[string]regret.Digest{}
			} else {
				wantErr(t, err)
				if restored := fmt.Sprintf("[%s v2]", image.Digest); !strings.Contains(logged.String(), restored) {
					t.Errorf("the log does not name %s:\n%s", restored, logged.String())
				}
			}
			if reg.HasManifest(repo, image.Digest) == test.refuses {
				t.Errorf("the original exists: %t", !test.refuses)
			}
			if diff := cmp.Diff(want, reg.Tags(repo)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
