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

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

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
		wantText(t, err, "what the tag points to is not known")
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
		wantText(t, newClient(t, reg).UntagByOverwrite(ctx, repo, "v1"), "rolled back")
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
	wantText(t, err, "rolled back")
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
	case !there && !strings.Contains(e.Hint, "gone") && !strings.Contains(e.Hint, "not known") && !strings.Contains(e.Hint, "could not be checked"):
		t.Errorf("the tag is gone, and nobody says so: %v", err)
	case there && stands != original && !strings.Contains(strings.Join(anyDigest.FindAllString(e.Hint, -1), " "), string(stands)) &&
		!strings.Contains(e.Hint, "nothing was changed") && !strings.Contains(e.Hint, "could not be checked") && e.Method != "GET":
		t.Errorf("the tag stands for %s, and nobody says so: %v", stands, err)
	case there && stands == original && strings.Contains(e.Hint, "tag is gone"):
		t.Errorf("the tag is there, and the error denies it: %v", err)
	}
}
