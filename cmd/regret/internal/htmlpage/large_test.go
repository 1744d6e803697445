package htmlpage_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/htmlpage"
)

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A gauge counts what is written, and measures the memory in use each time that many bytes more were.
type gauge struct{ written, every, next, peak int }

func (g *gauge) Write(p []byte) (int, error) {
	if g.written += len(p); g.written >= g.next {
		g.next = g.written + g.every
		g.peak = max(g.peak, heap())
	}
	return len(p), nil
}

// The test measures the memory of the process, so that it does not run beside others.
func TestThePageIsWrittenWhileItIsMade(t *testing.T) {
	const images = 5_000
	p := many(t, images/2)
	before := heap()
	g := gauge{every: 500_000}
	if err := htmlpage.Write(&g, p); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(p)
	manifests := images/2*4 + images/2
	perImage, perManifest := g.written/images, (g.peak-before)/manifests
	t.Logf("%d bytes for each image, and %d bytes of memory for each manifest", perImage, perManifest)
	if perImage > 2_000 { // half of them have three parts
		t.Errorf("the page has %d bytes for each image", perImage)
	}
	if perManifest > 700 {
		t.Errorf("writing takes %d bytes for each manifest", perManifest)
	}
}

func TestLongNamesAreCut(t *testing.T) {
	t.Parallel()
	r := newRepository()
	long := strings.Repeat("long", 5000)
	gone := r.index([]regret.Descriptor{on(r.image("amd64", 90, 1), long, long)}, "pr-1")
	r.referrer(long, gone)
	r.image("amd64", 1, 1, "main")
	r.invalid = append(r.invalid, long)
	got := page(t, r.plan(t, `{"version":1,"remove":[{"name":"pull requests","tags":"pr-*"}],"limits":{"broken":1}}`))
	if n := strings.Count(got, "long"); n < 100 || n > 1000 {
		t.Errorf("the name is shown %d times", n)
	}
}

// BenchmarkWrite reports, beside the time, the size of the page and the memory that writing it takes.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{5_000, 100_000} {
		b.Run(fmt.Sprintf("%d images", n), func(b *testing.B) {
			p := many(b, n/2)
			before := heap()
			g := gauge{every: 8 << 20}
			if err := htmlpage.Write(&g, p); err != nil {
				b.Fatal(err)
			}
			var took time.Duration
			for b.Loop() {
				began := time.Now()
				if err := htmlpage.Write(io.Discard, p); err != nil {
					b.Fatal(err)
				}
				took += time.Since(began)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N*n), "ns/image")
			b.ReportMetric(float64(g.written)/float64(n), "B/image")
			b.ReportMetric(float64(g.peak-before)/1e6, "MB-memory")
			b.ReportMetric(float64(before)/1e6, "MB-plan")
		})
	}
}
