package threats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// setDigestHeader makes the registry return the given digests in Docker-Content-Digest.
func (s *testServer) setDigestHeader(method string, digests ...string) {
	s.intercept(method, "/v2/*/manifests/*", func(w http.ResponseWriter, req *http.Request) bool {
		s.registry.Serve(&digestHeaderWriter{w, digests}, req)
		return true
	})
}

type digestHeaderWriter struct {
	http.ResponseWriter
	digests []string
}

func (r *digestHeaderWriter) WriteHeader(status int) {
	r.Header()["Docker-Content-Digest"] = r.digests
	r.ResponseWriter.WriteHeader(status)
}

// serveManifestContent makes the registry return content for every manifest, with the digest named
// in the header unless it is "".
func (s *testServer) serveManifestContent(content, named string) {
	s.intercept("HEAD", "/v2/*/manifests/*", fakeregistry.Answer(405, nil, ""))
	s.intercept("GET", "/v2/*/manifests/*", func(w http.ResponseWriter, req *http.Request) bool {
		header := typed(ociImage)
		if named != "" {
			header["Docker-Content-Digest"] = named
		}
		return fakeregistry.Answer(200, header, content)(w, req)
	})
}

// byDigest returns the operations that take a digest, and byTag those that take a tag.
func byDigest() []operation { return []operation{resolveDigest, manifestByDigest, deleteManifest} }
func byTag() []operation    { return []operation{resolve, manifest, resolveAndDelete, bulkDelete} }

func TestThreatB01HEADNamesAnotherDigest(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), []operation{resolveDigest, deleteManifest}, func(t *testing.T, s *testServer, op operation) {
		s.setDigestHeader("HEAD", string(s.other.Digest))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
		s.wantRequests(requestLine("HEAD", s.image.Digest, 200))
	})
}

func TestThreatB02GETReturnsAnotherManifest(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), byDigest(), func(t *testing.T, s *testServer, op operation) {
		s.serveManifestContent(emptyImage, string(digest.FromString(emptyImage)))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
		s.wantNoWrites()
	})
}

func TestThreatB03BodyOfAnotherManifest(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		t.Run(fmt.Sprintf("the header has the right digest: %v", named), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), byDigest(), func(t *testing.T, s *testServer, op operation) {
				header := ""
				if named {
					header = string(s.image.Digest)
				}
				s.serveManifestContent(emptyImage, header)
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
				s.wantNoWrites()
			})
		})
	}
}

func TestThreatB04HeaderAndBodyOfATagDisagree(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), byTag(), func(t *testing.T, s *testServer, op operation) {
		s.serveManifestContent(emptyImage, string(s.other.Digest))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
		s.wantNoWrites()
	})
	t.Run("the registry converts nothing because the client accepts every type", func(t *testing.T) {
		t.Parallel()
		onAllTransports(t, func(t *testing.T, s *testServer) {
			stored := s.registry.PutDockerImage(repo, "old", "old").Digest
			list := s.registry.PutDockerList(repo, []string{"a", "b"}, "list").Digest
			c := s.client()
			for tag, want := range map[string]regret.Digest{"old": stored, "list": list, "v1": s.image.Digest} {
				if got, err := c.ResolveDigest(s.ctx(), repo, tag); err != nil || got != want {
					t.Errorf("%s resolves to %s, want %s: %v", tag, got, want, err)
				}
				if m, err := c.Manifest(s.ctx(), repo, tag); err != nil || m.Descriptor.Digest != want {
					t.Errorf("%s has the manifest %+v, want %s: %v", tag, m, want, err)
				}
			}
		}, fakeregistry.WithSchema1Conversion(), fakeregistry.WithChildForMissingListAccept(), fakeregistry.WithOCIHiddenWithoutAccept())
	})
}

// malformedDigests are invalid or unsupported digests, by case.
var malformedDigests = map[string][]string{
	"B05": {"sha256:zz", "sha256:", "", "latest", "sha256:" + strings.Repeat("a", 63), "sha256:" + strings.Repeat("a", 65), strings.Repeat("a", 64)},
	"B06": {"md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "x:" + strings.Repeat("a", 64)},
	"B07": {"sha256:../../../../etc/passwd", "../../v1", "sha256:" + strings.Repeat("a", 64) + "/../v1", "sha256:" + strings.Repeat("a", 64) + "?x=y"},
	"B10": {"sha256:" + strings.Repeat("A", 64), "SHA256:" + strings.Repeat("a", 64)},
}

// wantMalformedDigestsIgnored checks that a digest in the header that is none leaves the decision to
// the content, and that one as an argument is refused.
func wantMalformedDigestsIgnored(t *testing.T, id string) {
	t.Helper()
	t.Parallel()
	for i, bad := range malformedDigests[id] {
		transports := []transport{memory}
		if i == 0 { // one digest per case over all transports is enough
			transports = allTransports()
		}
		t.Run(fmt.Sprint("header ", i), func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"HEAD", "GET"} {
				operations := []operation{resolve, resolveDigest, resolveAndDelete, deleteManifest, bulkDelete}
				if method == "GET" {
					operations = []operation{manifest, manifestByDigest}
				}
				eachOperation(t, transports, operations, func(t *testing.T, s *testServer, op operation) {
					s.setDigestHeader(method, bad)
					if err := op.run(s.ctx(), s.client(), s); err != nil {
						t.Error(err)
					}
					s.wantOnlyItsOwnDeleted()
				})
			}
		})
		t.Run(fmt.Sprint("argument ", i), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *testServer) {
				wantErr(t, s.client().DeleteManifest(s.ctx(), repo, regret.Digest(bad)), regret.ErrInvalid)
				s.wantRequests()
			})
		})
	}
}

func TestThreatB05MalformedDigest(t *testing.T)            { wantMalformedDigestsIgnored(t, "B05") }
func TestThreatB06UnsupportedDigestAlgorithm(t *testing.T) { wantMalformedDigestsIgnored(t, "B06") }
func TestThreatB07DigestWithAPath(t *testing.T)            { wantMalformedDigestsIgnored(t, "B07") }
func TestThreatB10UppercaseDigest(t *testing.T)            { wantMalformedDigestsIgnored(t, "B10") }

func TestThreatB08HEADWithoutDigest(t *testing.T) {
	t.Parallel()
	eachOperation(t, allTransports(), []operation{resolve, resolveDigest}, func(t *testing.T, s *testServer, op operation) {
		s.setDigestHeader("HEAD")
		if err := op.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
		if sent := s.registry.Requests(); len(sent) != 2 || sent[0].Method != "HEAD" || sent[1].Method != "GET" {
			t.Errorf("requests %q, want HEAD and GET", s.requestLog())
		}
	})
	t.Run("the content does not match the digest", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, allTransports(), byDigest(), func(t *testing.T, s *testServer, op operation) {
			s.setDigestHeader("HEAD")
			s.intercept("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(ociImage), emptyImage))
			wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
			s.wantNoWrites()
		})
	})
}

func TestThreatB09TwoDigests(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"right first", "wrong first", "in one field"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, allTransports(), append(byDigest(), byTag()...), func(t *testing.T, s *testServer, op operation) {
				named := []string{string(s.image.Digest), string(s.other.Digest)}
				switch order {
				case "wrong first":
					named[0], named[1] = named[1], named[0]
				case "in one field": // which is no digest, so that the content decides
					named = []string{named[0] + ", " + named[1]}
				}
				s.setDigestHeader("HEAD", named...)
				s.setDigestHeader("GET", named...)
				err := op.run(s.ctx(), s.client(), s)
				if order == "in one field" {
					if err != nil {
						t.Error(err)
					}
					s.wantOnlyItsOwnDeleted()
					return
				}
				wantErr(t, err, regret.ErrDigestMismatch)
				s.wantNoWrites()
			})
		})
	}
}

func TestThreatB12WrongDigestBeforeADeletion(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		s.intercept("HEAD", "/v2/*/manifests/*", fakeregistry.Answer(404, nil, ""))
		s.setDigestHeader("GET", string(s.other.Digest))
		c := s.client()
		dgst, err := c.ResolveDigest(s.ctx(), repo, "v1")
		wantErr(t, err, regret.ErrDigestMismatch)
		if dgst != "" {
			t.Errorf("resolved to %s in spite of the error", dgst)
		}
		wantErr(t, c.DeleteManifest(s.ctx(), repo, dgst), regret.ErrInvalid)
		s.wantNoWrites()
		s.wantNothingDeleted()
	})
}

func TestThreatD19OtherContentUnderTheDigest(t *testing.T) {
	t.Parallel()
	t.Run("nothing is deleted", func(t *testing.T) {
		t.Parallel()
		onAllTransports(t, func(t *testing.T, s *testServer) {
			s.serveManifestContent(emptyImage, "")
			wantErr(t, deleteManifest.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
			s.wantNoWrites()
		})
	})
	t.Run("a tag that moves after it was resolved is not followed", func(t *testing.T) {
		t.Parallel()
		onAllTransports(t, func(t *testing.T, s *testServer) {
			c := s.client()
			dgst, err := c.ResolveDigest(s.ctx(), repo, "v1")
			if err != nil {
				t.Fatal(err)
			}
			s.registry.SetTag(repo, "v1", s.other.Digest)
			if err := c.DeleteManifest(s.ctx(), repo, dgst); err != nil {
				t.Error(err)
			}
			s.wantRequests(requestLine("HEAD", "v1", 200), requestLine("DELETE", s.image.Digest, 202))
			if !s.registry.HasManifest(repo, s.other.Digest) {
				t.Error("the manifest that the tag now points to was deleted")
			}
		})
	})
}

// A SHA-512 digest is supported, and the client verifies content against it.
func TestThreatSHA512Reference(t *testing.T) {
	t.Parallel()
	want := digest.SHA512.FromString(emptyImage)
	for name, content := range map[string]string{"the content": emptyImage, "other content": emptyImage + " "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onAllTransports(t, func(t *testing.T, s *testServer) {
				s.serveManifestContent(content, "")
				s.intercept("DELETE", "", fakeregistry.Answer(202, nil, ""))
				dgst, err := s.client().ResolveDigest(s.ctx(), repo, string(want))
				deletion := s.client().DeleteManifest(s.ctx(), repo, want)
				if content != emptyImage {
					wantErr(t, err, regret.ErrDigestMismatch)
					wantErr(t, deletion, regret.ErrDigestMismatch)
					s.wantNoWrites()
					return
				}
				if err != nil || dgst != want || deletion != nil {
					t.Errorf("resolved to %s: %v; deleted: %v", dgst, err, deletion)
				}
				if writes := s.registry.Writes(); len(writes) != 1 || writes[0].Path != manifestPath(want) {
					t.Errorf("writes %v, want one DELETE of %s", writes, want)
				}
			})
		})
	}
}

// A parsed reference may have both a tag and a digest, but an operation takes only one of them.
func TestThreatTagAndDigest(t *testing.T) {
	t.Parallel()
	onAllTransports(t, func(t *testing.T, s *testServer) {
		ref, err := regret.ParseReference(host + "/" + repo + ":v1@" + string(s.image.Digest))
		if err != nil || ref.Tag != "v1" || ref.Digest != s.image.Digest {
			t.Fatalf("parsed %+v: %v", ref, err)
		}
		c, both := s.client(), ref.Tag+"@"+string(ref.Digest)
		_, err = c.ResolveDigest(s.ctx(), repo, both)
		wantErr(t, err, regret.ErrInvalid)
		wantErr(t, c.DeleteManifest(s.ctx(), repo, regret.Digest(both)), regret.ErrInvalid)
		wantErr(t, c.Untag(s.ctx(), repo, both), regret.ErrInvalid)
		s.wantRequests()
	})
}

// wantOnlyItsOwnDeleted checks that every write is a DELETE of a digest that the registry stores.
func (s *testServer) wantOnlyItsOwnDeleted() {
	s.t.Helper()
	for _, r := range s.registry.Requests() {
		switch {
		case r.Method == "GET", r.Method == "HEAD":
		case r.Method == "DELETE" && (strings.HasSuffix(r.Path, "/"+string(s.image.Digest)) || strings.HasSuffix(r.Path, "/"+string(s.other.Digest))):
		default:
			s.t.Errorf("unexpected %s %s", r.Method, r.Path)
		}
	}
}
