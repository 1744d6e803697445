package fakeregistry

import "github.com/opencontainers/go-digest"

// layout is what a registry that stores OCI layouts knows of a repository besides its content. The
// methods accept nil, for registries that do not.
type layout struct {
	removed map[digest.Digest]*manifest // deleted manifests whose content has not been collected
	adopted map[digest.Digest]bool      // manifests that are found only through an index or their subject
}

// WithOCILayout keeps the content of deleted manifests until garbage is collected, and with it accepts
// an index that lists one of them. It also remembers which manifests are found only through an index or
// their subject, because [Registry.CollectGarbage] treats these differently. olareg does so (evidence
// R): it stores OCI layouts, whose index.json names only the other manifests.
func WithOCILayout() Option {
	return func(o *options) { o.ociLayout = true }
}

func (r *Registry) newLayout() *layout {
	if !r.opts.ociLayout {
		return nil
	}
	return &layout{removed: map[digest.Digest]*manifest{}, adopted: map[digest.Digest]bool{}}
}

// has reports whether the content of a deleted manifest is still there.
func (l *layout) has(dgst digest.Digest) bool { return l != nil && l.removed[dgst] != nil }

// push records that a manifest is pushed. index.json then names it, but no longer the untagged
// manifests that it lists; nor the untagged referrers of its subject, itself included.
func (l *layout) push(repo *repository, m *manifest, tagged bool) {
	if l == nil {
		return
	}
	dgst := m.desc.Digest
	delete(l.removed, dgst)
	delete(l.adopted, dgst)
	for _, child := range m.children {
		l.adopt(repo, child.Digest)
	}
	if m.subject == "" {
		return
	}
	for _, referrer := range repo.referrers[m.subject] {
		if referrer != dgst {
			l.adopt(repo, referrer)
		}
	}
	if !tagged {
		l.adopt(repo, dgst)
	}
}

func (l *layout) adopt(repo *repository, dgst digest.Digest) {
	if len(repo.tagsByDigest[dgst]) == 0 {
		l.adopted[dgst] = true
	}
}
