package regret_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestUntagByOverwrite(t *testing.T) {
	t.Parallel()
	for _, p := range []fakeregistry.Profile{fakeregistry.Distribution2(), fakeregistry.Distribution3(), fakeregistry.Harbor()} {
		t.Run("removes a tag alone at "+p.Name, func(t *testing.T) {
			t.Parallel()
			reg := p.New()
			image := reg.PutImage(repo, "hello", "v1", "v2")
			c := newClient(t, reg)
			dgst, err := c.ResolveDigest(t.Context(), repo, "v2")
			wantErr(t, err)
			reg.ResetLog()
			wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
			const want = "GET 200, DELETE 404, PUT 201, HEAD 200, HEAD 200, PUT 201, DELETE 202, HEAD 404, GET 404, HEAD 200"
			if got := methods(t, reg); got != want {
				t.Errorf("requests %q, want %q", got, want)
			}
			if tags := reg.Tags(repo); len(tags) != 1 || tags["v2"] != dgst || !reg.HasManifest(repo, image.Digest) {
				t.Errorf("left: %v", tags)
			}
			if left := reg.Requests()[4]; reg.HasManifest(repo, regret.Digest(left.Path[strings.LastIndex(left.Path, "/")+1:])) {
				t.Error("the placeholder is still there")
			}
		})
	}
	t.Run("overwrites each time with something else", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Distribution2().New()
		reg.PutImage(repo, "hello", "v1", "v2")
		c := newClient(t, reg)
		for _, tag := range []string{"v1", "v2"} {
			wantErr(t, c.UntagByOverwrite(t.Context(), repo, tag))
		}
		deleted := map[string]bool{}
		for _, r := range reg.Writes() {
			if r.Method == "DELETE" {
				deleted[r.Path] = true
			}
		}
		if len(deleted) != 4 { // two that nobody has, and two placeholders
			t.Errorf("deleted %v", deleted)
		}
	})
}

func TestUntagByOverwriteRefuses(t *testing.T) {
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
		{"a digest", fakeregistry.Distribution2(), nil, "sha256:x", regret.ErrInvalid, "", ""},
		{"a tag that is not there", fakeregistry.Distribution2(), nil, "nope", regret.ErrNotFound, "", "GET 404"},
		{"a registry without deletion", fakeregistry.Distribution2(), []fakeregistry.Option{fakeregistry.WithDeleteDisabled()}, "v1",
			regret.ErrDeleteDisabled, "nothing was changed", "GET 200, DELETE 405"},
		{"a registry in maintenance", fakeregistry.Distribution2(), []fakeregistry.Option{fakeregistry.WithReadOnly()}, "v1",
			regret.ErrReadOnly, "nothing was changed", "GET 200, DELETE 405"},
		{"a tag that cannot be moved", fakeregistry.Harbor(), []fakeregistry.Option{fakeregistry.WithImmutableTags("v1")}, "v1",
			regret.ErrImmutable, "stands for what it stood for", "GET 200, DELETE 404, PUT 201, HEAD 200, PUT 412, HEAD 200"},
		{"a registry that wants tags removed first, after putting back what was there", fakeregistry.Google(), nil, "v1", regret.ErrStillTagged,
			"pointed back", "GET 200, DELETE 404, PUT 201, HEAD 200, PUT 201, DELETE 400, HEAD 200, HEAD 200, PUT 201"},
		{"a registry that says 202 and does nothing, after putting back what was there", deaf(), nil, "v1", regret.ErrStillPresent,
			"pointed back", "GET 200, DELETE 404, PUT 201, HEAD 200, PUT 201, DELETE 202, HEAD 200, HEAD 200, PUT 201"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := tt.profile.New(tt.overlay...)
			image := reg.PutImage(repo, "hello", "v1", "v2")
			if tt.profile.Name == "" {
				deafen(reg)
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
				t.Errorf("tags %v", tags)
			}
		})
	}
}

// deaf is a registry that says yes to deletions that it does not carry out.
func deaf() fakeregistry.Profile { return fakeregistry.Profile{} }

func deafen(reg *fakeregistry.Registry) {
	asked := 0
	reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
		asked++
		return asked > 1 && fakeregistry.Answer(202, nil, "")(w, req)
	})
}

// Nobody waits for the rollback longer than it says.
func TestUntagByOverwriteGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.Distribution2().New()
		reg.PutImage(repo, "hello", "v1")
		ctx, cancel := context.WithCancel(t.Context())
		reg.Intercept(1, fakeregistry.On("PUT", manifestPath("v1")), func(w http.ResponseWriter, req *http.Request) bool {
			reg.Serve(w, req)
			cancel()
			reg.Intercept(0, fakeregistry.On("", "/"), fakeregistry.Hang())
			return true
		})
		start := time.Now()
		err := newClient(t, reg).UntagByOverwrite(ctx, repo, "v1")
		wantText(t, err, "what the tag stands for is not known")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error is not that of the context: %v", err)
		}
		if took := time.Since(start); took != 15*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// A deadline that ends while the original is put back does not stop that.
func TestUntagByOverwritePutsBackWhateverTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.Google().New() // where a tagged manifest cannot be deleted
		image := reg.PutImage(repo, "hello", "v1")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		requests := 0
		reg.Intercept(0, fakeregistry.On("", ""), func(http.ResponseWriter, *http.Request) bool {
			switch requests++; {
			case requests == 6: // the deletion
				<-time.After(9500 * time.Millisecond)
			case requests > 6:
				<-time.After(200 * time.Millisecond)
			}
			return false
		})
		wantText(t, newClient(t, reg).UntagByOverwrite(ctx, repo, "v1"), "pointed back")
		if stands, _ := reg.Tag(repo, "v1"); stands != image.Digest {
			t.Errorf("the tag stands for %s, and stood for %s", stands, image.Digest)
		}
	})
}

// What could not be put back is not replaced.
func TestUntagByOverwriteNeedsAWayBack(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.Google().New()
	image := reg.PutImage(repo, "hello", "v1")
	reg.Intercept(0, fakeregistry.On("PUT", manifestPath(image.Digest)), fakeregistry.Errors(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown"))
	err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1")
	wantErr(t, err, regret.CodeManifestBlobUnknown)
	wantText(t, err, "nothing was changed")
	if got := methods(t, reg); got != "GET 200, DELETE 404, PUT 404" {
		t.Errorf("requests %q", got)
	}
}

// A registry that writes anew what is pushed stores the placeholder under
// another digest: it is still not somebody else's.
func TestUntagByOverwriteKnowsItsPlaceholder(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	image := reg.PutImage(repo, "hello", "v1")
	reg.Intercept(1, fakeregistry.On("PUT", manifestPath("v1")), func(w http.ResponseWriter, req *http.Request) bool {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		stored := reg.PutManifest(repo, "v1", req.Header.Get("Content-Type"), append(raw, ' '))
		w.Header().Set("Docker-Content-Digest", stored.Digest.String())
		w.WriteHeader(http.StatusCreated)
		return true
	})
	err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1")
	wantErr(t, err, regret.ErrDigestMismatch)
	wantText(t, err, "pointed back")
	if stands, _ := reg.Tag(repo, "v1"); stands != image.Digest {
		t.Errorf("the tag stands for %s, and stood for %s", stands, image.Digest)
	}
}

// Whatever happens at whichever request: either the tag is gone and the original stands, or the error says what stands.
func TestUntagByOverwriteIsNeverSilent(t *testing.T) {
	t.Parallel()
	faults := map[string]func(reg *fakeregistry.Registry, cancel context.CancelFunc) func(http.ResponseWriter, *http.Request) bool{
		"is lost": func(reg *fakeregistry.Registry, _ context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return reg.LoseRequest()
		},
		"is answered to nobody": func(reg *fakeregistry.Registry, _ context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return reg.LoseResponse()
		},
		"is refused": func(*fakeregistry.Registry, context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Errors(403, "DENIED", "no")
		},
		"fails": func(*fakeregistry.Registry, context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Errors(500, "UNKNOWN", "no")
		},
		"ends the caller's patience": func(_ *fakeregistry.Registry, cancel context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return func(http.ResponseWriter, *http.Request) bool {
				cancel()
				return false
			}
		},
		"meets a push": func(reg *fakeregistry.Registry, _ context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return func(_ http.ResponseWriter, req *http.Request) bool {
				if req.Method != http.MethodPut { // between the last look and the PUT nothing can be done
					reg.PutImage(repo, "pushed meanwhile", "v1")
				}
				return false
			}
		},
	}
	for name, fault := range faults {
		for nth := range 10 {
			for _, times := range []int{1, 100} {
				t.Run(fmt.Sprintf("request %d %s %d times", nth+1, name, times), func(t *testing.T) {
					t.Parallel()
					reg := fakeregistry.Distribution2().New()
					original := reg.PutImage(repo, "hello", "v1", "v2")
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					seen := 0
					answer := fault(reg, cancel)
					reg.Intercept(0, fakeregistry.On("", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
						seen++
						return seen > nth && seen <= nth+times && answer(w, req)
					})
					err := newClient(t, reg).UntagByOverwrite(ctx, repo, "v1")
					if err == nil && name == "meets a push" && nth >= 7 {
						return // that came after the tag was seen to be gone
					}
					wantTold(t, reg, original.Digest, err)
				})
			}
		}
	}
}

var anyDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// wantTold wants success only if the tag is gone, and otherwise an error that says what the tag stands for.
func wantTold(t *testing.T, reg *fakeregistry.Registry, original regret.Digest, err error) {
	t.Helper()
	stands, there := reg.Tag(repo, "v1")
	if !reg.HasManifest(repo, original) || reg.Tags(repo)["v2"] != original {
		t.Errorf("the original is gone: %v", err)
	}
	if err == nil {
		if there {
			t.Errorf("success, but the tag stands for %s", stands)
		}
		return
	}
	e, _ := errors.AsType[*regret.Error](err)
	switch {
	case !there && !strings.Contains(e.Hint, "gone") && !strings.Contains(e.Hint, "not known") && !strings.Contains(e.Hint, "nobody could look"):
		t.Errorf("the tag is gone, and nobody says so: %v", err)
	case there && stands != original && !strings.Contains(strings.Join(anyDigest.FindAllString(e.Hint, -1), " "), string(stands)) &&
		!strings.Contains(e.Hint, "nothing was changed") && !strings.Contains(e.Hint, "nobody could look") && e.Method != "GET":
		t.Errorf("the tag stands for %s, and nobody says so: %v", stands, err)
	case there && stands == original && strings.Contains(e.Hint, "tag is gone"):
		t.Errorf("the tag is there, and the error denies it: %v", err)
	}
}

// What this client once resolved is no proof that it still stands.
func TestUntagByOverwriteLooksAtTheOtherTags(t *testing.T) {
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
		t.Errorf("tags %v", tags)
	}
}

// A tag that somebody removes meanwhile stays removed.
func TestUntagByOverwriteLeavesRemovedTagsAlone(t *testing.T) {
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
		t.Errorf("tags %v", tags)
	}
}

// A registry that drops a manifest with one of its tags is made to have it
// again, under all the names that were to stay.
func TestUntagByOverwriteBringsBackWhatWasToStay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		refuses bool
		text    string
	}{
		{"what was dropped is put back", false, "was gone with it and was put back"},
		{"or the error says that it is gone", true, "could not be put back"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.Distribution2().New()
			image := reg.PutImage(repo, "hello", "v1", "v2")
			c := newClient(t, reg)
			_, err := c.ResolveDigest(t.Context(), repo, "v2")
			wantErr(t, err)
			reg.Intercept(0, fakeregistry.On("DELETE", "/"), func(w http.ResponseWriter, req *http.Request) bool {
				if tags := reg.Tags(repo); tags["v1"] == image.Digest || !reg.HasManifest(repo, image.Digest) {
					return false // this only asks whether deletion is allowed
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
			wantText(t, err, test.text)
			want := map[string]regret.Digest{"v2": image.Digest}
			if test.refuses {
				want = map[string]regret.Digest{}
			}
			if diff := cmp.Diff(want, reg.Tags(repo)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
