package memory

import (
	"fmt"
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
			m := New()
			tt.do(m)
			if manifests, tags := m.manifests.Len(), m.tags.Len(); manifests != tt.manifests || tags != tt.tags {
				t.Errorf("%d manifests and %d tags, want %d and %d", manifests, tags, tt.manifests, tt.tags)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := New()
	for i := range maxRemembered + 10 {
		m.Add(repository, fmt.Sprint("v", i), digest.FromString(fmt.Sprint(i)))
	}
	if n := max(m.manifests.Len(), m.tags.Len()); n > maxRemembered {
		t.Errorf("%d entries, want at most %d", n, maxRemembered)
	}
	newest := fmt.Sprint("v", maxRemembered+9)
	if _, known := m.Tag(repository, newest); !known {
		t.Error("the newest tag was dropped")
	}
}

func TestTagsOf(t *testing.T) {
	t.Parallel()
	m := New()
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
	m := New()
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
