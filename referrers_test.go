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
	contents  = "application/spdx+json"
)

// withReferrers is an image with two signatures and a list of contents.
func withReferrers(opts ...fakeregistry.Option) (reg *fakeregistry.Registry, image regret.Descriptor, referrers []regret.Descriptor) {
	reg = fakeregistry.New(opts...)
	image = reg.PutImage(repo, "hello", "v1")
	for i, artifactType := range []string{signature, contents, signature} {
		referrers = append(referrers, reg.PutReferrer(repo, image, artifactType, fmt.Sprint(i)))
	}
	return reg, image, referrers
}

// digests are what lists of descriptors are compared by.
func digests(list []regret.Descriptor) []string {
	all := []string{}
	for _, d := range list {
		all = append(all, string(d.Digest))
	}
	return all
}

func TestReferrers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		opts  []fakeregistry.Option
		types []string
		want  []int // of the three
		asked []string
	}{
		{"all are listed", nil, nil, []int{0, 1, 2}, []string{""}},
		{"over pages too", []fakeregistry.Option{fakeregistry.WithPageCap(1)}, nil, []int{0, 1, 2}, []string{"", "last", "last"}},
		{"those of one type are", nil, []string{signature}, []int{0, 2}, []string{"artifactType"}},
		{"those of one type are, over pages too", []fakeregistry.Option{fakeregistry.WithPageCap(1)}, []string{signature}, []int{0, 2}, []string{"artifactType", "last"}},
		{"those of two types are", nil, []string{signature, contents}, []int{0, 1, 2}, []string{""}},
		{"a type that none has lists none", nil, []string{"application/x"}, []int{}, []string{"artifactType"}},
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
			if len(log) != len(tt.asked) {
				t.Fatalf("requests: %v, want %d", log, len(tt.asked))
			}
			for i, word := range tt.asked {
				if !strings.Contains(log[i].Query, word) || !strings.HasPrefix(log[i].Path, "/v2/team/app/referrers/sha256:") {
					t.Errorf("request %s, want one for %q", log[i], word)
				}
			}
		})
	}
}

// fallback puts an index with these entries under the fallback tag.
func fallback(reg *fakeregistry.Registry, subject digest.Digest, entries ...regret.Descriptor) {
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": entries})
	if err != nil {
		panic(err)
	}
	reg.PutManifest(repo, strings.Replace(string(subject), ":", "-", 1), ocispec.MediaTypeImageIndex, index)
}

func TestReferrersWithoutTheirAPI(t *testing.T) {
	t.Parallel()
	entry := func(artifactType, content string) regret.Descriptor {
		return regret.Descriptor{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType, Digest: digest.FromString(content), Size: 1}
	}
	one, two := entry(signature, "1"), entry(contents, "2")
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
		{"they are read from the fallback tag", func(reg *fakeregistry.Registry, d digest.Digest) { fallback(reg, d, one, two) },
			nil, []regret.Descriptor{one, two}, 200, nil},
		{"those of two types are, too", func(reg *fakeregistry.Registry, d digest.Digest) { fallback(reg, d, one, two) },
			[]string{contents, "x"}, []regret.Descriptor{two}, 200, nil},
		{"no fallback tag means none", func(*fakeregistry.Registry, digest.Digest) {}, nil, nil, 404, nil},
		{"an image under the fallback tag is an error", func(reg *fakeregistry.Registry, d digest.Digest) {
			reg.PutImage(repo, "hello", strings.Replace(string(d), ":", "-", 1))
		}, nil, nil, 200, regret.ErrNotRegistry},
		{"an entry without a digest is an error", func(reg *fakeregistry.Registry, d digest.Digest) { fallback(reg, d, one, regret.Descriptor{}) },
			nil, []regret.Descriptor{one}, 200, regret.ErrNotRegistry},
		{"more entries than the limit are an error", func(reg *fakeregistry.Registry, d digest.Digest) {
			fallback(reg, d, one, two, entry("", "3"), entry("", "4"))
		}, nil, []regret.Descriptor{one, two, entry("", "3")}, 200, regret.ErrIncompleteList},
		{"an entry that is a number is an error", func(reg *fakeregistry.Registry, d digest.Digest) {
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
				t.Errorf("error of %q: %v", e.Op, err)
			}
			if diff := cmp.Diff(digests(tt.want), digests(got)); diff != "" {
				t.Errorf("referrers (-want +got):\n%s", diff)
			}
			wantRequests(t, reg, lines(image.Digest, tt.status)...)
		})
	}
	t.Run("breaking off ends the fallback, too", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New(fakeregistry.WithoutReferrersAPI())
		fallback(reg, someDigest, one, two)
		for d, err := range newClient(t, reg).Referrers(t.Context(), repo, someDigest) {
			wantErr(t, err)
			if d.Digest != one.Digest {
				t.Errorf("got %s", d.Digest)
			}
			break
		}
	})
	t.Run("a tag holds only the first 64 characters of a long hash", func(t *testing.T) {
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

func TestReferrersThatFail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		kind   error
	}{
		{"forbidden", fakeregistry.Errors(403, "DENIED", "no"), regret.ErrForbidden},
		{"a server's error", fakeregistry.Answer(500, nil, ""), regret.ErrUnavailable},
		{"a method that is not allowed", fakeregistry.Errors(405, "UNSUPPORTED", "no"), regret.CodeUnsupported},
		{"an invalid digest", fakeregistry.Errors(400, "DIGEST_INVALID", "no"), regret.CodeDigestInvalid},
		{"HTML", fakeregistry.Answer(200, nil, "<html>"), regret.ErrNotRegistry},
		{"an index without manifests", fakeregistry.Answer(200, nil, `{"schemaVersion":2}`), regret.ErrNotRegistry},
		{"an entry without a digest", fakeregistry.Answer(200, nil, `{"manifests":[{}]}`), regret.ErrNotRegistry},
	}
	for _, tt := range tests {
		t.Run(tt.name+" is an error and never leads to the fallback tag", func(t *testing.T) {
			t.Parallel()
			reg, image, _ := withReferrers()
			fallback(reg, image.Digest)
			reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/referrers/"), tt.answer)
			_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, image.Digest))
			wantErr(t, err, tt.kind)
			for _, r := range reg.Requests() {
				if !strings.HasPrefix(r.Path, "/v2/team/app/referrers/") {
					t.Errorf("unexpected request: %s", r)
				}
			}
		})
	}
	t.Run("a failing fallback is an error", func(t *testing.T) {
		t.Parallel()
		reg, image, _ := withReferrers(fakeregistry.WithoutReferrersAPI())
		reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/manifests/"), fakeregistry.Errors(403, "DENIED", "no"))
		_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, image.Digest))
		wantErr(t, err, regret.ErrForbidden)
	})
	for name, subject := range map[string]regret.Digest{"a tag": "v1", "a short hash": "sha256:abc", "an unknown algorithm": "md5:d41d8cd98f00b204e9800998ecf8427e"} {
		t.Run(name+" is no subject, and nothing is sent", func(t *testing.T) {
			t.Parallel()
			reg, _, _ := withReferrers()
			_, err := collect(t, newClient(t, reg).Referrers(t.Context(), repo, subject))
			wantErr(t, err, regret.ErrInvalid)
			wantRequests(t, reg)
		})
	}
	t.Run("a repository that does not fit the grammar is refused, and nothing is sent", func(t *testing.T) {
		t.Parallel()
		reg, image, _ := withReferrers()
		_, err := collect(t, newClient(t, reg).Referrers(t.Context(), "a//b", image.Digest))
		wantErr(t, err, regret.ErrInvalid)
		wantRequests(t, reg)
	})
}
