package regret_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// A nested index lists one image and an index of two images.
type nestedIndex struct {
	top  regret.Digest
	all  []regret.Digest // every manifest, the top one included
	tags []string
}

func putNestedIndex(t *testing.T, reg *fakeregistry.Registry, name string, tags ...string) nestedIndex {
	t.Helper()
	inner := reg.PutIndex(name, []string{"amd64", "arm64"})
	lone := reg.PutImage(name, "s390x")
	top := putIndexOf(t, reg, name, []regret.Descriptor{lone, inner}, tags...)
	return nestedIndex{top.Digest, []regret.Digest{
		top.Digest, inner.Digest, lone.Digest, reg.PutImage(name, "amd64").Digest, reg.PutImage(name, "arm64").Digest,
	}, tags}
}

// putIndexOf stores an index of the given manifests without any check.
func putIndexOf(t *testing.T, reg *fakeregistry.Registry, name string, list []regret.Descriptor, tags ...string) regret.Descriptor {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": list})
	if err != nil {
		t.Fatal(err)
	}
	d := reg.PutManifest(name, "", ocispec.MediaTypeImageIndex, raw)
	for _, tag := range tags {
		reg.SetTag(name, tag, d.Digest)
	}
	return d
}

// wantComplete expects all manifests of the index, and no tags of manifests but those given.
func (n nestedIndex) wantComplete(t *testing.T, reg *fakeregistry.Registry, name string, tags ...string) {
	t.Helper()
	for i, dgst := range n.all {
		if !reg.HasManifest(name, dgst) {
			t.Errorf("manifest %d is gone", i)
		}
	}
	left := reg.Tags(name)
	for _, tag := range tags {
		if left[tag] != n.top {
			t.Errorf("the tag %s points to %q, want the index", tag, left[tag])
		}
	}
	for tag, dgst := range left { // Nexus leaves tags behind that point to nothing
		if reg.HasManifest(name, dgst) && !slices.Contains(tags, tag) {
			t.Errorf("the tag %s is left", tag)
		}
	}
}

// shortRequests lists the requests with a word for what they are about: the tag, the original, a
// child, the temporary tag, or another digest.
func (n nestedIndex) shortRequests(reg *fakeregistry.Registry) string {
	var lines []string
	for _, r := range reg.Requests() {
		what := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
		switch i := slices.Index(n.all, regret.Digest(what)); {
		case i == 0:
			what = "original"
		case i > 0:
			what = "child"
		case strings.HasPrefix(what, "sha256:"):
			what = "other"
		case strings.HasPrefix(what, "regret-keep-"):
			what = "temporary"
		}
		lines = append(lines, r.Method+" "+what)
	}
	var short []string // with the number of equal requests in a row
	for i := 0; i < len(lines); {
		n := i + 1
		for n < len(lines) && lines[n] == lines[i] {
			n++
		}
		if n-i > 1 {
			short = append(short, lines[i]+" x"+string(rune('0'+n-i)))
		} else {
			short = append(short, lines[i])
		}
		i = n
	}
	return strings.Join(short, ", ")
}

// At no registry may removing a tag of an index cost the index or any manifest below it.
func TestServerS1UntagByOverwriteKeepsTheChildrenAtEveryRegistry(t *testing.T) {
	t.Parallel()
	for _, p := range fakeregistry.Profiles() {
		for _, known := range []bool{false, true} {
			rule := "without another tag at "
			if known {
				rule = "with a known other tag at "
			}
			t.Run(rule+p.Name, func(t *testing.T) {
				t.Parallel()
				name, registry := repo, p.Host
				if registry == "" {
					registry = host
				}
				reg := p.New()
				tags, left := []string{"v1"}, []string(nil)
				if known {
					tags, left = []string{"v1", "v2"}, []string{"v2"}
				}
				index := putNestedIndex(t, reg, name, tags...)
				c := newClientOf(t, registry, reg)
				if known {
					_, err := c.ResolveDigest(t.Context(), name, "v2")
					wantErr(t, err)
				}
				if err := c.UntagByOverwrite(t.Context(), name, "v1"); err != nil {
					left = tags
					if !strings.Contains(err.Error(), "rolled back") {
						wantText(t, err, "nothing was changed")
					}
				}
				index.wantComplete(t, reg, name, left...)
			})
		}
	}
}

func TestServerS1UntagByOverwriteSendsAsFewWritesAsPossible(t *testing.T) {
	t.Parallel()
	const (
		checks    = "GET v1, GET child x4, DELETE other, PUT original, "
		overwrite = "HEAD v1, PUT v1, DELETE other, HEAD v1, GET v1, "
		proof     = "HEAD child x4, HEAD original"
	)
	tests := []struct {
		rule    string
		profile fakeregistry.Profile
		known   bool // another tag is known to point to the index
		sent    string
	}{
		{"a temporary tag holds the index where tags can be deleted", fakeregistry.Zot(), false,
			checks + "DELETE temporary, PUT temporary x2, HEAD other, GET other, " + overwrite + "DELETE temporary, HEAD temporary, GET temporary, " + proof},
		{"the temporary tag goes before the overwrite where nothing is removed then", fakeregistry.Distribution3(), false,
			checks + "DELETE temporary, PUT temporary x2, HEAD other, DELETE temporary, HEAD temporary, GET temporary, " + overwrite + proof},
		{"another tag that is known holds it already", fakeregistry.Zot(), true, checks + "HEAD v2, " + overwrite + proof},
		{"there is no temporary tag where it could not be removed", fakeregistry.Distribution2(), false, checks + "DELETE temporary, " + overwrite + proof},
		{"there is no temporary tag at Harbor either", fakeregistry.Harbor(), false, checks + "DELETE temporary, " + overwrite + proof},
		{"what a registry removes that cannot hold it is restored, children first",
			fakeregistry.Profile{Name: "prunes", Options: []fakeregistry.Option{fakeregistry.WithoutTagDelete(), fakeregistry.WithPruneOnOverwrite()}}, false,
			checks + "DELETE temporary, " + overwrite +
				"HEAD child, GET child, PUT child, HEAD child x2, GET child, PUT child, HEAD child x2, GET child, PUT child, HEAD child x2, GET child, PUT child, HEAD child, " +
				"HEAD original, GET original, PUT original, HEAD original"},
		{"the temporary tag is not the last one where the original goes with its last tag", fakeregistry.ECR(), false,
			checks + "DELETE temporary, PUT temporary x2, HEAD other, DELETE temporary, HEAD temporary, GET temporary, " + overwrite + proof},
		{"an original that goes with the temporary tag after all is restored",
			fakeregistry.Profile{Name: "zot 2.1.1", Options: []fakeregistry.Option{fakeregistry.WithLastTagDeletes(), fakeregistry.WithPruneOnOverwrite()}}, false,
			checks + "DELETE temporary, PUT temporary x2, HEAD other, GET other, " + overwrite + "DELETE temporary, HEAD temporary, GET temporary, " +
				"HEAD child x4, HEAD original, GET original, PUT original, HEAD original"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := tt.profile.New()
			tags := []string{"v1", "v2"}
			if !tt.known {
				tags = tags[:1]
			}
			index := putNestedIndex(t, reg, repo, tags...)
			c := newClient(t, reg)
			if tt.known {
				_, err := c.ResolveDigest(t.Context(), repo, "v2")
				wantErr(t, err)
				reg.ResetLog()
			}
			wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
			if got := index.shortRequests(reg); got != tt.sent {
				t.Errorf("requests\n%s, want\n%s", got, tt.sent)
			}
			index.wantComplete(t, reg, repo, tags[1:]...)
		})
	}
}

func TestServerS1TemporaryTag(t *testing.T) {
	t.Parallel()
	refuse := fakeregistry.Errors(403, "DENIED", "no")
	temporary := func(method string, respond func(http.ResponseWriter, *http.Request) bool) func(*fakeregistry.Registry) {
		return func(reg *fakeregistry.Registry) {
			n := 0
			reg.Intercept(0, fakeregistry.On(method, manifestPath("regret-keep-")), func(w http.ResponseWriter, req *http.Request) bool {
				n++
				return (method != "DELETE" || n > 1) && respond(w, req) // the first DELETE asks whether tags are deleted
			})
		}
	}
	tests := []struct {
		rule   string
		fault  func(*fakeregistry.Registry)
		want   []error
		text   string
		writes string
		gone   bool // the tag
		stays  bool // the temporary tag
	}{
		{"the error names a temporary tag that stays because its deletion is refused", temporary("DELETE", refuse), []error{regret.ErrForbidden},
			"may still hold the original: remove it with Untag; the tag is gone", "DELETE other, PUT original, DELETE temporary, PUT temporary x2, PUT v1, DELETE other, DELETE temporary", true, true},
		{"the error names a temporary tag that stays although its deletion is accepted", temporary("DELETE", fakeregistry.Answer(202, nil, "")), []error{regret.ErrStillPresent},
			"may still hold the original", "DELETE other, PUT original, DELETE temporary, PUT temporary x2, PUT v1, DELETE other, DELETE temporary", true, true},
		{"nothing follows a refusal to push the temporary tag", temporary("PUT", refuse), []error{regret.ErrForbidden},
			"could not be held by a temporary tag", "DELETE other, PUT original, DELETE temporary, PUT temporary", false, false},
		{"a temporary tag is removed if the response to its push says nothing", temporary("PUT", fakeregistry.Answer(200, nil, "")), []error{regret.ErrNotRegistry},
			"nothing was changed", "DELETE other, PUT original, DELETE temporary, PUT temporary, DELETE temporary", false, false},
		{"the temporary tag is removed if the overwrite is refused", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("PUT", manifestPath("v1")), refuse)
		}, []error{regret.ErrForbidden}, "still points to the original",
			"DELETE other, PUT original, DELETE temporary, PUT temporary x2, PUT v1, DELETE temporary", false, false},
		{"a temporary tag that cannot be removed before the overwrite ends the call", func(reg *fakeregistry.Registry) {
			reg.Intercept(0, fakeregistry.On("HEAD", manifestPath("sha256")), func(w http.ResponseWriter, req *http.Request) bool {
				if len(reg.Tags(repo)) == 2 { // as if nothing had been removed
					return fakeregistry.Answer(200, map[string]string{"Content-Type": ocispec.MediaTypeImageIndex,
						"Docker-Content-Digest": req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]}, "")(w, req)
				}
				return false
			})
			temporary("DELETE", refuse)(reg)
		}, []error{regret.ErrForbidden}, "may be left without a tag; nothing was changed",
			"DELETE other, PUT original, DELETE temporary, PUT temporary x2, DELETE temporary", false, true},
		{"the temporary tag stays if the rollback fails", func(reg *fakeregistry.Registry) {
			puts := 0
			reg.Intercept(0, fakeregistry.On("PUT", manifestPath("v1")), func(w http.ResponseWriter, req *http.Request) bool {
				puts++
				return puts > 1 && refuse(w, req)
			})
			deletes := 0
			reg.Intercept(0, fakeregistry.On("DELETE", manifestPath("sha256")), func(w http.ResponseWriter, req *http.Request) bool {
				deletes++
				return deletes > 1 && refuse(w, req)
			})
		}, []error{regret.ErrForbidden}, "the temporary tag regret-keep-",
			"DELETE other, PUT original, DELETE temporary, PUT temporary x2, PUT v1, DELETE other, PUT v1", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.Zot().New()
			index := putNestedIndex(t, reg, repo, "v1")
			tt.fault(reg)
			err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1")
			wantErr(t, err, tt.want...)
			wantText(t, err, tt.text)
			var writes []string
			for line := range strings.SplitSeq(index.shortRequests(reg), ", ") {
				if !strings.HasPrefix(line, "GET") && !strings.HasPrefix(line, "HEAD") {
					writes = append(writes, line)
				}
			}
			if got := strings.Join(writes, ", "); got != tt.writes {
				t.Errorf("writes\n%s, want\n%s", got, tt.writes)
			}
			tags, stays := reg.Tags(repo), ""
			for tag, dgst := range tags {
				if strings.HasPrefix(tag, "regret-keep-") && dgst == index.top {
					stays = tag
				}
			}
			if _, exists := tags["v1"]; exists == tt.gone || (stays != "") != tt.stays {
				t.Errorf("tags %v", tags)
			}
			if stays != "" {
				wantText(t, err, stays)
			}
			for i, dgst := range index.all {
				if !reg.HasManifest(repo, dgst) {
					t.Errorf("manifest %d is gone", i)
				}
			}
		})
	}
}

func TestServerS1UntagByOverwriteReadsChildrenWithinLimits(t *testing.T) {
	t.Parallel()
	t.Run("a child that the registry never had is not missed", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Distribution3().New()
		child := reg.PutImage(repo, "amd64")
		absent := manifestOf(`{"schemaVersion":2}`).Descriptor
		absent.MediaType = ocispec.MediaTypeImageManifest
		layer := regret.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: absent.Digest, Size: 1}
		index := putIndexOf(t, reg, repo, []regret.Descriptor{child, absent, layer, child}, "v1")
		reg.Intercept(0, fakeregistry.On("PUT", manifestPath(index.Digest)), fakeregistry.Answer(201, nil, "")) // it accepts a sparse index
		reg.Intercept(0, fakeregistry.On("PUT", manifestPath("regret-keep-")), func(w http.ResponseWriter, req *http.Request) bool {
			reg.SetTag(repo, req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:], index.Digest)
			return fakeregistry.Answer(201, nil, "")(w, req)
		})
		wantErr(t, newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1"))
		if len(reg.Tags(repo)) != 0 || !reg.HasManifest(repo, child.Digest) || !reg.HasManifest(repo, index.Digest) {
			t.Errorf("tags %v", reg.Tags(repo))
		}
	})
	t.Run("indexes nested deeper than eight are an error, and nothing is changed", func(t *testing.T) {
		t.Parallel()
		for depth := 8; depth <= 9; depth++ {
			reg := fakeregistry.Zot().New()
			top := reg.PutImage(repo, "hello")
			for range depth {
				top = putIndexOf(t, reg, repo, []regret.Descriptor{top})
			}
			reg.SetTag(repo, "v1", top.Digest)
			err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1")
			if depth == 8 {
				wantErr(t, err)
				continue
			}
			wantErr(t, err, regret.ErrTooLarge)
			wantText(t, err, "nothing was changed")
			if writes := reg.Writes(); len(writes) != 0 {
				t.Errorf("writes %v", writes)
			}
		}
	})
	t.Run("nothing is changed if a child cannot be read", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.Zot().New()
		index := putNestedIndex(t, reg, repo, "v1")
		reg.Intercept(0, fakeregistry.On("GET", manifestPath(index.all[3])), fakeregistry.Errors(403, "DENIED", "no"))
		err := newClient(t, reg).UntagByOverwrite(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrForbidden)
		wantText(t, err, "nothing was changed")
		if writes := reg.Writes(); len(writes) != 0 {
			t.Errorf("writes %v", writes)
		}
	})
}

// A tag that another client removed meanwhile is not pushed again because a child had to be restored.
func TestUntagByOverwriteRestoresNoTagThatAnotherClientRemoved(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	index := putNestedIndex(t, reg, repo, "v1", "v2")
	c := newClient(t, reg)
	_, err := c.ResolveDigest(t.Context(), repo, "v2")
	wantErr(t, err)
	meanwhile := false
	ignoreFirst(reg, "DELETE", func(w http.ResponseWriter, req *http.Request) bool {
		if meanwhile {
			return false
		}
		meanwhile = true
		reg.Serve(w, req)
		remove(t, reg, string(index.all[len(index.all)-1]))
		remove(t, reg, "v2")
		return true
	})
	wantErr(t, c.UntagByOverwrite(t.Context(), repo, "v1"))
	index.wantComplete(t, reg, repo)
}
