package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// digestHeader returns a function that sets Docker-Content-Digest to values.
func digestHeader(values ...string) func(http.Header) {
	return func(h http.Header) { h["Docker-Content-Digest"] = values }
}

func TestResolveChecksTheDigestHeader(t *testing.T) {
	t.Parallel()
	reg := fakeregistry.New()
	right := string(reg.PutImage(repo, "hello", "v1").Digest)
	other := string(reg.PutImage(repo, "other").Digest)
	for _, test := range []struct {
		rule   string
		ref    string
		change func(http.Header)
		want   []error
		sent   []string
	}{
		{"a digest other than the requested one is an error", right, digestHeader(other), []error{regret.ErrDigestMismatch}, []string{"HEAD"}},
		{"for a malformed digest the content is read with GET", "v1", digestHeader("sha256:zz"), nil, []string{"HEAD", "GET"}},
		{"for a broken algorithm the content is read with GET", "v1", digestHeader("md5:d41d8cd98f00b204e9800998ecf8427e"), nil, []string{"HEAD", "GET"}},
		{"for a path instead of a hash the content is read with GET", "v1", digestHeader("sha256:../../../etc/passwd"), nil, []string{"HEAD", "GET"}},
		{"a tag without a digest is read with GET", "v1", digestHeader(), nil, []string{"HEAD", "GET"}},
		{"a digest without a digest in the header is read with GET", right, digestHeader(), nil, []string{"HEAD", "GET"}},
		{"two different digests are an error", "v1", digestHeader(right, other), []error{regret.ErrDigestMismatch}, []string{"HEAD"}},
		{"for two digests in one header field the content is read with GET", "v1", digestHeader(right + ", " + other), nil, []string{"HEAD", "GET"}},
		{"the same digest twice is accepted", "v1", digestHeader(right, right), nil, []string{"HEAD"}},
		{"for a hash in capitals the content is read with GET", "v1", digestHeader("sha256:" + strings.ToUpper(right[7:])), nil, []string{"HEAD", "GET"}},
		{"for an empty digest the content is read with GET", "v1", digestHeader(""), nil, []string{"HEAD", "GET"}},
		{"for a digest of one megabyte the content is read with GET", "v1", digestHeader("sha256:" + strings.Repeat("a", 1<<20)), nil, []string{"HEAD", "GET"}},
		{"for a digest of another algorithm the content is read with GET", right, digestHeader(aSHA512), nil, []string{"HEAD", "GET"}},
		{"with a media type that is not a manifest type the content is read with GET", "v1",
			func(h http.Header) { h.Set("Content-Type", "application/octet-stream") }, nil, []string{"HEAD", "GET"}},
		{"without a media type the content is read with GET", "v1", func(h http.Header) { h["Content-Type"] = nil }, nil, []string{"HEAD", "GET"}},
		{"a media type with parameters is accepted", "v1", func(h http.Header) { h.Set("Content-Type", h.Get("Content-Type")+"; charset=utf-8") }, nil, []string{"HEAD"}},
		{"a content encoding is an error", "v1", func(h http.Header) { h.Set("Content-Encoding", "gzip") }, []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"the content encoding identity is accepted", "v1", func(h http.Header) { h.Set("Content-Encoding", "identity") }, nil, []string{"HEAD"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			reg.Intercept(0, fakeregistry.On("HEAD", "/v2/"), altered(reg, test.change))
			got, err := newClient(t, reg).ResolveDigest(t.Context(), repo, test.ref)
			wantErr(t, err, test.want...)
			if err == nil && string(got) != right || err != nil && got != "" {
				t.Errorf("resolved to %q", got)
			}
			want := []string{}
			for _, method := range test.sent {
				want = append(want, requestLine(method, test.ref, 200))
			}
			wantRequests(t, reg, want...)
		})
	}
}

// If HEAD is not allowed, the digest is computed from the content that GET returns.
func TestManifestChecksTheDigestOfTheContent(t *testing.T) {
	t.Parallel()
	const other = `{"schemaVersion":2,"layers":[],"config":{}}`
	right, wrong := digest.FromString(emptyImage), digest.FromString(other)
	for _, test := range []struct {
		rule   string
		ref    regret.Digest // empty for a tag
		header []string
		body   string
		want   []error
	}{
		{"header and body match", right, []string{string(right)}, emptyImage, nil},
		{"a header is not required", right, nil, emptyImage, nil},
		{"another digest in header and body is an error", right, []string{string(wrong)}, other, []error{regret.ErrDigestMismatch}},
		{"another body under the right header is an error", right, []string{string(right)}, other, []error{regret.ErrDigestMismatch}},
		{"another body without a header is an error", right, nil, other, []error{regret.ErrDigestMismatch}},
		{"the right body under a wrong header is an error", right, []string{string(wrong)}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"a malformed header is ignored", right, []string{"sha256:zz"}, emptyImage, nil},
		{"two different headers are an error", right, []string{string(right), string(wrong)}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"a matching header of another algorithm is accepted", right, []string{string(digest.SHA512.FromString(emptyImage))}, emptyImage, nil},
		{"a wrong header of another algorithm is an error", right, []string{aSHA512}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"header and body of a tag match", "", []string{string(right)}, emptyImage, nil},
		{"a header is not required for a tag", "", nil, emptyImage, nil},
		{"a wrong header for a tag is an error", "", []string{string(wrong)}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"a wrong sha512 header for a tag is an error", "", []string{aSHA512}, emptyImage, []error{regret.ErrDigestMismatch}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New(fakeregistry.WithHeadStatus(http.StatusMethodNotAllowed))
			reg.Intercept(0, fakeregistry.On("GET", "/v2/"), func(w http.ResponseWriter, req *http.Request) bool {
				w.Header()["Docker-Content-Digest"] = test.header
				return fakeregistry.Answer(200, map[string]string{"Content-Type": manifestOf("").Descriptor.MediaType}, test.body)(w, req)
			})
			c, ref := newClient(t, reg), string(test.ref)
			if ref == "" {
				ref = "v1"
			}
			got, err := c.ResolveDigest(t.Context(), repo, ref)
			wantErr(t, err, test.want...)
			if err == nil && got != right || err != nil && got != "" {
				t.Errorf("resolved to %q", got)
			}
			m, err := c.Manifest(t.Context(), repo, ref)
			wantErr(t, err, test.want...)
			if err == nil && (m.Descriptor.Digest != right || string(m.Raw) != emptyImage) || err != nil && m != nil {
				t.Errorf("read %+v", m)
			}
			wantRequests(t, reg, requestLine("HEAD", ref, 405), requestLine("GET", ref, 200), requestLine("GET", ref, 200))
		})
	}
}
