// Package memory holds what a client has seen of its registry: manifests that
// were served, what tags pointed to when they were last resolved, and which lists
// of tags the caller has read. It does not know what these facts are used for.
//
// Invariants: its size is bounded; an entry that is missing costs a request, or a
// check of tags after a deletion, but leads to no other deletion.
package memory

import (
	"math"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// maxRemembered bounds the tags and the lists that a client remembers. The oldest
// entries are dropped first. Of tags, it is the latest that matter: a tag is resolved
// shortly before it is removed.
const maxRemembered = 16384

// A Memory is bounded, and safe for concurrent use.
type Memory struct {
	manifests *bounded.Map[imageName, string] // digests served as manifests, each with the tag that was last resolved to it
	tags      *bounded.Map[imageName, digest.Digest]
	listed    *bounded.Map[string, struct{}] // repositories whose tags the caller has listed
}

// An imageName is a tag or digest of a repository.
type imageName struct{ repository, reference string }

// New returns an empty memory. It keeps at least the latest manifests, in the given
// number, and at most twice as many: a [bounded.Map] may drop the older half.
func New(manifests int) *Memory {
	return &Memory{
		manifests: bounded.New[imageName, string](2 * min(manifests, math.MaxInt/2)),
		tags:      bounded.New[imageName, digest.Digest](maxRemembered),
		listed:    bounded.New[string, struct{}](maxRemembered),
	}
}

// Add records that a digest was served as a manifest, and what a tag points to.
func (m *Memory) Add(repository, reference string, dgst digest.Digest) {
	served, tag := imageName{repository, string(dgst)}, reference
	if reference == string(dgst) {
		tag, _ = m.manifests.Get(served)
	} else {
		m.tags.Set(imageName{repository, tag}, dgst)
	}
	m.manifests.Set(served, tag)
}

// IsManifest reports whether a digest was served as a manifest.
func (m *Memory) IsManifest(repository string, dgst digest.Digest) bool {
	_, ok := m.manifests.Get(imageName{repository, string(dgst)})
	return ok
}

// Tag returns what a tag pointed to when it was last resolved.
func (m *Memory) Tag(repository, tag string) (digest.Digest, bool) {
	return m.tags.Get(imageName{repository, tag})
}

// TagsOf returns the tags that were last resolved to a digest, in order.
func (m *Memory) TagsOf(repository string, dgst digest.Digest) []string {
	var tags []string
	m.tags.DeleteFunc(func(key imageName, value digest.Digest) bool {
		if key.repository == repository && value == dgst {
			tags = append(tags, key.reference)
		}
		return false
	})
	slices.Sort(tags)
	return tags
}

// AddListed records that the caller has listed the tags of a repository.
func (m *Memory) AddListed(repository string) { m.listed.Set(repository, struct{}{}) }

// IsListed reports whether the caller has listed the tags of a repository.
func (m *Memory) IsListed(repository string) bool {
	_, ok := m.listed.Get(repository)
	return ok
}

// DropTag removes a tag.
func (m *Memory) DropTag(repository, tag string) { m.tags.Delete(imageName{repository, tag}) }

// DropManifest removes a manifest and the tag that was last resolved to it, so
// that a client which deletes a million images one by one does not keep their
// names.
func (m *Memory) DropManifest(repository string, dgst digest.Digest) {
	served := imageName{repository, string(dgst)}
	if tag, _ := m.manifests.Get(served); tag != "" {
		if now, _ := m.Tag(repository, tag); now == dgst {
			m.DropTag(repository, tag)
		}
	}
	m.manifests.Delete(served)
}
