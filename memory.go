package regret

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/internal/bounded"
)

// maxRemembered bounds what a client remembers. The oldest entries are dropped
// first; one that is missing costs a request.
const maxRemembered = 16384

// A memory is what a client has seen: manifests that were served, and what tags
// pointed to when they were last resolved. It is safe for concurrent use.
type memory struct {
	manifests *bounded.Map[imageName, string] // digests served as manifests, each with the tag that was last resolved to it
	tags      *bounded.Map[imageName, Digest]
	listed    *bounded.Map[string, struct{}] // repositories whose tags the caller has listed
}

// An imageName is a tag or digest of a repository.
type imageName struct{ repository, reference string }

func newMemory() *memory {
	return &memory{
		manifests: bounded.New[imageName, string](maxRemembered),
		tags:      bounded.New[imageName, Digest](maxRemembered),
		listed:    bounded.New[string, struct{}](maxRemembered),
	}
}

// add records that a digest was served as a manifest, and what a tag points to.
func (m *memory) add(repository, reference string, dgst Digest) {
	served, tag := imageName{repository, string(dgst)}, reference
	if reference == string(dgst) {
		tag, _ = m.manifests.Get(served)
	} else {
		m.tags.Set(imageName{repository, tag}, dgst)
	}
	m.manifests.Set(served, tag)
}

// isManifest reports whether a digest was served as a manifest.
func (m *memory) isManifest(repository string, dgst Digest) bool {
	_, ok := m.manifests.Get(imageName{repository, string(dgst)})
	return ok
}

// tag returns what a tag pointed to when it was last resolved.
func (m *memory) tag(repository, tag string) (Digest, bool) {
	return m.tags.Get(imageName{repository, tag})
}

// tagsOf returns the tags that were last resolved to a digest, in order.
func (m *memory) tagsOf(repository string, dgst Digest) []string {
	var tags []string
	m.tags.DeleteFunc(func(key imageName, value Digest) bool {
		if key.repository == repository && value == dgst {
			tags = append(tags, key.reference)
		}
		return false
	})
	slices.Sort(tags)
	return tags
}

// addListed records that the caller has listed the tags of a repository.
func (m *memory) addListed(repository string) { m.listed.Set(repository, struct{}{}) }

// isListed reports whether the caller has listed the tags of a repository.
func (m *memory) isListed(repository string) bool {
	_, ok := m.listed.Get(repository)
	return ok
}

// dropTag removes a tag.
func (m *memory) dropTag(repository, tag string) { m.tags.Delete(imageName{repository, tag}) }

// dropManifest removes a manifest and the tag that was last resolved to it, so
// that a client which deletes a million images one by one does not keep their
// names.
func (m *memory) dropManifest(repository string, dgst Digest) {
	served := imageName{repository, string(dgst)}
	if tag, _ := m.manifests.Get(served); tag != "" {
		if now, _ := m.tag(repository, tag); now == dgst {
			m.dropTag(repository, tag)
		}
	}
	m.manifests.Delete(served)
}
