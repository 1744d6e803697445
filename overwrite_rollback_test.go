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

// A rollback to a registry that does not respond ends 15 seconds after the context.
func TestUntagByOverwriteLimitsTheRollback(t *testing.T) {
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
			t.Errorf("the error does not match context.Canceled: %v", err)
		}
		if took := time.Since(start); took != 15*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// A deadline that expires during the rollback does not stop it.
func TestUntagByOverwriteRollsBackAfterTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := fakeregistry.Google().New() // does not delete a tagged manifest
		image := reg.PutImage(repo, "hello", "v1")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		requests := 0
		reg.Intercept(0, fakeregistry.On("", ""), func(http.ResponseWriter, *http.Request) bool {
			switch requests++; {
			case requests == 13: // the deletion
				<-time.After(9500 * time.Millisecond)
			case requests > 13:
				<-time.After(200 * time.Millisecond)
			}
			return false
		})
		wantText(t, newClient(t, reg).UntagByOverwrite(ctx, repo, "v1"), "rolled back")
		if current, _ := reg.Tag(repo, "v1"); current != image.Digest {
			t.Errorf("the tag points to %s, want %s", current, image.Digest)
		}
	})
}

// The tag is not overwritten if a rollback would fail.
func TestUntagByOverwriteChangesNothingIfARollbackWouldFail(t *testing.T) {
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

// If the registry changes the pushed content, the placeholder has another digest. It is still
// recognised and not mistaken for the push of another client.
func TestUntagByOverwriteRecognisesAChangedPlaceholder(t *testing.T) {
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
	if current, _ := reg.Tag(repo, "v1"); current != image.Digest {
		t.Errorf("the tag points to %s, want %s", current, image.Digest)
	}
}

// Whichever request a fault hits, either the tag is gone and the original still exists, or the
// error says what the tag points to.
func TestUntagByOverwriteReportsTheStateAfterAnyFault(t *testing.T) {
	t.Parallel()
	for name, fault := range overwriteFaults() {
		for nth := range 10 { // without a fault there are ten requests
			for _, times := range []int{1, 100} {
				which := fmt.Sprintf("request %d ", nth+1)
				if times > 1 {
					which = fmt.Sprintf("every request from number %d on ", nth+1)
				}
				t.Run(which+name, func(t *testing.T) {
					t.Parallel()
					reg := fakeregistry.Distribution2().New()
					original := reg.PutImage(repo, "hello", "v1", "v2")
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					n := 0
					respond := fault(reg, cancel)
					reg.Intercept(0, fakeregistry.On("", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
						n++
						return n > nth && n <= nth+times && respond(w, req)
					})
					err := newClient(t, reg).UntagByOverwrite(ctx, repo, "v1")
					if n <= nth {
						t.Errorf("%d requests, so the fault did not occur", n)
					}
					if err == nil && name == "coincides with a push" && nth >= 8 {
						return // the push came after the check that the tag is gone
					}
					wantConsistent(t, reg, original.Digest, err)
				})
			}
		}
	}
}

// At zot, which removes what a tag pointed to together with the children when the tag is
// overwritten, no fault may cost a manifest, and a temporary tag is removed or named.
func TestServerS1NoFaultCostsAManifest(t *testing.T) {
	t.Parallel()
	for name, fault := range overwriteFaults() {
		for nth := range 25 {
			for _, times := range []int{1, 100} {
				t.Run(fmt.Sprintf("request %d %s, and so do the next %d", nth+1, name, times-1), func(t *testing.T) {
					t.Parallel()
					reg := fakeregistry.Zot().New()
					index := putNestedIndex(t, reg, repo, "v1")
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					n := 0
					respond := fault(reg, cancel)
					reg.Intercept(0, fakeregistry.On("", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
						n++
						return n > nth && n <= nth+times && respond(w, req)
					})
					err := newClient(t, reg).UntagByOverwrite(ctx, repo, "v1")
					if n <= nth {
						t.Fatalf("%d requests, so the fault did not occur", n)
					}
					tags, pushed := reg.Tags(repo), name == "coincides with a push"
					for i, dgst := range index.all {
						if pushed && nth < 11 { // a push before the overwrite removes the index by itself
							break
						}
						if !reg.HasManifest(repo, dgst) {
							t.Errorf("manifest %d is gone: %v", i, err)
						}
					}
					for tag, dgst := range tags {
						switch {
						case tag == "v1" && err == nil && !pushed:
							t.Error("success, but the tag still exists")
						case strings.HasPrefix(tag, "regret-keep-") && (err == nil || !strings.Contains(err.Error(), tag)):
							t.Errorf("the temporary tag %s stays, but the error does not name it: %v", tag, err)
						case tag == "v1" && !reg.HasManifest(repo, dgst):
							t.Error("the tag dangles")
						}
					}
				})
			}
		}
	}
}

// overwriteFaults are faults by what they do to a request.
func overwriteFaults() map[string]func(reg *fakeregistry.Registry, cancel context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
	return map[string]func(reg *fakeregistry.Registry, cancel context.CancelFunc) func(http.ResponseWriter, *http.Request) bool{
		"is lost": func(reg *fakeregistry.Registry, _ context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return reg.LoseRequest()
		},
		"loses its response": func(reg *fakeregistry.Registry, _ context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return reg.LoseResponse()
		},
		"is refused": func(*fakeregistry.Registry, context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Errors(403, "DENIED", "no")
		},
		"fails": func(*fakeregistry.Registry, context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return fakeregistry.Errors(500, "UNKNOWN", "no")
		},
		"is canceled by the caller": func(_ *fakeregistry.Registry, cancel context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return func(http.ResponseWriter, *http.Request) bool {
				cancel()
				return false
			}
		},
		"coincides with a push": func(reg *fakeregistry.Registry, _ context.CancelFunc) func(http.ResponseWriter, *http.Request) bool {
			return func(_ http.ResponseWriter, req *http.Request) bool {
				if req.Method != http.MethodPut { // a push between the last check and the PUT cannot be detected
					reg.PutImage(repo, "pushed by another client", "v1")
				}
				return false
			}
		},
	}
}

var anyDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// wantConsistent expects success only if the tag is gone, and otherwise an error that says what
// the tag points to.
func wantConsistent(t *testing.T, reg *fakeregistry.Registry, original regret.Digest, err error) {
	t.Helper()
	current, exists := reg.Tag(repo, "v1")
	if !reg.HasManifest(repo, original) || reg.Tags(repo)["v2"] != original {
		t.Errorf("the original is gone: %v", err)
	}
	if err == nil {
		if exists {
			t.Errorf("success, but the tag points to %s", current)
		}
		return
	}
	e, _ := errors.AsType[*regret.Error](err)
	switch {
	case !exists && !strings.Contains(e.Hint, "gone") && !strings.Contains(e.Hint, "not known") && !strings.Contains(e.Hint, "could not be checked"):
		t.Errorf("the tag is gone, but the error does not say so: %v", err)
	case exists && current != original && !strings.Contains(strings.Join(anyDigest.FindAllString(e.Hint, -1), " "), string(current)) &&
		!strings.Contains(e.Hint, "nothing was changed") && !strings.Contains(e.Hint, "could not be checked") && e.Method != "GET":
		t.Errorf("the tag points to %s, but the error does not say so: %v", current, err)
	case exists && current == original && strings.Contains(e.Hint, "tag is gone"):
		t.Errorf("the tag exists, but the error says that it is gone: %v", err)
	}
}
