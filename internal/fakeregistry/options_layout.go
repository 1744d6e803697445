package fakeregistry

import "github.com/opencontainers/go-digest"

// layout is what a registry that stores OCI layouts knows of a repository besides its content. The
// methods accept nil, for registries that do not.
type layout struct {
	removed map[digest.Digest]*manifest // deleted manifests whose content has not been collected
	adopted map[digest.Digest]bool      // manifests that are found only through an index or their subject
	orphans map[digest.Digest]bool      // adopted referrers that are not found any more after a restart
}

// WithOCILayout keeps the content of deleted manifests until garbage is collected, and until then accepts
// an index that lists one of them. It also remembers which manifests are found only through an index or
// their subject, for [Registry.CollectGarbage] and [Registry.Restart]. olareg does so (evidence R): it
// stores OCI layouts, whose index.json names only the other manifests.
func WithOCILayout() Option {
	return func(o *options) { o.ociLayout = true }
}

func (r *Registry) newLayout() *layout {
	if !r.opts.ociLayout {
		return nil
	}
	return &layout{removed: map[digest.Digest]*manifest{}, adopted: map[digest.Digest]bool{}, orphans: map[digest.Digest]bool{}}
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
	delete(l.orphans, dgst)
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

// Restart has the effect of a restart of the registry. In olareg (evidence R), the children of a deleted
// index are no longer served then, unless they have a tag, and a child that was deleted is served again
// if an index lists it. Content stays. Other registries do not change.
func (r *Registry) Restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, repo := range r.repositories {
		if repo.layout != nil {
			for repo.reload() {
			}
		}
	}
}

// reload drops one more generation of what is not found, brings back one more of what is found, and
// reports whether there was any.
func (repo *repository) reload() (changed bool) {
	l := repo.layout
	for dgst, m := range repo.manifests {
		if l.adopted[dgst] && !repo.isTagged(m) && !repo.isListed(m) && (m.subject == "" || l.orphans[dgst]) {
			repo.removeManifest(m)
			changed = true
		}
	}
	for dgst, m := range l.removed {
		if repo.isListed(m) {
			repo.putManifest(m, nil)
			delete(repo.pinned, dgst)
			l.adopted[dgst] = true
			changed = true
		}
	}
	return changed
}

// reachLayout returns what olareg finds from the manifests that index.json names: those with a tag, and
// those without if the condition holds. Through an index it finds its children, even deleted ones, and
// through a subject its referrers. It also finds the referrers of what it has no content of.
func (repo *repository) reachLayout(untagged func(*manifest) bool) map[digest.Digest]bool {
	l, reached := repo.layout, map[digest.Digest]bool{}
	var visit func(digest.Digest)
	visit = func(dgst digest.Digest) {
		m := repo.manifests[dgst]
		if m == nil {
			m = l.removed[dgst]
		}
		if m == nil || reached[dgst] {
			return
		}
		reached[dgst] = true
		for _, child := range m.children {
			visit(child.Digest)
		}
		for _, referrer := range repo.referrers[dgst] {
			visit(referrer)
		}
	}
	for dgst, m := range repo.manifests {
		dangling := m.subject != "" && repo.manifests[m.subject] == nil && !l.has(m.subject)
		if repo.isTagged(m) || dangling || !l.adopted[dgst] && untagged(m) {
			visit(dgst)
		}
	}
	return reached
}

// removeUnreached removes manifests that olareg does not find. What is young is served on until the next
// restart.
func (g *collection) removeUnreached(repo *collectedRepository) {
	l := repo.layout
	for dgst, m := range repo.manifests {
		switch {
		case repo.reached[dgst]:
		case g.isYoung(repo.repository, dgst):
			l.orphans[dgst] = m.subject != ""
		default:
			repo.removeManifest(m)
		}
	}
	for dgst := range l.removed {
		if !repo.reached[dgst] && !g.isYoung(repo.repository, dgst) {
			delete(l.removed, dgst)
			delete(repo.arrivals, dgst)
		}
	}
}
