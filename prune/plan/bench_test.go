package plan_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// tenRules is a policy as a large repository has it.
const tenRules = `{"version": 1,
	"keep": [
		{"name": "releases", "tags": {"semver": ">=1.0.0"}, "newest": 100, "per": "minor"},
		{"name": "candidates", "tags": {"semver": ">=0.0.0", "pre": "only"}, "newest": 50},
		{"name": "floating", "tags": ["latest", "stable"]},
		{"name": "calendar", "tags": "main-*", "daily": 7, "weekly": 4, "monthly": 12},
		{"name": "recent", "tags": "*", "within": "7d"}],
	"remove": [
		{"name": "pull requests", "tags": "pr-*", "except": "pr-keep-*", "older-than": "30d"},
		{"name": "builds", "tags": {"regexp": "build-(?P<number>\\d+)"}, "beyond": 50},
		{"name": "nightlies", "tags": {"regexp": "nightly-(?P<date>\\d{8})"}, "older-than": "14d"},
		{"name": "main", "tags": "main-*", "older-than": "30d"},
		{"name": "old", "tags": "*", "older-than": "1y"}],
	"limits": {"max-percent": 100, "max-images": 10000000}}`

var benchTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// largeSnapshot is a repository of n indexes of four children each, completely read.
func largeSnapshot(tb testing.TB, p *policy.Policy, n int) *plan.Snapshot {
	tb.Helper()
	s := plan.NewSnapshot("registry.example", "team/app", plan.Options{})
	s.NoReferrersAPI()
	for i := range n {
		var tag string
		switch i % 5 {
		case 0:
			tag = fmt.Sprintf("%d.%d.%d", i/10000, i/100%100, i%100)
		case 1:
			tag = fmt.Sprintf("pr-%d", i)
		case 2:
			tag = fmt.Sprintf("build-%d", i)
		case 3:
			tag = fmt.Sprintf("main-%d", i)
		case 4:
			tag = benchTime.AddDate(0, 0, -i%4000).Format("nightly-20060102") + fmt.Sprintf("-%d", i)
		}
		s.AddTag(tag)
	}
	for {
		d, err := plan.Decide(p, s, benchTime)
		if err != nil {
			tb.Fatal(err)
		}
		asked := false
		for q := range d.Missing() {
			asked = true
			answer(tb, s, q)
		}
		if !asked {
			return s
		}
	}
}

// answer makes up an answer from the question.
func answer(tb testing.TB, s *plan.Snapshot, q plan.Question) {
	tb.Helper()
	seed := digest.FromString(q.Tag + string(q.Digest))
	var m regret.Manifest
	switch q.Kind {
	case plan.AskTag:
		var entries []string
		for child := range 4 {
			entries = append(entries, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":500,"platform":{"os":"linux","architecture":"a%d"}}`,
				ocispec.MediaTypeImageManifest, digest.FromString(fmt.Sprint(seed, child)), child))
		}
		created := benchTime.Add(-time.Duration(int(seed.Encoded()[0])*int(seed.Encoded()[1])) * 5 * time.Minute).Format(time.RFC3339)
		m.Descriptor.MediaType = ocispec.MediaTypeImageIndex
		m.Raw = fmt.Appendf(nil, `{"schemaVersion":2,"annotations":{"org.opencontainers.image.created":%q},"manifests":[%s]}`, created, strings.Join(entries, ","))
		m.Descriptor.Digest = seed
	case plan.AskManifest:
		m.Descriptor.MediaType = ocispec.MediaTypeImageManifest
		m.Raw = fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":100},"layers":[{"digest":%q,"size":1000}]}`,
			ocispec.MediaTypeImageConfig, digest.FromString("config "+string(q.Digest)), digest.FromString("layer "+string(q.Digest)))
		m.Descriptor.Digest = q.Digest
	case plan.AskConfig:
		s.Config(q, fmt.Appendf(nil, `{"created":%q}`, benchTime.AddDate(0, 0, -int(seed.Encoded()[0])*5).Format(time.RFC3339)))
		return
	default:
		tb.Fatalf("unexpected question %+v", q)
	}
	m.Descriptor.Size = int64(len(m.Raw))
	if err := s.Manifest(q, &m); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkDecide decides over indexes of four children each by ten rules. It reports the
// memory that a decision holds beside the snapshot, and that of the snapshot.
func BenchmarkDecide(b *testing.B) {
	p, err := policy.Parse([]byte(tenRules))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("%d indexes", n), func(b *testing.B) {
			before := heap()
			s := largeSnapshot(b, p, n)
			after := heap()
			b.ReportAllocs()
			var d *plan.Decision
			for b.Loop() {
				if d, err = plan.Decide(p, s, benchTime); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(after-before)/1e6, "MB-snapshot")
			b.ReportMetric(float64(heap()-after)/1e6, "MB-decision")
			runtime.KeepAlive(d)
			runtime.KeepAlive(s)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
