package fakeregistry_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// TestConcurrentRequests uses one repository from many goroutines, for the race detector.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	overBothTransports(t, nil, func(t *testing.T, c *client) {
		subject := c.reg.PutImage("a", "subject", "subject")
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for i := range 10 {
					content, tag := fmt.Sprint(worker, i), fmt.Sprintf("t%d-%d", worker, i)
					image := c.pushManifest("a", tag, ocispec.MediaTypeImageManifest, c.imageManifest("a", content, nil))
					referrer := c.reg.PutReferrer("a", subject, "t", content)
					for _, path := range []string{"tags/list?n=3", "referrers/" + subject.Digest.String(), "manifests/" + tag} {
						c.do("GET", "/v2/a/"+path, "").want(t, 200)
					}
					c.do("DELETE", "/v2/a/manifests/"+referrer.Digest.String(), "").want(t, 202)
					c.do("DELETE", "/v2/a/manifests/"+image.Digest.String(), "").want(t, 202)
					c.do("GET", "/v2/_catalog", "").want(t, 200)
					c.reg.Requests()
					c.reg.Tags("a")
				}
			})
		}
		group.Wait()
		if tags := c.reg.Tags("a"); len(tags) != 1 {
			t.Errorf("tags %v, want one", tags)
		}
	})
}

// discardWriter is a response writer that discards the body.
type discardWriter struct{ header http.Header }

func (d discardWriter) Header() http.Header         { return d.header }
func (d discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (d discardWriter) WriteHeader(int)             {}

func BenchmarkHead(b *testing.B) {
	for _, tags := range []int{1, 100_000} {
		reg := fakeregistry.New(fakeregistry.WithoutLog())
		for i := range tags {
			reg.PutManifest("a", fmt.Sprintf("v%d", i), ocispec.MediaTypeImageManifest, fmt.Appendf(nil, "%d", i))
		}
		req, err := http.NewRequestWithContext(b.Context(), "HEAD", "https://r/v2/a/manifests/v0", nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("handler with %d tags", tags), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				reg.ServeHTTP(discardWriter{http.Header{}}, req)
			}
		})
		b.Run(fmt.Sprintf("roundtrip with %d tags", tags), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := reg.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}

func BenchmarkDelete(b *testing.B) {
	for _, tags := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("with %d tags", tags), func(b *testing.B) {
			reg := fakeregistry.New(fakeregistry.WithoutLog())
			for i := range tags {
				reg.PutManifest("a", fmt.Sprintf("v%d", i), ocispec.MediaTypeImageManifest, fmt.Appendf(nil, "%d", i))
			}
			image := reg.PutImage("a", "x")
			req, err := http.NewRequestWithContext(b.Context(), "DELETE", "https://r/v2/a/manifests/"+image.Digest.String(), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				reg.PutImage("a", "x", "x")
				resp, err := reg.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
