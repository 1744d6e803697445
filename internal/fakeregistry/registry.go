// Package fakeregistry implements an OCI registry in memory, for tests, examples and the
// quickstart.
//
// A [Registry] is an [http.Handler] and an [http.RoundTripper]. As the transport of a client it
// needs no socket, responds under any host name, and follows the clock of testing/synctest. Without
// options it implements the distribution specification 1.1: pull, push, content discovery and
// content management, with sha256 and sha512. Options make it deviate from the specification as
// particular registries do, and [Registry.Intercept] makes it deviate for single requests.
//
//	reg := fakeregistry.New()
//	image := reg.PutImage("team/app", "hello", "v1", "latest")
//	// … run the client under test with reg as its transport …
//	reg.HasManifest("team/app", image.Digest) // what is stored
//	reg.Writes()                              // what the client tried to change
//
// [TokenService] issues the tokens for Bearer authentication, and [Network] connects several
// registries and token services to one transport, each under its own origin.
package fakeregistry

import (
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Registry is an OCI registry in memory. It is safe for concurrent use.
type Registry struct {
	server
	opts   options
	routes map[endpoint]map[string]handlerFunc

	mu           sync.RWMutex // guards everything below
	repositories map[string]*repository
	uploads      map[string]*upload
	uploadCount  int
	clock        Moment
}

// repository is the content under one name. It is created with its first blob or manifest and
// continues to exist when it is empty.
type repository struct {
	manifests    map[digest.Digest]*manifest
	tags         map[string]digest.Digest
	tagsByDigest map[digest.Digest]map[string]struct{} // the inverse of tags
	tagCopies    map[digest.Digest]*manifest           // what tags serve after the deletion by digest, with WithTagCopies
	sortedTags   []string                              // the keys of tags in order; nil if they have changed
	pinned       map[digest.Digest]bool                // manifests that were pushed by their digest
	blobs        map[digest.Digest][]byte
	referrers    map[digest.Digest][]digest.Digest // by subject, in order of arrival
	parentCount  map[digest.Digest]int             // number of indexes that list a manifest
	times        map[digest.Digest]manifestTimes   // what SetTimes has set
	everTagged   bool                              // the repository has or had a tag
	expiredTags  map[string]bool                   // tags that were deleted

	clock       *Moment                  // of the registry
	arrivals    map[digest.Digest]Moment // of manifests and blobs
	layout      *layout                  // what olareg knows besides; nil without WithOCILayout
	blobsAtOnce bool                     // see WithBlobsAtOnce
}

// New returns an empty registry.
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

// SetTag makes a tag point to a digest. The manifest need not exist, because real registries can
// have dangling tags.
func (r *Registry) SetTag(repository, tag string, dgst digest.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repository(repository).setTag(tag, dgst)
}

// Tag returns the digest that a tag points to.
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

// Tags returns a copy of all tags of a repository, or nil if the repository does not exist.
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

// repository returns a repository and creates it if necessary. The caller holds the lock.
func (r *Registry) repository(name string) *repository {
	repo, ok := r.repositories[name]
	if !ok {
		repo = &repository{
			manifests:    map[digest.Digest]*manifest{},
			tags:         map[string]digest.Digest{},
			tagsByDigest: map[digest.Digest]map[string]struct{}{},
			tagCopies:    map[digest.Digest]*manifest{},
			pinned:       map[digest.Digest]bool{},
			blobs:        map[digest.Digest][]byte{},
			referrers:    map[digest.Digest][]digest.Digest{},
			parentCount:  map[digest.Digest]int{},
			times:        map[digest.Digest]manifestTimes{},
			clock:        &r.clock,
			arrivals:     map[digest.Digest]Moment{},
			layout:       r.newLayout(),
			blobsAtOnce:  r.opts.blobsAtOnce,
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

// unindexTag removes a tag from tagsByDigest.
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

// arrive records when a manifest or blob was stored. If it is stored again, it keeps its time.
func (repo *repository) arrive(dgst digest.Digest) {
	if _, ok := repo.arrivals[dgst]; !ok {
		*repo.clock++
		repo.arrivals[dgst] = *repo.clock
	}
}

func (repo *repository) putBlob(dgst digest.Digest, content []byte) {
	repo.blobs[dgst] = content
	repo.arrive(dgst)
}

func (repo *repository) removeBlob(dgst digest.Digest) {
	delete(repo.blobs, dgst)
	delete(repo.arrivals, dgst)
}

// putManifest stores a manifest that is pushed with tags or, without any, by its digest. The
// caller sets the tags. The same bytes with another media type replace the stored manifest.
func (repo *repository) putManifest(m *manifest, tags []string) {
	dgst := m.desc.Digest
	repo.arrive(dgst)
	repo.layout.push(repo, m, len(tags) > 0)
	if len(tags) == 0 {
		repo.pinned[dgst] = true
	}
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

// removeManifest removes a manifest and all its tags. Its children and referrers stay.
func (repo *repository) removeManifest(m *manifest) {
	dgst := m.desc.Digest
	delete(repo.manifests, dgst)
	delete(repo.pinned, dgst)
	delete(repo.times, dgst)
	for tag := range repo.tagsByDigest[dgst] {
		delete(repo.tags, tag)
		repo.sortedTags = nil
	}
	delete(repo.tagsByDigest, dgst)
	repo.unlink(m)
	if repo.layout != nil {
		repo.layout.removed[dgst] = m
		return
	}
	delete(repo.arrivals, dgst)
	if repo.blobsAtOnce {
		repo.removeUnusedBlobs(m)
	}
}

// unlink removes a manifest from the referrers of its subject and from the parent counts of its
// children.
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
