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

// names lets the registry answer, and name other digests than it would.
func (s *stage) names(method string, digests ...string) {
	s.on(method, "/v2/*/manifests/*", func(w http.ResponseWriter, req *http.Request) bool {
		s.registry.Serve(&renaming{w, digests}, req)
		return true
	})
}

type renaming struct {
	http.ResponseWriter
	digests []string
}

func (r *renaming) WriteHeader(status int) {
	r.Header()["Docker-Content-Digest"] = r.digests
	r.ResponseWriter.WriteHeader(status)
}

// serves lets the registry answer every question about a manifest with this
// content, and with a digest in the header unless that is empty.
func (s *stage) serves(content, named string) {
	s.on("HEAD", "/v2/*/manifests/*", fakeregistry.Answer(405, nil, ""))
	s.on("GET", "/v2/*/manifests/*", func(w http.ResponseWriter, req *http.Request) bool {
		header := typed(ociImage)
		if named != "" {
			header["Docker-Content-Digest"] = named
		}
		return fakeregistry.Answer(200, header, content)(w, req)
	})
}

// byDigest are the operations whose caller names a digest, byTag those whose
// caller names a tag.
func byDigest() []operation { return []operation{resolveDigest, manifestByDigest, deleteManifest} }
func byTag() []operation    { return []operation{resolve, manifest, resolveAndDelete, bulk} }

func TestThreatB01HEADNamesAnotherDigest(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), []operation{resolveDigest, deleteManifest}, func(t *testing.T, s *stage, op operation) {
		s.names("HEAD", string(s.other.Digest))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
		s.wantRequests(requestLine("HEAD", s.image.Digest, 200))
	})
}

func TestThreatB02GETAgreesOnAnother(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), byDigest(), func(t *testing.T, s *stage, op operation) {
		s.serves(emptyImage, string(digest.FromString(emptyImage)))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
		s.wantNoWrites()
	})
}

func TestThreatB03BodyIsAnother(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		t.Run(fmt.Sprintf("the header is right %v", named), func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), byDigest(), func(t *testing.T, s *stage, op operation) {
				header := ""
				if named {
					header = string(s.image.Digest)
				}
				s.serves(emptyImage, header)
				wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
				s.wantNoWrites()
			})
		})
	}
}

func TestThreatB04TagWhoseHeaderAndBodyDisagree(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), byTag(), func(t *testing.T, s *stage, op operation) {
		s.serves(emptyImage, string(s.other.Digest))
		wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
		s.wantNoWrites()
	})
	t.Run("nothing is converted, since everything is accepted", func(t *testing.T) {
		t.Parallel()
		everywhere(t, func(t *testing.T, s *stage) {
			stored := s.registry.PutDockerImage(repo, "old", "old").Digest
			list := s.registry.PutDockerList(repo, []string{"a", "b"}, "list").Digest
			c := s.client()
			for tag, want := range map[string]regret.Digest{"old": stored, "list": list, "v1": s.image.Digest} {
				if got, err := c.ResolveDigest(s.ctx(), repo, tag); err != nil || got != want {
					t.Errorf("%s is %s, want %s: %v", tag, got, want, err)
				}
				if m, err := c.Manifest(s.ctx(), repo, tag); err != nil || m.Descriptor.Digest != want {
					t.Errorf("%s reads %+v, want %s: %v", tag, m, want, err)
				}
			}
		}, fakeregistry.WithSchema1Conversion(), fakeregistry.WithChildForMissingListAccept(), fakeregistry.WithOCIHiddenWithoutAccept())
	})
}

// malformed are digests that are none.
var malformed = map[string][]string{
	"B05": {"sha256:zz", "sha256:", "", "latest", "sha256:" + strings.Repeat("a", 63), "sha256:" + strings.Repeat("a", 65), strings.Repeat("a", 64)},
	"B06": {"md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "x:" + strings.Repeat("a", 64)},
	"B07": {"sha256:../../../../etc/passwd", "../../v1", "sha256:" + strings.Repeat("a", 64) + "/../v1", "sha256:" + strings.Repeat("a", 64) + "?x=y"},
	"B10": {"sha256:" + strings.Repeat("A", 64), "SHA256:" + strings.Repeat("a", 64)},
}

func wantMalformedRefused(t *testing.T, id string) {
	t.Helper()
	t.Parallel()
	for i, bad := range malformed[id] {
		ways := []way{memory}
		if i == 0 { // the transports differ in nothing that the others would show
			ways = anyWay()
		}
		t.Run(fmt.Sprint("header ", i), func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"HEAD", "GET"} {
				operations := []operation{resolve, resolveDigest, resolveAndDelete, deleteManifest, bulk}
				if method == "GET" {
					operations = []operation{manifest, manifestByDigest}
				}
				eachOperation(t, ways, operations, func(t *testing.T, s *stage, op operation) {
					s.names(method, bad)
					wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrNotRegistry)
					s.wantNoWrites()
				})
			}
		})
		t.Run(fmt.Sprint("argument ", i), func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, s *stage) {
				wantErr(t, s.client().DeleteManifest(s.ctx(), repo, regret.Digest(bad)), regret.ErrInvalid)
				s.wantRequests()
			})
		})
	}
}

func TestThreatB05DigestThatIsNone(t *testing.T)    { wantMalformedRefused(t, "B05") }
func TestThreatB06DigestOfABrokenKind(t *testing.T) { wantMalformedRefused(t, "B06") }
func TestThreatB07DigestThatIsAPath(t *testing.T)   { wantMalformedRefused(t, "B07") }
func TestThreatB10DigestInCapitals(t *testing.T)    { wantMalformedRefused(t, "B10") }

func TestThreatB08HEADWithoutDigest(t *testing.T) {
	t.Parallel()
	eachOperation(t, anyWay(), []operation{resolve, resolveDigest}, func(t *testing.T, s *stage, op operation) {
		s.names("HEAD")
		if err := op.run(s.ctx(), s.client(), s); err != nil {
			t.Error(err)
		}
		if sent := s.registry.Requests(); len(sent) != 2 || sent[0].Method != "HEAD" || sent[1].Method != "GET" {
			t.Errorf("sent %q", s.requests())
		}
	})
	t.Run("and the content is another", func(t *testing.T) {
		t.Parallel()
		eachOperation(t, anyWay(), byDigest(), func(t *testing.T, s *stage, op operation) {
			s.names("HEAD")
			s.on("GET", "/v2/*/manifests/*", fakeregistry.Answer(200, typed(ociImage), emptyImage))
			wantErr(t, op.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
			s.wantNoWrites()
		})
	})
}

func TestThreatB09TwoDigests(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"right first", "wrong first", "in one line"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			eachOperation(t, anyWay(), append(byDigest(), byTag()...), func(t *testing.T, s *stage, op operation) {
				named := []string{string(s.image.Digest), string(s.other.Digest)}
				want := regret.ErrDigestMismatch
				switch order {
				case "wrong first":
					named[0], named[1] = named[1], named[0]
				case "in one line":
					named, want = []string{named[0] + ", " + named[1]}, regret.ErrNotRegistry
				}
				s.names("HEAD", named...)
				s.names("GET", named...)
				wantErr(t, op.run(s.ctx(), s.client(), s), want)
				s.wantNoWrites()
			})
		})
	}
}

func TestThreatB12DeletionOfATagWhoseHeaderLies(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		s.on("HEAD", "/v2/*/manifests/*", fakeregistry.Answer(404, nil, ""))
		s.names("GET", string(s.other.Digest))
		c := s.client()
		dgst, err := c.ResolveDigest(s.ctx(), repo, "v1")
		wantErr(t, err, regret.ErrDigestMismatch)
		if dgst != "" {
			t.Errorf("resolved to %s all the same", dgst)
		}
		wantErr(t, c.DeleteManifest(s.ctx(), repo, dgst), regret.ErrInvalid)
		s.wantNoWrites()
		s.wantAllThere()
	})
}

func TestThreatD19OtherContentUnderTheDigest(t *testing.T) {
	t.Parallel()
	t.Run("nothing is deleted", func(t *testing.T) {
		t.Parallel()
		everywhere(t, func(t *testing.T, s *stage) {
			s.serves(emptyImage, "")
			wantErr(t, deleteManifest.run(s.ctx(), s.client(), s), regret.ErrDigestMismatch)
			s.wantNoWrites()
		})
	})
	t.Run("a tag that moves meanwhile does not matter", func(t *testing.T) {
		t.Parallel()
		everywhere(t, func(t *testing.T, s *stage) {
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
				t.Error("what the tag stands for now is gone")
			}
		})
	})
}

// A digest of 512 bits is as good, and decides as well.
func TestThreatSHA512Reference(t *testing.T) {
	t.Parallel()
	want := digest.SHA512.FromString(emptyImage)
	for name, content := range map[string]string{"the content": emptyImage, "other content": emptyImage + " "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, s *stage) {
				s.serves(content, "")
				s.on("DELETE", "", fakeregistry.Answer(202, nil, ""))
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
					t.Errorf("sent %v", writes)
				}
			})
		})
	}
}

// A whole reference may have a tag and a digest; an operation takes one of them.
func TestThreatTagAndDigest(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *stage) {
		ref, err := regret.ParseReference(host + "/" + repo + ":v1@" + string(s.image.Digest))
		if err != nil || ref.Tag != "v1" || ref.Digest != s.image.Digest {
			t.Fatalf("read %+v: %v", ref, err)
		}
		c, both := s.client(), ref.Tag+"@"+string(ref.Digest)
		_, err = c.ResolveDigest(s.ctx(), repo, both)
		wantErr(t, err, regret.ErrInvalid)
		wantErr(t, c.DeleteManifest(s.ctx(), repo, regret.Digest(both)), regret.ErrInvalid)
		wantErr(t, c.Untag(s.ctx(), repo, both), regret.ErrInvalid)
		s.wantRequests()
	})
}
