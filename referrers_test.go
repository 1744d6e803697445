package regret_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

const (
	signature = "application/vnd.example.signature"
	sbom      = "application/spdx+json"
)

// withReferrers returns a registry with an image that has two signatures and an SBOM.
func withReferrers(opts ...fakeregistry.Option) (reg *fakeregistry.Registry, image regret.Descriptor, referrers []regret.Descriptor) {
	reg = fakeregistry.New(opts...)
	image = reg.PutImage(repo, "hello", "v1")
	for i, artifactType := range []string{signature, sbom, signature} {
		referrers = append(referrers, reg.PutReferrer(repo, image, artifactType, fmt.Sprint(i)))
	}
	return reg, image, referrers
}

// digests returns the digests of descriptors, to compare lists.
func digests(list []regret.Descriptor) []string {
	all := []string{}
	for _, d := range list {
		all = append(all, string(d.Digest))
	}
	return all
}

func TestReferrersAreComplete(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		opts  []fakeregistry.Option
		types []string
		want  []int    // indexes of the expected referrers
		sent  []string // a part of the query of each request
	}{
		{"all referrers are listed", nil, nil, []int{0, 1, 2}, []string{""}},
		{"all referrers on several pages are listed", []fakeregistry.Option{fakeregistry.WithPageCap(1)}, nil, []int{0, 1, 2}, []string{"", "last", "last"}},
		{"referrers of one type are listed", nil, []string{signature}, []int{0, 2}, []string{"artifactType"}},
		{"referrers of one type on several pages are listed", []fakeregistry.Option{fakeregistry.WithPageCap(1)}, []string{signature}, []int{0, 2}, []string{"artifactType", "last"}},
		{"referrers of two types are listed", nil, []string{signature, sbom}, []int{0, 1, 2}, []string{""}},
		{"the list for an unused type is empty", nil, []string{"application/x"}, []int{}, []string{"artifactType"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg, image, all := withReferrers(tt.opts...)
			got, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, image.Digest, tt.types...))
			wantErr(t, err)
			want := []string{}
			for _, i := range tt.want {
				want = append(want, string(all[i].Digest))
			}
			if diff := cmp.Diff(want, digests(got)); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
			log := reg.Requests()
			if len(log) != len(tt.sent) {
				t.Fatalf("requests: %v, want %d", log, len(tt.sent))
			}
			for i, word := range tt.sent {
				if !strings.Contains(log[i].Query, word) || !strings.HasPrefix(log[i].Path, "/v2/team/app/referrers/sha256:") {
					t.Errorf("request %s, want %q in its query", log[i], word)
				}
			}
		})
	}
}

// putFallbackIndex stores an index with these entries under the fallback tag.
func putFallbackIndex(reg *fakeregistry.Registry, subject digest.Digest, entries ...regret.Descriptor) {
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": entries})
	if err != nil {
		panic(err)
	}
	reg.PutManifest(repo, strings.Replace(string(subject), ":", "-", 1), ocispec.MediaTypeImageIndex, index)
}

func TestReferrersAreReadFromTheFallbackTag(t *testing.T) {
	t.Parallel()
	entry := func(artifactType, content string) regret.Descriptor {
		return regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType, Digest: digest.FromString(content), Size: 1}
	}
	one, two := entry(signature, "1"), entry(sbom, "2")
	lines := func(d digest.Digest, status int) []string {
		return []string{
			"GET /v2/team/app/referrers/" + string(d) + " 404",
			fmt.Sprintf("GET /v2/team/app/manifests/%s %d", strings.Replace(string(d), ":", "-", 1), status),
		}
	}
	tests := []struct {
		name   string
		put    func(reg *fakeregistry.Registry, subject digest.Digest)
		types  []string
		want   []regret.Descriptor
		status int
		kind   error
	}{
		{"all entries of the index are listed", func(reg *fakeregistry.Registry, d digest.Digest) { putFallbackIndex(reg, d, one, two) },
			nil, []regret.Descriptor{one, two}, 200, nil},
		{"only entries of the given types are listed", func(reg *fakeregistry.Registry, d digest.Digest) { putFallbackIndex(reg, d, one, two) },
			[]string{sbom, "x"}, []regret.Descriptor{two}, 200, nil},
		{"without a fallback tag the list is empty", func(*fakeregistry.Registry, digest.Digest) {}, nil, nil, 404, nil},
		{"an image under the fallback tag is an error", func(reg *fakeregistry.Registry, d digest.Digest) {
			reg.PutImage(repo, "hello", strings.Replace(string(d), ":", "-", 1))
		}, nil, nil, 200, regret.ErrNotRegistry},
		{"an entry without a digest is an error", func(reg *fakeregistry.Registry, d digest.Digest) { putFallbackIndex(reg, d, one, regret.Descriptor{}) },
			nil, []regret.Descriptor{one}, 200, regret.ErrNotRegistry},
		{"more entries than the limit allows are an error", func(reg *fakeregistry.Registry, d digest.Digest) {
			putFallbackIndex(reg, d, one, two, entry("", "3"), entry("", "4"))
		}, nil, []regret.Descriptor{one, two, entry("", "3")}, 200, regret.ErrIncompleteList},
		{"a number as entry is an error", func(reg *fakeregistry.Registry, d digest.Digest) {
			reg.PutManifest(repo, strings.Replace(string(d), ":", "-", 1), ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[7]}`))
		}, nil, nil, 200, regret.ErrNotRegistry},
	}
	limits := regret.DefaultLimits()
	limits.Entries = 3
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithoutReferrersAPI())
			image := reg.PutImage(repo, "hello", "v1")
			tt.put(reg, image.Digest)
			c := newClient(t, reg, regret.WithLimits(limits))
			got, err := collect(t, c.Referrers(t.Context(), repo, image.Digest, tt.types...))
			if tt.kind == nil {
				wantErr(t, err)
			} else if e := wantErr(t, err, tt.kind); e.Op != "referrers" || strings.Count(err.Error(), "regret:") != 1 {
				t.Errorf("operation %q: %v", e.Op, err)
			}
			if diff := cmp.Diff(digests(tt.want), digests(got)); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
			wantRequests(t, reg, lines(image.Digest, tt.status)...)
		})
	}
	t.Run("a break ends the list", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(fakeregistry.WithoutReferrersAPI())
		putFallbackIndex(reg, someDigest, one, two)
		for d, err := range newClient(t, reg).Referrers(t.Context(), repo, someDigest) {
			wantErr(t, err)
			if d.Digest != one.Digest {
				t.Errorf("got %s", d.Digest)
			}
			break
		}
	})
	t.Run("the fallback tag has only the first 64 characters of a long hash", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(fakeregistry.WithoutReferrersAPI())
		subject := digest.SHA512.FromString("x")
		reg.PutImage(repo, "hello", "v1")
		_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, subject))
		wantErr(t, err)
		wantRequests(t, reg, "GET /v2/team/app/referrers/"+string(subject)+" 404",
			"GET /v2/team/app/manifests/sha512-"+subject.Encoded()[:64]+" 404")
	})
}

// Without the API, a mistyped repository is not one without referrers.
func TestReferrersOfAnUnknownRepository(t *testing.T) {
	t.Parallel()
	s := newScript(reply(404, ""), reply(404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`))
	_, err := collect(t, newClient(t, s).Referrers(t.Context(), repo, aDigest))
	wantErr(t, err, regret.ErrNotFound, regret.CodeNameUnknown)
}

func TestReferrersReportFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		respond func(http.ResponseWriter, *http.Request) bool
		kind    error
	}{
		{"403", fakeregistry.Errors(403, "DENIED", "no"), regret.ErrForbidden},
		{"500", fakeregistry.Answer(500, nil, ""), regret.ErrUnavailable},
		{"405", fakeregistry.Errors(405, "UNSUPPORTED", "no"), regret.CodeUnsupported},
		{"400", fakeregistry.Errors(400, "DIGEST_INVALID", "no"), regret.CodeDigestInvalid},
		{"HTML", fakeregistry.Answer(200, nil, "<html>"), regret.ErrNotRegistry},
		{"an index without manifests", fakeregistry.Answer(200, nil, `{"schemaVersion":2}`), regret.ErrNotRegistry},
		{"an entry without a digest", fakeregistry.Answer(200, nil, `{"manifests":[{}]}`), regret.ErrNotRegistry},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error and does not cause a fallback", func(t *testing.T) {
			t.Parallel()
			reg, image, _ := withReferrers()
			putFallbackIndex(reg, image.Digest)
			reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/referrers/"), tt.respond)
			_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, image.Digest))
			wantErr(t, err, tt.kind)
			for _, r := range reg.Requests() {
				if !strings.HasPrefix(r.Path, "/v2/team/app/referrers/") {
					t.Errorf("unexpected request: %s", r)
				}
			}
		})
	}
	t.Run("a failure of the fallback is an error", func(t *testing.T) {
		t.Parallel()
		reg, image, _ := withReferrers(fakeregistry.WithoutReferrersAPI())
		reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/manifests/"), fakeregistry.Errors(403, "DENIED", "no"))
		_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, image.Digest))
		wantErr(t, err, regret.ErrForbidden)
	})
	for name, subject := range map[string]regret.Digest{"a tag": "v1", "a short hash": "sha256:abc", "an unknown algorithm": "md5:d41d8cd98f00b204e9800998ecf8427e"} {
		t.Run("for "+name+" as subject nothing is sent", func(t *testing.T) {
			t.Parallel()
			reg, _, _ := withReferrers()
			_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, subject))
			wantErr(t, err, regret.ErrInvalid)
			wantRequests(t, reg)
		})
	}
	t.Run("for an invalid repository nothing is sent", func(t *testing.T) {
		t.Parallel()
		reg, image, _ := withReferrers()
		_, err := collect(t, newClient(t, reg).Referrers(t.Context(), "a//b", image.Digest))
		wantErr(t, err, regret.ErrInvalid)
		wantRequests(t, reg)
	})
}

func TestHasReferrers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		opts    []fakeregistry.Option
		respond func(http.ResponseWriter, *http.Request) bool
		has     bool
		want    []error
		status  int
	}{
		{"a registry with the API has it", nil, nil, true, nil, 200},
		{"a 404 without a code means that there is none", []fakeregistry.Option{fakeregistry.WithoutReferrersAPI()}, nil, false, nil, 404},
		{"so does one with a code", nil, fakeregistry.Errors(404, "UNSUPPORTED", "no"), false, nil, 404},
		{"403 is an error", nil, fakeregistry.Errors(403, "DENIED", "no"), false, []error{regret.ErrForbidden}, 403},
		{"405 is an error", nil, fakeregistry.Errors(405, "UNSUPPORTED", "no"), false, []error{regret.CodeUnsupported}, 405},
		{"204 is not a valid response", nil, fakeregistry.Answer(204, nil, ""), false, []error{regret.ErrNotRegistry}, 204},
		{"an HTML page is not a valid response", nil, fakeregistry.Answer(200, header("Content-Type", "text/html"), "<html>"), false, []error{regret.ErrNotRegistry}, 200},
		{"nothing is not a valid response", nil, fakeregistry.Answer(200, nil, ""), false, []error{regret.ErrNotRegistry}, 200},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg, image, _ := withReferrers(test.opts...)
			if test.respond != nil {
				reg.Intercept(0, fakeregistry.On("GET", "/v2/"), test.respond)
			}
			has, err := newClient(t, reg).HasReferrers(t.Context(), repo, image.Digest)
			wantErr(t, err, test.want...)
			if has != test.has {
				t.Errorf("has: %t", has)
			}
			wantRequests(t, reg, fmt.Sprint("GET /v2/", repo, "/referrers/", image.Digest, " ", test.status))
		})
	}
	t.Run("a subject without referrers makes no difference", func(t *testing.T) {
		t.Parallel()
		reg, _, _ := withReferrers()
		has, err := newClient(t, reg).HasReferrers(t.Context(), repo, someDigest)
		wantErr(t, err)
		if !has {
			t.Error("the registry has no referrers API")
		}
	})
	t.Run("the 404 of a token service says nothing about the registry", func(t *testing.T) {
		t.Parallel()
		p := newPlatform()
		p.tokens.Intercept(0, fakeregistry.On("", "/token"), fakeregistry.Answer(404, nil, ""))
		has, err := p.client(t).HasReferrers(t.Context(), repo, p.image.Digest)
		if e := wantRegretError(t, err); has || e.StatusCode != 404 {
			t.Errorf("has: %t, %+v", has, e)
		}
	})
	t.Run("for malformed names nothing is sent", func(t *testing.T) {
		t.Parallel()
		reg, image, _ := withReferrers()
		c := newClient(t, reg)
		_, err := c.HasReferrers(t.Context(), "a//b", image.Digest)
		wantErr(t, err, regret.ErrInvalid)
		_, err = c.HasReferrers(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrInvalid)
		wantRequests(t, reg)
	})
}
