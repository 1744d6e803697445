// Package fakeregistry is an OCI registry in memory, for tests, examples and the quickstart.
//
// A [Registry] is an [http.Handler] and an [http.RoundTripper]: given to a client as its transport it needs no socket,
// answers under any host name, and lives by the clock of testing/synctest. Without options it does what the
// distribution specification 1.1 says, pull, push, content discovery and content management, with sha256 and sha512.
// Options make it deviate as particular registries do; [Registry.Intercept] makes it deviate once.
//
//	reg := fakeregistry.New()
//	image := reg.PutImage("team/app", "hello", "v1", "latest")
//	// … the client under test, with reg as its transport …
//	reg.HasManifest("team/app", image.Digest) // what is really stored
//	reg.Writes()                              // what was really asked
//
// [TokenService] is the other half of Bearer authentication, and [Network] puts several of them on one transport under
// different origins.
package fakeregistry

import (
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Registry is a registry in memory. It is safe for concurrent use.
type Registry struct {
	server
	opts   options
	routes map[endpoint]map[string]handlerFunc

	mu           sync.RWMutex // guards everything below
	repositories map[string]*repository
	uploads      map[string]*upload
	uploadCount  int
}

// repository is one name. It exists from its first blob or manifest on, and remains when it is empty.
type repository struct {
	manifests    map[digest.Digest]*manifest
	tags         map[string]digest.Digest
	tagsByDigest map[digest.Digest]map[string]struct{} // the reverse of tags
	sortedTags   []string                              // the keys of tags in order; nil if they changed since
	blobs        map[digest.Digest][]byte
	referrers    map[digest.Digest][]digest.Digest // by subject, in order of arrival
	parentCount  map[digest.Digest]int             // how many indexes list a manifest
	everTagged   bool                              // there is a tag, or there was
	expiredTags  map[string]bool                   // tags that were deleted
}

// New makes an empty registry.
func New(opts ...Option) *Registry {
	r := &Registry{
		repositories: map[string]*repository{},
		uploads:      map[string]*upload{},
	}
	for _, opt := range opts {
		opt(&r.opts)
	}
	r.requestLog.off = r.opts.withoutLog
	r.server.inner = http.HandlerFunc(r.serve)
	r.routes = r.routeTable()
	return r
}

// SetTag points a tag at a digest, whether or not there is such a manifest: a dangling tag is a state registries
// know.
func (r *Registry) SetTag(repository, tag string, dgst digest.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repository(repository).setTag(tag, dgst)
}

// Tag returns what a tag points at.
func (r *Registry) Tag(repository, tag string) (digest.Digest, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[repository]
	if !ok {
		return "", false
	}
	dgst, ok := repo.tags[tag]
	return dgst, ok
}

// Tags returns a copy of all tags of a repository; nil if there is no such repository.
func (r *Registry) Tags(repository string) map[string]digest.Digest {
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[repository]
	if !ok {
		return nil
	}
	return maps.Clone(repo.tags)
}

// HasManifest reports whether a repository has a manifest.
func (r *Registry) HasManifest(repository string, dgst digest.Digest) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[repository]
	return ok && repo.manifests[dgst] != nil
}

// HasBlob reports whether a repository has a blob.
func (r *Registry) HasBlob(repository string, dgst digest.Digest) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[repository]
	return ok && repo.hasBlob(dgst)
}

// repository returns a repository, new if need be. The caller holds the lock.
func (r *Registry) repository(name string) *repository {
	repo, ok := r.repositories[name]
	if !ok {
		repo = &repository{
			manifests:    map[digest.Digest]*manifest{},
			tags:         map[string]digest.Digest{},
			tagsByDigest: map[digest.Digest]map[string]struct{}{},
			blobs:        map[digest.Digest][]byte{},
			referrers:    map[digest.Digest][]digest.Digest{},
			parentCount:  map[digest.Digest]int{},
		}
		r.repositories[name] = repo
	}
	return repo
}

func (repo *repository) hasBlob(dgst digest.Digest) bool {
	_, ok := repo.blobs[dgst]
	return ok
}

func (repo *repository) setTag(tag string, dgst digest.Digest) {
	if old, ok := repo.tags[tag]; ok {
		repo.unindexTag(tag, old)
	} else {
		repo.sortedTags = nil
	}
	repo.tags[tag] = dgst
	repo.everTagged = true
	if repo.tagsByDigest[dgst] == nil {
		repo.tagsByDigest[dgst] = map[string]struct{}{}
	}
	repo.tagsByDigest[dgst][tag] = struct{}{}
}

// untag takes tag from the reverse index.
func (repo *repository) unindexTag(tag string, dgst digest.Digest) {
	delete(repo.tagsByDigest[dgst], tag)
	if len(repo.tagsByDigest[dgst]) == 0 {
		delete(repo.tagsByDigest, dgst)
	}
}

func (repo *repository) removeTag(tag string) {
	repo.unindexTag(tag, repo.tags[tag])
	delete(repo.tags, tag)
	repo.sortedTags = nil
}

func (repo *repository) putManifest(m *manifest) {
	dgst := m.desc.Digest
	if old, ok := repo.manifests[dgst]; ok {
		if old.desc.MediaType == m.desc.MediaType {
			return
		}
		repo.unlink(old)
	}
	repo.manifests[dgst] = m
	if m.subject != "" {
		repo.referrers[m.subject] = append(repo.referrers[m.subject], dgst)
	}
	for _, child := range m.children {
		repo.parentCount[child.Digest]++
	}
}

// removeManifest removes a manifest and every tag on it. Children and referrers stay.
func (repo *repository) removeManifest(m *manifest) {
	dgst := m.desc.Digest
	delete(repo.manifests, dgst)
	for tag := range repo.tagsByDigest[dgst] {
		delete(repo.tags, tag)
		repo.sortedTags = nil
	}
	delete(repo.tagsByDigest, dgst)
	repo.unlink(m)
}

// unlink takes a manifest out of the lists of its subject and its children.
func (repo *repository) unlink(m *manifest) {
	if m.subject != "" {
		dgst := m.desc.Digest
		rest := slices.DeleteFunc(slices.Clone(repo.referrers[m.subject]), func(d digest.Digest) bool { return d == dgst })
		if repo.referrers[m.subject] = rest; len(rest) == 0 {
			delete(repo.referrers, m.subject)
		}
	}
	for _, child := range m.children {
		if repo.parentCount[child.Digest]--; repo.parentCount[child.Digest] <= 0 {
			delete(repo.parentCount, child.Digest)
		}
	}
}
