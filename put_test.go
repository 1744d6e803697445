package regret_test

import (
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// withBlobs is a registry that has what emptyImage refers to.
func withBlobs(opts ...fakeregistry.Option) *fakeregistry.Registry {
	reg := fakeregistry.New(opts...)
	reg.PutBlob(repo, []byte("{}"))
	return reg
}

func TestPutManifestStoresAManifest(t *testing.T) {
	t.Parallel()
	m := manifestOf(emptyImage)
	in512 := manifestOf(emptyImage)
	in512.Descriptor.Digest = digest.SHA512.FromString(emptyImage)
	for _, test := range []struct {
		rule, ref string
		m         *regret.Manifest
	}{
		{"under a tag", "v1", m},
		{"under its digest", string(m.Descriptor.Digest), m},
		{"under its digest of 512 bits", string(in512.Descriptor.Digest), in512},
		{"under a tag, known by a digest of 512 bits", "v1", in512},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := withBlobs()
			c := newClient(t, reg)
			wantErr(t, c.PutManifest(t.Context(), repo, test.ref, test.m))
			wantRequests(t, reg, requestLine("PUT", test.ref, 201))
			put := reg.Requests()[0]
			if string(put.Body) != emptyImage || put.Header.Get("Content-Type") != ociImage {
				t.Errorf("sent %q as %q", put.Body, put.Header.Get("Content-Type"))
			}
			got, err := c.Manifest(t.Context(), repo, test.ref)
			wantErr(t, err)
			if string(got.Raw) != emptyImage {
				t.Errorf("stored %q", got.Raw)
			}
		})
	}
	t.Run("over a tag that exists", func(t *testing.T) {
		t.Parallel()
		reg := withBlobs()
		before := reg.PutImage(repo, "before", "v1")
		wantErr(t, newClient(t, reg).PutManifest(t.Context(), repo, "v1", m))
		if got, _ := reg.Tag(repo, "v1"); got != m.Descriptor.Digest || !reg.HasManifest(repo, before.Digest) {
			t.Errorf("the tag is at %s", got)
		}
	})
	t.Run("and deletes it without asking for it", func(t *testing.T) {
		t.Parallel()
		reg := withBlobs()
		c := newClient(t, reg)
		wantErr(t, c.PutManifest(t.Context(), repo, "v1", m))
		wantErr(t, c.DeleteManifest(t.Context(), repo, m.Descriptor.Digest))
		wantRequests(t, reg, requestLine("PUT", "v1", 201), requestLine("DELETE", m.Descriptor.Digest, 202))
	})
}

func TestPutManifestSendsNothingThatIsNotWhatItSays(t *testing.T) {
	t.Parallel()
	changed := func(change func(*regret.Manifest)) *regret.Manifest {
		m := manifestOf(emptyImage)
		change(m)
		return m
	}
	for _, test := range []struct {
		rule, ref string
		m         *regret.Manifest
		says      string
	}{
		{"no manifest", "v1", nil, "empty"},
		{"no content", "v1", changed(func(m *regret.Manifest) { m.Raw = nil }), "empty"},
		{"no media type", "v1", changed(func(m *regret.Manifest) { m.Descriptor.MediaType = "" }), "media type"},
		{"a media type with a line break", "v1", changed(func(m *regret.Manifest) { m.Descriptor.MediaType = "a\r\nb" }), "media type"},
		{"no digest", "v1", changed(func(m *regret.Manifest) { m.Descriptor.Digest = "" }), "digest"},
		{"a digest that is none", "v1", changed(func(m *regret.Manifest) { m.Descriptor.Digest = "sha256:zz" }), "sha256:zz"},
		{"another digest", "v1", changed(func(m *regret.Manifest) { m.Descriptor.Digest = aDigest }), aDigest},
		{"another content", "v1", changed(func(m *regret.Manifest) { m.Raw = append(m.Raw, ' ') }), "the content has the digest"},
		{"another reference", aDigest, manifestOf(emptyImage), aDigest},
		{"its digest of another algorithm as reference", string(digest.SHA512.FromString(emptyImage)), manifestOf(emptyImage), "the reference"},
		{"signatures that cannot be read", "v1", changed(func(m *regret.Manifest) {
			m.Descriptor.MediaType, m.Raw = schema1JWS, []byte(`{"signatures":[{}]}`)
			m.Descriptor.Digest = digest.FromBytes(m.Raw)
		}), "schema1"},
		{"schema1 that is no JSON", "v1", changed(func(m *regret.Manifest) { m.Descriptor.MediaType, m.Raw = schema1, []byte("x") }), "schema1"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := withBlobs()
			err := newClient(t, reg).PutManifest(t.Context(), repo, test.ref, test.m)
			wantErr(t, err, regret.ErrInvalid)
			wantText(t, err, test.says)
			wantRequests(t, reg)
		})
	}
}

func TestPutManifestThatIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		answer func(http.ResponseWriter, *http.Request) bool
		want   []error
		status int
	}{
		{"what it refers to is missing", nil, []error{regret.CodeManifestBlobUnknown}, 400},
		{"credentials are wanted", fakeregistry.Errors(401, "UNAUTHORIZED", "x"), []error{regret.ErrUnauthorized}, 401},
		{"it is not allowed", fakeregistry.Errors(403, "DENIED", "x"), []error{regret.ErrForbidden, regret.CodeDenied}, 403},
		{"it is too large", fakeregistry.Errors(413, "SIZE_INVALID", "x"), []error{regret.CodeSizeInvalid}, 413},
		{"it was stored as something else", fakeregistry.Answer(201, map[string]string{"Docker-Content-Digest": aDigest}, ""),
			[]error{regret.ErrDigestMismatch}, 201},
		{"it was stored as nonsense", fakeregistry.Answer(201, map[string]string{"Docker-Content-Digest": "x"}, ""), []error{regret.ErrNotRegistry}, 201},
		{"200 does not answer a push", fakeregistry.Answer(200, nil, "ok"), []error{regret.ErrNotRegistry}, 200},
		{"202 does not answer a push", fakeregistry.Answer(202, nil, ""), []error{regret.ErrNotRegistry}, 202},
		{"it is not followed elsewhere", fakeregistry.Redirect(307, "https://registry.example.com/v2/other/manifests/v1"), []error{regret.ErrRedirect}, 307},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			if test.answer != nil {
				reg.Intercept(0, fakeregistry.On("PUT", "/v2/"), test.answer)
			}
			err := newClient(t, reg).PutManifest(t.Context(), repo, "v1", manifestOf(emptyImage))
			e := wantErr(t, err, test.want...)
			if e.StatusCode != test.status || e.Op != "put manifest" || e.Method != "PUT" {
				t.Errorf("%+v", e)
			}
			wantRequests(t, reg, requestLine("PUT", "v1", test.status))
		})
	}
}

func TestPutManifestIsRepeatedWhereThatDoesNoHarm(t *testing.T) {
	t.Parallel()
	m := manifestOf(emptyImage)
	byDigest := string(m.Descriptor.Digest)
	for _, test := range []struct {
		rule, ref string
		fault     func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool
		want      []error
		sent      int
	}{
		{"by digest after a lost answer", byDigest, (*fakeregistry.Registry).LoseResponse, nil, 2},
		{"by digest after a lost request", byDigest, (*fakeregistry.Registry).LoseRequest, nil, 2},
		{"by digest after 500", byDigest, failing(500, "UNKNOWN"), nil, 2},
		{"by tag after a refused connection", "v1", refused, nil, 1}, // the refused one never arrived
		{"by tag after 429", "v1", failing(429, "TOOMANYREQUESTS"), nil, 2},
		{"by tag after the registry's own 503", "v1", failing(503, "UNAVAILABLE"), nil, 2},
		{"but not by tag after a lost answer", "v1", (*fakeregistry.Registry).LoseResponse, []error{regret.ErrOutcomeUnknown}, 1},
		{"but not by tag after a lost request", "v1", (*fakeregistry.Registry).LoseRequest, []error{regret.ErrOutcomeUnknown}, 1},
		{"but not by tag after 502", "v1", failing(502, ""), []error{regret.ErrOutcomeUnknown}, 1},
		{"but not by tag after a 503 of a proxy", "v1", failing(503, ""), []error{regret.ErrOutcomeUnknown}, 1},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := withBlobs()
			reg.Intercept(1, fakeregistry.On("PUT", "/v2/"), test.fault(reg))
			err := newClient(t, reg).PutManifest(t.Context(), repo, test.ref, m)
			wantErr(t, err, test.want...)
			if n := len(reg.Writes()); n != test.sent {
				t.Errorf("%d requests, want %d: %v", n, test.sent, requests(t, reg))
			}
			for _, r := range reg.Writes() {
				if r.Status != 0 && string(r.Body) != emptyImage {
					t.Errorf("%s had the body %q", r, r.Body)
				}
			}
			if err == nil && !reg.HasManifest(repo, m.Descriptor.Digest) {
				t.Error("it was not stored")
			}
		})
	}
}
