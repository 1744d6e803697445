package memory

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

// These tests are in package memory because what it drops cannot be observed from outside.

const repository = "team/app"

var first, second = digest.FromString("the first manifest"), digest.FromString("the second manifest")

func TestMemoryHoldsManifestsAndTags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule            string
		do              func(m *Memory)
		manifests, tags int
	}{
		{"a tag adds the tag and its digest", func(m *Memory) { m.Add(repository, "v1", first) }, 1, 1},
		{"a digest adds the digest", func(m *Memory) { m.Add(repository, string(first), first) }, 1, 0},
		{"dropping a manifest drops its tag", func(m *Memory) {
			m.Add(repository, "v1", first)
			m.Add(repository, string(first), first)
			m.DropManifest(repository, first)
		}, 0, 0},
		{"dropping a manifest drops only the tag that was added last", func(m *Memory) {
			m.Add(repository, "v1", first)
			m.Add(repository, "v2", first)
			m.DropManifest(repository, first)
		}, 0, 1},
		{"dropping an unknown manifest leaves nothing behind", func(m *Memory) { m.DropManifest(repository, first) }, 0, 0},
		{"dropping a manifest keeps a tag that points to another one now", func(m *Memory) {
			m.Add(repository, "v1", first)
			m.Add(repository, "v1", second)
			m.DropManifest(repository, first)
		}, 1, 1},
		{"dropping a tag keeps its manifest", func(m *Memory) {
			m.Add(repository, "v1", first)
			m.DropTag(repository, "v1")
		}, 1, 0},
		{"dropping a manifest after its tag leaves nothing behind", func(m *Memory) {
			m.Add(repository, "v1", first)
			m.DropTag(repository, "v1")
			m.DropManifest(repository, first)
		}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			m := New(10)
			tt.do(m)
			if manifests, tags := m.manifests.Len(), m.tags.Len(); manifests != tt.manifests || tags != tt.tags {
				t.Errorf("%d manifests and %d tags, want %d and %d", manifests, tags, tt.manifests, tt.tags)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const manifests = maxRemembered + 1000
	m := New(manifests)
	dgst := func(i int) digest.Digest { return digest.FromString(fmt.Sprint(i)) }
	for i := range 5 * manifests / 2 {
		m.Add(repository, fmt.Sprint("v", i), dgst(i))
	}
	if n := m.manifests.Len(); n > 2*manifests {
		t.Errorf("%d manifests, want at most %d", n, 2*manifests)
	}
	if n := m.tags.Len(); n > maxRemembered {
		t.Errorf("%d tags, want at most %d", n, maxRemembered)
	}
	last := 5*manifests/2 - 1
	if _, known := m.Tag(repository, fmt.Sprint("v", last)); !known {
		t.Error("the newest tag was dropped")
	}
	for i := range manifests {
		if !m.IsManifest(repository, dgst(last-i)) {
			t.Fatalf("only the latest %d manifests were kept, want %d", i, manifests)
		}
	}
}

func TestAnyNumberOfManifestsIsAllowed(t *testing.T) {
	t.Parallel()
	for _, manifests := range []int{1, 2, 3, math.MaxInt/2 + 1, math.MaxInt} {
		m := New(manifests)
		m.Add(repository, string(first), first)
		if !m.IsManifest(repository, first) {
			t.Errorf("with %d manifests, the only one was dropped", manifests)
		}
	}
}

func TestTagsOf(t *testing.T) {
	t.Parallel()
	m := New(10)
	m.Add(repository, "v2", first)
	m.Add(repository, "v1", first)
	m.Add(repository, "v3", second)
	m.Add("team/other", "v4", first)
	if diff := cmp.Diff([]string{"v1", "v2"}, m.TagsOf(repository, first)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if tags := m.TagsOf("team/none", first); tags != nil {
		t.Errorf("tags of a repository that was never seen: %q", tags)
	}
}

func TestWhatWasSeenIsOfItsRepository(t *testing.T) {
	t.Parallel()
	m := New(10)
	m.Add(repository, "v1", first)
	m.AddListed(repository)
	for _, tt := range []struct {
		repository string
		want       bool
	}{{repository, true}, {"team/other", false}} {
		if got := m.IsManifest(tt.repository, first); got != tt.want {
			t.Errorf("%s: is a manifest: %t, want %t", tt.repository, got, tt.want)
		}
		if _, got := m.Tag(tt.repository, "v1"); got != tt.want {
			t.Errorf("%s: knows the tag: %t, want %t", tt.repository, got, tt.want)
		}
		if got := m.IsListed(tt.repository); got != tt.want {
			t.Errorf("%s: is listed: %t, want %t", tt.repository, got, tt.want)
		}
	}
}

// BenchmarkHeap measures the memory that one manifest costs. Its times mean nothing.
func BenchmarkHeap(b *testing.B) {
	const n = 200_000
	for _, bench := range []struct {
		name      string
		reference func(i int, dgst digest.Digest) string
	}{
		{"seen under its digest", func(_ int, dgst digest.Digest) string { return string(dgst) }},
		{"seen under a tag", func(i int, _ digest.Digest) string { return fmt.Sprintf("pr-%06d", i) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				m := New(n)
				for i := range n {
					dgst := digest.FromString(fmt.Sprint(i))
					m.Add(repository, bench.reference(i, dgst), dgst)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(m.manifests.Len()), "B/manifest")
			}
		})
	}
}
