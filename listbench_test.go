package regret_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
)

// A tagStream is a page of n tags, generated while it is read and without allocations.
type tagStream struct {
	n, next int
	buffer  [64]byte
	pending []byte
}

func (s *tagStream) Read(p []byte) (int, error) {
	n := copy(p, s.pending)
	for s.pending = s.pending[n:]; n < len(p) && s.next <= s.n; s.next++ {
		s.pending = s.buffer[:0]
		switch s.next {
		case 0:
			s.pending = append(s.pending, `{"name":"team/app","tags":["t1000000"`...)
		case s.n:
			s.pending = append(s.pending, "]}\n"...)
		default:
			s.pending = append(strconv.AppendInt(append(s.pending, `,"t`...), int64(1_000_000+s.next), 10), '"')
		}
		copied := copy(p[n:], s.pending)
		n, s.pending = n+copied, s.pending[copied:]
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *tagStream) Close() error { return nil }

// streamTags returns a transport that responds with one page of n tags.
func streamTags(n int) roundTrip {
	return func(req *http.Request) (*http.Response, error) {
		resp := respond(req, http.StatusOK, "")
		resp.Body, resp.ContentLength = &tagStream{n: n}, -1
		return resp, nil
	}
}

// pageTags returns a transport that responds with linked pages of a thousand tags each.
func pageTags(pages int) roundTrip {
	const size = 1000
	bodies := make([]string, pages)
	for i := range bodies {
		tags := make([]string, size)
		for j := range tags {
			tags[j] = fmt.Sprintf(`"t%07d"`, i*size+j)
		}
		bodies[i] = `{"name":"team/app","tags":[` + strings.Join(tags, ",") + `]}`
	}
	return func(req *http.Request) (*http.Response, error) {
		i := 0
		if page := req.URL.Query().Get("page"); page != "" {
			var err error
			if i, err = strconv.Atoi(page); err != nil {
				return nil, err
			}
		}
		if i == len(bodies) { // a full page needs a successor
			return respond(req, http.StatusOK, `{"name":"team/app","tags":[]}`), nil
		}
		return respond(req, http.StatusOK, bodies[i], "Link", fmt.Sprintf(`<?page=%d>; rel="next"`, i+1)), nil
	}
}

// countTags lists the tags and checks their number. It calls each for every 100,000th tag.
func countTags(b *testing.B, c *regret.Client, want int, each func()) {
	b.Helper()
	count := 0
	for _, err := range c.Tags(b.Context(), repo) {
		if err != nil {
			b.Fatal(err)
		}
		if count++; count%100_000 == 0 && each != nil {
			each()
		}
	}
	if count != want {
		b.Fatalf("%d tags, want %d", count, want)
	}
}

func BenchmarkTags(b *testing.B) {
	for _, bench := range []struct {
		name string
		tags int
		base roundTrip
	}{
		{"in one response", 1_000_000, streamTags(1_000_000)},
		{"in pages of a thousand", 100_000, pageTags(100)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := newClient(b, bench.base)
			b.ReportAllocs()
			for b.Loop() {
				countTags(b, c, bench.tags, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bench.tags), "ns/tag")
		})
	}
}

// BenchmarkTagsHeap measures how much the heap grows while tags are listed, which must
// not depend on their number. It measures during the listing, so its times mean nothing.
func BenchmarkTagsHeap(b *testing.B) {
	const n = 1_000_000
	c := newClient(b, streamTags(n))
	var before, now runtime.MemStats
	peak := uint64(0)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		countTags(b, c, n, func() {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		})
	}
	b.ReportMetric(float64(peak-min(peak, before.HeapAlloc))/(1<<10), "KiB-heap-growth")
}

// A manifestStream is a page of one of Google's registries with n manifests, generated while it
// is read and without allocations.
type manifestStream struct {
	n, next int
	buffer  [512]byte
	pending []byte
}

func (s *manifestStream) Read(p []byte) (int, error) {
	const (
		digits  = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef01234567"
		between = `":{"imageSizeBytes":"763789","layerId":"","mediaType":"application/vnd.docker.distribution.manifest.v2+json","tag":["t`
		after   = `"],"timeCreatedMs":"1595895577054","timeUploadedMs":"1597767277119"}`
	)
	if len(s.pending) == 0 && s.next > s.n {
		return 0, io.EOF
	}
	if len(s.pending) == 0 {
		s.pending = s.buffer[:0]
		switch number := int64(10_000_000 + s.next); s.next {
		case 0:
			s.pending = append(s.pending, `{"child":[],"manifest":{"`+digits+`10000000`+between+`"]}`...)
		case s.n:
			s.pending = append(s.pending, `},"name":"team/app","tags":[]}`...)
		default:
			s.pending = strconv.AppendInt(append(s.pending, `,"`+digits...), number, 10)
			s.pending = append(strconv.AppendInt(append(s.pending, between...), number, 10), after...)
		}
		s.next++
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// BenchmarkList lists the manifests of one of Google's registries, and measures how much the heap
// grows meanwhile.
func BenchmarkList(b *testing.B) {
	const n = 100_000
	c := newClient(b, roundTrip(func(req *http.Request) (*http.Response, error) {
		resp := respond(req, http.StatusOK, "")
		resp.Body = io.NopCloser(&manifestStream{n: n})
		return resp, nil
	}))
	var before, now runtime.MemStats
	peak := uint64(0)
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	for b.Loop() {
		count := 0
		for _, err := range c.List(b.Context(), repo) {
			if err != nil {
				b.Fatal(err)
			}
			if count++; count == n {
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
				b.StartTimer()
			}
		}
		if count != n {
			b.Fatalf("%d manifests, want %d", count, n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/manifest")
	b.ReportMetric(float64(peak-min(peak, before.HeapAlloc))/n, "B-heap-growth/manifest")
}

func TestAllocationsPerTag(t *testing.T) {
	allocations := func(n int) float64 {
		c := newClient(t, streamTags(n))
		return testing.AllocsPerRun(3, func() {
			for _, err := range c.Tags(t.Context(), repo) {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	// One allocation for the tag itself, and a buffer now and then.
	few, many := allocations(1500), allocations(11500)
	if per := (many - few) / 10000; per > 1.1 {
		t.Errorf("%.2f allocations per tag, want at most 1.1", per)
	}
}
