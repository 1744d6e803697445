package regret_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
)

// tagStream is one page of n tags, made as it is read.
type tagStream struct {
	n, next int
	pending []byte
}

func (s *tagStream) Read(p []byte) (int, error) {
	for len(s.pending) < len(p) && s.next <= s.n {
		switch s.next {
		case 0:
			s.pending = append(s.pending, `{"name":"team/app","tags":["t0000000"`...)
		case s.n:
			s.pending = append(s.pending, "]}\n"...)
		default:
			s.pending = fmt.Appendf(s.pending, `,"t%07d"`, s.next)
		}
		s.next++
	}
	n := copy(p, s.pending)
	if s.pending = s.pending[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *tagStream) Close() error { return nil }

// A million tags in one answer: the heap stays what it was.
func BenchmarkTagsInOneAnswer(b *testing.B) {
	const n = 1_000_000
	c := newClient(b, roundTrip(func(req *http.Request) (*http.Response, error) {
		resp := respond(req, 200, "")
		resp.Body, resp.ContentLength = &tagStream{n: n}, -1
		return resp, nil
	}))
	var before, now runtime.MemStats
	peak := uint64(0)
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	for b.Loop() {
		count := 0
		for _, err := range c.Tags(b.Context(), repo) {
			if err != nil {
				b.Fatal(err)
			}
			if count++; count%100_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
		if count != n {
			b.Fatalf("%d tags", count)
		}
	}
	b.ReportMetric(float64(peak-min(peak, before.HeapAlloc))/(1<<10), "KiB-heap-growth")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/tag")
}

// A thousand tags a page, as registries that know pages send them.
func BenchmarkTagsOverPages(b *testing.B) {
	const total, size = 100_000, 1000
	pages := make([]string, total/size)
	for i := range pages {
		body := `{"name":"team/app","tags":[`
		for j := range size {
			if j > 0 {
				body += ","
			}
			body += fmt.Sprintf(`"t%07d"`, i*size+j)
		}
		pages[i] = body + "]}"
	}
	c := newClient(b, roundTrip(func(req *http.Request) (*http.Response, error) {
		i := 0
		if last := req.URL.Query().Get("page"); last != "" {
			if _, err := fmt.Sscan(last, &i); err != nil {
				return nil, err
			}
		}
		if i+1 == len(pages) {
			return respond(req, 200, pages[i][:len(pages[i])-len(`,"t0000000"]}`)]+"]}"), nil
		}
		return respond(req, 200, pages[i], "Link", fmt.Sprintf(`<?page=%d>; rel="next"`, i+1)), nil
	}))
	b.ReportAllocs()
	for b.Loop() {
		count := 0
		for _, err := range c.Tags(b.Context(), repo) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
		if count != total-1 {
			b.Fatalf("%d tags", count)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/total, "ns/tag")
}

// Reading entries costs a fixed number of allocations each, whatever their
// number.
func TestAllocationsPerTag(t *testing.T) {
	allocations := func(n int) float64 {
		c := newClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			resp := respond(req, 200, "")
			resp.Body, resp.ContentLength = &tagStream{n: n}, -1
			return resp, nil
		}))
		return testing.AllocsPerRun(3, func() {
			for _, err := range c.Tags(t.Context(), repo) {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	few, many := allocations(1500), allocations(11500)
	// Six of them are encoding/json's, one is the stream's above.
	if per := (many - few) / 10000; per > 8 {
		t.Errorf("%.1f allocations per tag, want at most 8", per)
	}
}
