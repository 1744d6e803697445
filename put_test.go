package regret_test

import (
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// withBlobs returns a registry that has the blob to which emptyImage refers.
func withBlobs(opts ...fakeregistry.Option) *fakeregistry.Registry {
	reg := fakeregistry.New(opts...)
	reg.PutBlob(repo, []byte("{}"))
	return reg
}

func TestPutManifestStoresAManifest(t *testing.T) {
	t.Parallel()
	m := manifestOf(emptyImage)
	withSHA512 := manifestOf(emptyImage)
	withSHA512.Descriptor.Digest = digest.SHA512.FromString(emptyImage)
	for _, test := range []struct {
		rule, ref string
		m         *regret.Manifest
	}{
		{"under a tag", "v1", m},
		{"under its digest", string(m.Descriptor.Digest), m},
		{"under its sha512 digest", string(withSHA512.Descriptor.Digest), withSHA512},
		{"under a tag, with a sha512 digest in the descriptor", "v1", withSHA512},
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
	t.Run("under a tag that is moved from another manifest", func(t *testing.T) {
		t.Parallel()
		reg := withBlobs()
		before := reg.PutImage(repo, "before", "v1")
		wantErr(t, newClient(t, reg).PutManifest(t.Context(), repo, "v1", m))
		if got, _ := reg.Tag(repo, "v1"); got != m.Descriptor.Digest || !reg.HasManifest(repo, before.Digest) {
			t.Errorf("the tag points to %s, or the previous manifest is gone", got)
		}
	})
	t.Run("and DeleteManifest need not resolve it first", func(t *testing.T) {
		t.Parallel()
		reg := withBlobs()
		c := newClient(t, reg)
		wantErr(t, c.PutManifest(t.Context(), repo, "v1", m))
		wantErr(t, c.DeleteManifest(t.Context(), repo, m.Descriptor.Digest))
		wantRequests(t, reg, requestLine("PUT", "v1", 201), requestLine("DELETE", m.Descriptor.Digest, 202))
	})
}

func TestPutManifestRejectsInconsistentManifests(t *testing.T) {
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
		{"a malformed digest", "v1", changed(func(m *regret.Manifest) { m.Descriptor.Digest = "sha256:zz" }), "sha256:zz"},
		{"another digest", "v1", changed(func(m *regret.Manifest) { m.Descriptor.Digest = aDigest }), aDigest},
		{"changed content", "v1", changed(func(m *regret.Manifest) { m.Raw = append(m.Raw, ' ') }), "the content has the digest"},
		{"the digest of another manifest as reference", aDigest, manifestOf(emptyImage), aDigest},
		{"a reference of another algorithm than the descriptor", string(digest.SHA512.FromString(emptyImage)), manifestOf(emptyImage), "the reference"},
		{"malformed schema1 signatures", "v1", changed(func(m *regret.Manifest) {
			m.Descriptor.MediaType, m.Raw = schema1JWS, []byte(`{"signatures":[{}]}`)
			m.Descriptor.Digest = digest.FromBytes(m.Raw)
		}), "schema1"},
		{"schema1 that is not JSON", "v1", changed(func(m *regret.Manifest) { m.Descriptor.MediaType, m.Raw = schema1, []byte("x") }), "schema1"},
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

func TestPutManifestReportsARefusal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		respond func(http.ResponseWriter, *http.Request) bool
		want    []error
		status  int
	}{
		{"a missing blob keeps its code", nil, []error{regret.CodeManifestBlobUnknown}, 400},
		{"401 means unauthorized", fakeregistry.Errors(401, "UNAUTHORIZED", "x"), []error{regret.ErrUnauthorized}, 401},
		{"403 means forbidden", fakeregistry.Errors(403, "DENIED", "x"), []error{regret.ErrForbidden, regret.CodeDenied}, 403},
		{"413 keeps its code", fakeregistry.Errors(413, "SIZE_INVALID", "x"), []error{regret.CodeSizeInvalid}, 413},
		{"another digest in the response is a mismatch", fakeregistry.Answer(201, map[string]string{"Docker-Content-Digest": aDigest}, ""),
			[]error{regret.ErrDigestMismatch}, 201},
		{"200 is not a valid response", fakeregistry.Answer(200, nil, "ok"), []error{regret.ErrNotRegistry}, 200},
		{"202 is not a valid response", fakeregistry.Answer(202, nil, ""), []error{regret.ErrNotRegistry}, 202},
		{"a redirect is not followed", fakeregistry.Redirect(307, "https://registry.example.com/v2/other/manifests/v1"), []error{regret.ErrRedirect}, 307},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			if test.respond != nil {
				reg.Intercept(0, fakeregistry.On("PUT", "/v2/"), test.respond)
			}
			err := newClient(t, reg).PutManifest(t.Context(), repo, "v1", manifestOf(emptyImage))
			e := wantErr(t, err, test.want...)
			if e.StatusCode != test.status || e.Op != "put manifest" || e.Method != "PUT" {
				t.Errorf("error has unexpected fields: %+v", e)
			}
			wantRequests(t, reg, requestLine("PUT", "v1", test.status))
		})
	}
}

func TestPutManifestIsRetriedOnlyIfThatIsSafe(t *testing.T) {
	t.Parallel()
	m := manifestOf(emptyImage)
	byDigest := string(m.Descriptor.Digest)
	for _, test := range []struct {
		rule, ref string
		fault     func(*fakeregistry.Registry) func(http.ResponseWriter, *http.Request) bool
		want      []error
		sent      int
	}{
		{"by digest it is retried after a lost response", byDigest, (*fakeregistry.Registry).LoseResponse, nil, 2},
		{"by digest it is retried after a lost request", byDigest, (*fakeregistry.Registry).LoseRequest, nil, 2},
		{"by digest it is retried after 500", byDigest, failing(500, "UNKNOWN"), nil, 2},
		{"by tag it is retried after a refused connection", "v1", refused, nil, 1}, // the log has no refused connections
		{"by tag it is retried after 429", "v1", failing(429, "TOOMANYREQUESTS"), nil, 2},
		{"by tag it is retried after 503 of the registry", "v1", failing(503, "UNAVAILABLE"), nil, 2},
		{"by tag it is not retried after a lost response", "v1", (*fakeregistry.Registry).LoseResponse, []error{regret.ErrOutcomeUnknown}, 1},
		{"by tag it is not retried after a lost request", "v1", (*fakeregistry.Registry).LoseRequest, []error{regret.ErrOutcomeUnknown}, 1},
		{"by tag it is not retried after 502", "v1", failing(502, ""), []error{regret.ErrOutcomeUnknown}, 1},
		{"by tag it is not retried after 503 of a proxy", "v1", failing(503, ""), []error{regret.ErrOutcomeUnknown}, 1},
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
				t.Error("the manifest was not stored")
			}
		})
	}
}
