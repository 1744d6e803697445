package regret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// digestHeader sets Docker-Content-Digest to these values.
func digestHeader(values ...string) func(http.Header) {
	return func(h http.Header) { h["Docker-Content-Digest"] = values }
}

func TestDigestHeadersOfHEAD(t *testing.T) {
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
		{"a digest that was not asked for", right, digestHeader(other), []error{regret.ErrDigestMismatch}, []string{"HEAD"}},
		{"a digest that is none", "v1", digestHeader("sha256:zz"), []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"an algorithm that is broken", "v1", digestHeader("md5:d41d8cd98f00b204e9800998ecf8427e"),
			[]error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"a path", "v1", digestHeader("sha256:../../../etc/passwd"), []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"no digest leads to GET", "v1", digestHeader(), nil, []string{"HEAD", "GET"}},
		{"no digest leads to GET for a digest too", right, digestHeader(), nil, []string{"HEAD", "GET"}},
		{"two digests", "v1", digestHeader(right, other), []error{regret.ErrDigestMismatch}, []string{"HEAD"}},
		{"two digests in one line", "v1", digestHeader(right + ", " + other), []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"the same digest twice is one", "v1", digestHeader(right, right), nil, []string{"HEAD"}},
		{"capitals", "v1", digestHeader("sha256:" + strings.ToUpper(right[7:])), []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"an empty digest", "v1", digestHeader(""), []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"a digest of a megabyte", "v1", digestHeader("sha256:" + strings.Repeat("a", 1<<20)), []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"a digest of another algorithm leads to GET", right, digestHeader(aSHA512), nil, []string{"HEAD", "GET"}},
		{"a type that is no manifest's leads to GET", "v1",
			func(h http.Header) { h.Set("Content-Type", "application/octet-stream") }, nil, []string{"HEAD", "GET"}},
		{"no type leads to GET", "v1", func(h http.Header) { h["Content-Type"] = nil }, nil, []string{"HEAD", "GET"}},
		{"a type with parameters is a type", "v1", func(h http.Header) { h.Set("Content-Type", h.Get("Content-Type")+"; charset=utf-8") }, nil, []string{"HEAD"}},
		{"an encoding that nobody accepted", "v1", func(h http.Header) { h.Set("Content-Encoding", "gzip") }, []error{regret.ErrNotRegistry}, []string{"HEAD"}},
		{"the identity is no encoding", "v1", func(h http.Header) { h.Set("Content-Encoding", "identity") }, nil, []string{"HEAD"}},
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

// What GET answers, while HEAD does not serve: the digest is that of the bytes.
func TestDigestsOfContent(t *testing.T) {
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
		{"header and body agree", right, []string{string(right)}, emptyImage, nil},
		{"the body is enough", right, nil, emptyImage, nil},
		{"header and body agree on another", right, []string{string(wrong)}, other, []error{regret.ErrDigestMismatch}},
		{"the header is right and the body another", right, []string{string(right)}, other, []error{regret.ErrDigestMismatch}},
		{"there is no header and the body is another", right, nil, other, []error{regret.ErrDigestMismatch}},
		{"the header is wrong and the body right", right, []string{string(wrong)}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"the header is no digest", right, []string{"sha256:zz"}, emptyImage, []error{regret.ErrNotRegistry}},
		{"there are two headers", right, []string{string(right), string(wrong)}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"the header is of another algorithm and right", right, []string{string(digest.SHA512.FromString(emptyImage))}, emptyImage, nil},
		{"the header is of another algorithm and wrong", right, []string{aSHA512}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"a tag: header and body agree", "", []string{string(right)}, emptyImage, nil},
		{"a tag: the body is enough", "", nil, emptyImage, nil},
		{"a tag: header and body disagree", "", []string{string(wrong)}, emptyImage, []error{regret.ErrDigestMismatch}},
		{"a tag: header and body disagree in 512 bits", "", []string{aSHA512}, emptyImage, []error{regret.ErrDigestMismatch}},
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
