package threats_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// deletionRefusals are responses to a DELETE of a tag that fails.
var deletionRefusals = map[string]fault{
	"400": errorResponse(400, "DIGEST_INVALID"), "405": errorResponse(405, "UNSUPPORTED"), "403": errorResponse(403, "DENIED"), "404": errorResponse(404, "MANIFEST_UNKNOWN"),
	"409": errorResponse(409, "CONFLICT"), "501": errorResponse(501, "UNSUPPORTED"), "500": errorResponse(500, "UNKNOWN"), "429": errorResponse(429, "TOOMANYREQUESTS"), "503": emptyResponse(503),
}

// Untag sends only DELETEs by tag, however the registry refuses them. It must not fall back to
// deleting by digest, because the manifest may have other tags.
func TestThreatD13TagDeleteNeverBecomesADigestDelete(t *testing.T) {
	t.Parallel()
	for name, refusal := range deletionRefusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				s.intercept("DELETE", "", refusal)
				c := s.client()
				if err := resolve.run(s.ctx(), c, s); err != nil { // the client now knows the digest
					t.Fatal(err)
				}
				wantErr(t, untag.run(s.ctx(), c, s))
				for _, r := range s.registry.Writes() {
					if r.Method != http.MethodDelete || r.Path != manifestPath("v1") {
						t.Errorf("unexpected write: %s", r)
					}
				}
				s.wantNothingDeleted()
			})
		})
	}
}

// After a temporary failure the client retries the same request and finally fails. It does not try a
// different one.
func TestThreatD14TransientFailureHasNoFallback(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{"429": errorResponse(429, "TOOMANYREQUESTS"), "503": errorResponse(503, "UNAVAILABLE")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := map[string]string{"429": "DELETE 429", "503": "DELETE 503"}[name]
			want := map[string]error{"429": regret.ErrRateLimited, "503": regret.ErrUnavailable}[name]
			runDeletions(t, deletionCase{untag, answersRepeatedly(f), []error{want}, strings.Join([]string{status, status, status, status}, ", "), false})
		})
	}
}

// Another client pushes the tag again while this one waits for the response to its DELETE, which is
// lost. The client must not delete what was pushed meanwhile.
func TestThreatTagPushedAgainAfterALostResponse(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"and the tag was not resolved before": false, "and the tag was resolved before": true} {
		for loss, f := range map[string]func(*testServer) fault{
			"the response is lost": func(s *testServer) fault { return s.registry.LoseResponse() },
			"the request is lost":  func(s *testServer) fault { return s.registry.LoseRequest() },
			"502":                  func(*testServer) fault { return emptyResponse(502) },
		} {
			t.Run(loss+" "+name, func(t *testing.T) {
				t.Parallel()
				onAllTransports(t, func(t *testing.T, s *testServer) {
					c := s.client()
					if known {
						if err := resolve.run(s.ctx(), c, s); err != nil {
							t.Fatal(err)
						}
					}
					lost := f(s)
					var pushed regret.Descriptor
					s.interceptDeletes(func(w http.ResponseWriter, req *http.Request) bool {
						pushed = s.registry.PutImage(repo, "pushed meanwhile", "v1")
						return lost(w, req)
					})
					if loss == "the response is lost" { // the DELETE removes the old tag before the push
						s.registry.Intercept(1, fakeregistry.On("DELETE", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
							s.registry.Serve(httptest.NewRecorder(), req)
							pushed = s.registry.PutImage(repo, "pushed meanwhile", "v1")
							return s.registry.LoseRequest()(w, req)
						})
					}
					wantErr(t, untag.run(s.ctx(), c, s), regret.ErrOutcomeUnknown)
					if at, _ := s.registry.Tag(repo, "v1"); at != pushed.Digest {
						t.Errorf("the tag points to %q, want the pushed %q", at, pushed.Digest)
					}
					if n := len(s.registry.Writes()); n != 1 {
						t.Errorf("%d DELETEs, want 1", n)
					}
				})
			})
		}
	}
}

// A bulk deletion reports each failure separately.
func TestThreatBulkReportsEachFailure(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		s.registry.Intercept(0, fakeregistry.On("DELETE", manifestPath(s.image.Digest)), errorResponse(403, "DENIED"))
		c := s.client()
		err := deleteTaggedManifests(s.ctx(), c, s)
		e := wantErr(t, err, regret.ErrForbidden, regret.CodeDenied)
		if n := len(splitErrors(err)); n != 1 || e.Reference != string(s.image.Digest) || e.Repository != repo {
			t.Errorf("%d failures, the first about %s@%s: %v", n, e.Repository, e.Reference, err)
		}
		if s.registry.HasManifest(repo, s.other.Digest) || !s.registry.HasManifest(repo, s.image.Digest) {
			t.Error("the registry's content does not match the reported failures")
		}
	})
}

// If another client pushes a tag after it was resolved, the client deletes the resolved manifest and
// not the pushed one.
func TestThreatBulkWithAConcurrentPush(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		c := s.client()
		dgst, err := c.ResolveDigest(s.ctx(), repo, "v1")
		if err != nil {
			t.Fatal(err)
		}
		pushed := s.registry.PutImage(repo, "pushed meanwhile", "v1")
		if err := c.DeleteManifest(s.ctx(), repo, dgst); err != nil {
			t.Fatal(err)
		}
		if at, _ := s.registry.Tag(repo, "v1"); at != pushed.Digest || !s.registry.HasManifest(repo, pushed.Digest) {
			t.Error("the manifest that was pushed meanwhile was deleted")
		}
		s.wantRequests(requestLine("HEAD", "v1", 200), requestLine("DELETE", dgst, 202))
	})
}

// CheckDelete tells a caller that deletion is disabled before it starts a bulk deletion.
func TestThreatCheckDeleteBeforeBulk(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		s.intercept("DELETE", "", errorResponse(405, "UNSUPPORTED"))
		wantErr(t, s.client().CheckDelete(s.ctx(), repo), regret.ErrDeleteDisabled)
		s.wantRequestsAtMost(1)
		s.wantNothingDeleted()
	})
}

// Some registries answer a DELETE of a blob's digest with 202. The client never sends the digest of a
// layer, which is not a manifest.
func TestThreatV19AcceptedForABlob(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		layer := s.registry.PutBlob(repo, []byte("a layer")).Digest
		err := s.client().DeleteManifest(s.ctx(), repo, layer)
		wantErr(t, err, regret.ErrNotFound)
		s.wantNoWrites()
		if !s.registry.HasBlob(repo, layer) {
			t.Error("the layer was deleted")
		}
	}, fakeregistry.WithBlobDigestDelete())
}

// If a registry deletes the manifest and reports an error, its tags may be left. The client's error
// advises to look at the tags.
func TestThreatV19DeletedButStillTagged(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		s.interceptDeletes(s.afterServing(errorResponse(202, "UNKNOWN")))
		err := deleteManifest.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.ErrOutcomeUnknown, regret.CodeUnknown)
		wantText(t, err, "look at the tags")
	})
}

// A 404 for a manifest that the registry still serves is not ErrNotFound.
func TestThreatV19NotFoundButServed(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		s.interceptDeletes(errorResponse(404, "MANIFEST_UNKNOWN"))
		err := deleteManifest.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.CodeManifestUnknown)
		wantNot(t, err, regret.ErrNotFound)
		s.wantNothingDeleted()
	})
}

// An error code, and not the status code 404, distinguishes a missing manifest from a missing page.
func TestThreatV19NotFoundByErrorCode(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]bool{"MANIFEST_UNKNOWN": true, "NAME_UNKNOWN": true, "": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), []operation{deleteManifest, untag}, func(t *testing.T, s *testServer, op operation) {
				f := emptyResponse(404)
				if missing {
					f = s.afterServing(errorResponse(404, name)) // another client deleted it first
				}
				s.interceptDeletes(f)
				err := op.run(s.ctx(), s.client(), s)
				wantErr(t, err)
				if errors.Is(err, regret.ErrNotFound) != missing {
					t.Errorf("error is ErrNotFound: %t, want %t: %v", !missing, missing, err)
				}
			})
		})
	}
}

// If another client pushes the tag after this one has resolved it, UntagByOverwrite does not overwrite
// the pushed manifest.
func TestThreatOverwriteWithAConcurrentPush(t *testing.T) {
	t.Parallel()
	for name, verb := range map[string]string{"during the check that deletion is enabled": "DELETE", "during the read of the manifest": "GET"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				var pushed regret.Descriptor
				s.registry.Intercept(1, fakeregistry.On(verb, "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
					s.registry.Serve(w, req)
					pushed = s.registry.PutImage(repo, "pushed meanwhile", "v1")
					return true
				})
				wantErr(t, s.client().UntagByOverwrite(s.ctx(), repo, "v1"), regret.ErrStillPresent)
				for _, r := range s.registry.Writes() {
					// The PUT by digest tests that a roll-back works, and a temporary tag holds the original.
					if r.Method == http.MethodPut && r.Path != manifestPath(s.image.Digest) && !strings.HasPrefix(r.Path, manifestPath("regret-keep-")) {
						t.Errorf("unexpected write: %s", r)
					}
				}
				for tag := range s.registry.Tags(repo) {
					if strings.HasPrefix(tag, "regret-keep-") {
						t.Errorf("the temporary tag %s is left", tag)
					}
				}
				if at, _ := s.registry.Tag(repo, "v1"); at != pushed.Digest {
					t.Errorf("the tag points to %q, want the pushed %q", at, pushed.Digest)
				}
				s.wantManifestKept()
			})
		})
	}
}
