package regret_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func TestManifestEnforcesTheSizeLimit(t *testing.T) {
	t.Parallel()
	const limit = 4096
	padded := func(size int) string {
		return emptyImage[:len(emptyImage)-1] + strings.Repeat(" ", size-len(emptyImage)) + "}"
	}
	limits := regret.DefaultLimits()
	limits.ManifestBytes = limit
	for _, test := range []struct {
		rule string
		size int
		want []error
	}{
		{"content of the maximum size is read", limit, nil},
		{"one byte more is an error", limit + 1, []error{regret.ErrTooLarge}},
		{"twice the maximum size is an error", 2 * limit, []error{regret.ErrTooLarge}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := respondingWith(ociImage, padded(test.size))
			m, err := newClient(t, reg, regret.WithLimits(limits)).Manifest(t.Context(), repo, "v1")
			wantErr(t, err, test.want...)
			if err == nil && len(m.Raw) != test.size {
				t.Errorf("read %d bytes", len(m.Raw))
			}
			if err != nil {
				wantText(t, err, fmt.Sprint(limit))
			}
			wantRequests(t, reg, requestLine("GET", "v1", 200)) // a retry would not return less
		})
	}
	t.Run("endless content is an error", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		reg.Intercept(0, fakeregistry.On("GET", "/v2/"), fakeregistry.Flood(200, map[string]string{"Content-Type": ociImage}))
		_, err := newClient(t, reg).Manifest(t.Context(), repo, "v1")
		wantErr(t, err, regret.ErrTooLarge)
		if n := len(reg.Requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("a huge Content-Length of HEAD is returned as the size", func(t *testing.T) {
		t.Parallel()
		reg := fakeregistry.New()
		reg.PutImage(repo, "hello", "v1")
		reg.Intercept(0, fakeregistry.On("HEAD", "/v2/"), altered(reg, func(h http.Header) { h.Set("Content-Length", "4611686018427387904") }))
		d, err := newClient(t, reg).Resolve(t.Context(), repo, "v1")
		wantErr(t, err)
		if d.Size != 1<<62 {
			t.Errorf("size %d, want the Content-Length of the response", d.Size)
		}
	})
}

func TestManifestRejectsContentEncodings(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"gzip", "br", "deflate", "x-unheard-of"} {
		t.Run("content encoding "+encoding+" is an error", func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			reg.PutImage(repo, "hello", "v1")
			reg.Intercept(0, fakeregistry.On("GET", "/v2/"), altered(reg, func(h http.Header) { h.Set("Content-Encoding", encoding) }))
			_, err := newClient(t, reg).Manifest(t.Context(), repo, "v1")
			wantErr(t, err, regret.ErrNotRegistry)
			wantText(t, err, encoding)
			wantRequests(t, reg, requestLine("GET", "v1", 200))
		})
	}
}

// sendHalf sends half of the content and closes the connection.
func sendHalf() func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", ociImage)
		w.Header().Set("Content-Length", fmt.Sprint(len(emptyImage)))
		w.WriteHeader(http.StatusOK)
		if _, err := w.Write([]byte(emptyImage[:len(emptyImage)/2])); err != nil {
			return true
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return true
		}
		panic(http.ErrAbortHandler)
	}
}

func TestManifestRetriesTruncatedContent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		lost int // number of truncated responses; 0 for all
		want []error
		sent int
	}{
		{"after one truncated response the second attempt succeeds", 1, nil, 2},
		{"after three truncated responses the fourth attempt succeeds", 3, nil, 4},
		{"after four truncated responses it is an error", 0, []error{regret.ErrUnavailable}, 4},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			reg := fakeregistry.New()
			want := reg.PutManifest(repo, "v1", ociImage, []byte(emptyImage))
			reg.Intercept(test.lost, fakeregistry.On("GET", "/v2/"), sendHalf())
			m, err := newClient(t, reg).Manifest(t.Context(), repo, "v1")
			e := wantErr(t, err, test.want...)
			if err == nil && m.Descriptor.Digest != want.Digest {
				t.Errorf("read %+v", m.Descriptor)
			}
			if e != nil && e.Attempts != test.sent {
				t.Errorf("%d attempts, want %d", e.Attempts, test.sent)
			}
			if n := len(reg.Requests()); n != test.sent {
				t.Errorf("%d requests, want %d", n, test.sent)
			}
		})
	}
}
