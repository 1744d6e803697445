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

// refusals are the ways to say that a tag is not deleted.
var refusals = map[string]fault{
	"400": reports(400, "DIGEST_INVALID"), "405": reports(405, "UNSUPPORTED"), "403": reports(403, "DENIED"), "404": reports(404, "MANIFEST_UNKNOWN"),
	"409": reports(409, "CONFLICT"), "501": reports(501, "UNSUPPORTED"), "500": reports(500, "UNKNOWN"), "429": reports(429, "TOOMANYREQUESTS"), "503": says(503),
}

// Untag is a DELETE by tag and never anything else, however it is refused: the
// manifest may have other tags.
func TestThreatD13TagDeleteNeverBecomesADigestDelete(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, s *stage) {
				s.on("DELETE", "", refusal)
				c := s.client()
				if err := resolve.run(s.ctx(), c, s); err != nil { // it knows the digest
					t.Fatal(err)
				}
				wantErr(t, untag.run(s.ctx(), c, s))
				for _, r := range s.registry.Writes() {
					if r.Method != http.MethodDelete || r.Path != manifestPath("v1") {
						t.Errorf("sent: %s", r)
					}
				}
				s.wantAllThere()
			})
		})
	}
}

// What fails for the moment is asked again in the same words, and at last fails.
func TestThreatD14TransientFailureHasNoFallback(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{"429": reports(429, "TOOMANYREQUESTS"), "503": reports(503, "UNAVAILABLE")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := map[string]string{"429": "DELETE 429", "503": "DELETE 503"}[name]
			want := map[string]error{"429": regret.ErrRateLimited, "503": regret.ErrUnavailable}[name]
			deleted(t, deletion{untag, again(f), []error{want}, strings.Join([]string{status, status, status, status}, ", "), false})
		})
	}
}

// Somebody pushes the tag anew while the client waits for the answer to its
// DELETE, which is lost: what is under the tag now was not meant.
func TestThreatTagPushedAgainAfterALostAnswer(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"and nobody knows what it was": false, "and it was known what it was": true} {
		for loss, f := range map[string]func(*stage) fault{
			"the answer is lost":  func(s *stage) fault { return s.registry.LoseResponse() },
			"the request is lost": func(s *stage) fault { return s.registry.LoseRequest() },
			"502":                 func(*stage) fault { return says(502) },
		} {
			t.Run(loss+" "+name, func(t *testing.T) {
				t.Parallel()
				everywhere(t, func(t *testing.T, s *stage) {
					c := s.client()
					if known {
						if err := resolve.run(s.ctx(), c, s); err != nil {
							t.Fatal(err)
						}
					}
					lost := f(s)
					var pushed regret.Descriptor
					s.deletes(func(w http.ResponseWriter, req *http.Request) bool {
						pushed = s.registry.PutImage(repo, "pushed meanwhile", "v1")
						return lost(w, req)
					})
					if loss == "the answer is lost" { // the tag that it deletes is the old one
						s.registry.Intercept(1, fakeregistry.On("DELETE", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
							s.registry.Serve(httptest.NewRecorder(), req)
							pushed = s.registry.PutImage(repo, "pushed meanwhile", "v1")
							return s.registry.LoseRequest()(w, req)
						})
					}
					wantErr(t, untag.run(s.ctx(), c, s), regret.ErrOutcomeUnknown)
					if at, _ := s.registry.Tag(repo, "v1"); at != pushed.Digest {
						t.Errorf("the tag is at %q, want what was pushed", at)
					}
					if n := len(s.registry.Writes()); n != 1 {
						t.Errorf("%d DELETEs, want 1", n)
					}
				})
			})
		}
	}
}

// Of many deletions each says for itself what became of it.
func TestThreatBulkReportsEachFailure(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		s.registry.Intercept(0, fakeregistry.On("DELETE", manifestPath(s.image.Digest)), reports(403, "DENIED"))
		c := s.client()
		err := deleteEverything(s.ctx(), c, s)
		e := wantErr(t, err, regret.ErrForbidden, regret.CodeDenied)
		if n := len(unjoined(err)); n != 1 || e.Reference != string(s.image.Digest) || e.Repository != repo {
			t.Errorf("%d failures, the first about %s@%s: %v", n, e.Repository, e.Reference, err)
		}
		if s.registry.HasManifest(repo, s.other.Digest) || !s.registry.HasManifest(repo, s.image.Digest) {
			t.Error("not what the report says")
		}
	})
}

// Somebody pushes a tag between the list and the deletion: what was resolved is
// deleted, and not what is under the tag now.
func TestThreatBulkAndAPushInBetween(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
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
			t.Error("what was pushed meanwhile is gone")
		}
		s.wantRequests(requestLine("HEAD", "v1", 200), requestLine("DELETE", dgst, 202))
	})
}

// A registry of which a list says that it is off stops those who ask it first.
func TestThreatBulkAsksFirst(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		s.on("DELETE", "", reports(405, "UNSUPPORTED"))
		wantErr(t, s.client().CheckDelete(s.ctx(), repo), regret.ErrDeleteDisabled)
		s.wantAtMost(1)
		s.wantAllThere()
	})
}

// A registry says 202 to what it does not delete: the digest of a layer, which
// is not a manifest, is never sent.
func TestThreatV19AcceptedForWhatIsNoManifest(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		layer := s.registry.PutBlob(repo, []byte("a layer")).Digest
		err := s.client().DeleteManifest(s.ctx(), repo, layer)
		wantErr(t, err, regret.ErrNotFound)
		s.wantNoWrites()
		if !s.registry.HasBlob(repo, layer) {
			t.Error("the layer is gone")
		}
	}, fakeregistry.WithBlobDigestDelete())
}

// A registry that deletes the manifest and leaves the tag says so, or the tag
// is found dangling by whoever asks.
func TestThreatV19DeletedAndStillTagged(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		s.deletes(s.done(reports(202, "UNKNOWN")))
		err := deleteManifest.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.ErrOutcomeUnknown, regret.CodeUnknown)
		wantText(t, err, "look at the tags")
	})
}

// A registry that says of what it serves that it is missing is not believed.
func TestThreatV19NotFoundAndServed(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		s.deletes(reports(404, "MANIFEST_UNKNOWN"))
		err := deleteManifest.run(s.ctx(), s.client(), s)
		wantErr(t, err, regret.CodeManifestUnknown)
		wantNot(t, err, regret.ErrNotFound)
		s.wantAllThere()
	})
}

// A missing manifest is told from a missing page by what is said, not by 404.
func TestThreatV19NotFoundByTheBody(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]bool{"MANIFEST_UNKNOWN": true, "NAME_UNKNOWN": true, "": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), []operation{deleteManifest, untag}, func(t *testing.T, s *stage, op operation) {
				f := says(404)
				if missing {
					f = s.done(reports(404, name)) // somebody else was faster
				}
				s.deletes(f)
				err := op.run(s.ctx(), s.client(), s)
				wantErr(t, err)
				if errors.Is(err, regret.ErrNotFound) != missing {
					t.Errorf("not found is %t: %v", !missing, err)
				}
			})
		})
	}
}

// Somebody pushes the tag between the reading of what it stands for and the
// overwriting: nothing is written over that.
func TestThreatOverwriteAfterAPush(t *testing.T) {
	t.Parallel()
	for name, verb := range map[string]string{"while it is asked whether deleting works": "DELETE", "while it is read": "GET"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, s *stage) {
				var pushed regret.Descriptor
				s.registry.Intercept(1, fakeregistry.On(verb, "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
					s.registry.Serve(w, req)
					pushed = s.registry.PutImage(repo, "pushed meanwhile", "v1")
					return true
				})
				wantErr(t, s.client().UntagByOverwrite(s.ctx(), repo, "v1"), regret.ErrStillPresent)
				for _, r := range s.registry.Writes() {
					if r.Method == http.MethodPut && r.Path != manifestPath(s.image.Digest) { // which proves the way back
						t.Errorf("sent: %s", r)
					}
				}
				if at, _ := s.registry.Tag(repo, "v1"); at != pushed.Digest {
					t.Errorf("the tag is at %q, want what was pushed", at)
				}
				s.wantManifest()
			})
		})
	}
}
