package fakeregistry

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Moment is a point in the history of a registry: the number of manifests and blobs stored so far.
type Moment int

// Now returns the present moment of the registry.
func (r *Registry) Now() Moment {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.clock
}

// Collector is one way in which a registry collects garbage; see [Profile].
type Collector struct {
	Name     string
	Evidence Evidence

	takes       func(*collection, *repository, *manifest) bool        // nil if it takes no manifests
	reaches     func(*collection, *repository) map[digest.Digest]bool // instead: what it leaves; olareg
	blobs       blobScope
	sparesYoung bool   // it leaves what is young, see SparingSince
	endsPins    bool   // a push by its digest no longer holds an image, see WithHeldByTags
	needsTags   bool   // it fails if a repository with manifests has never had a tag
	youngFrom   Moment // 0 if nothing is young
}

// blobScope says where a manifest must refer to a blob for the blob to stay in a repository.
type blobScope int

const (
	inRepository        blobScope = iota // in the same repository
	inRegistry                           // in any repository
	inRepositoryOrPrior                  // in the same or in one that comes before it: distribution 3
)

// SparingSince returns the same collector, for which everything that was stored after a moment is too
// young to be collected. This has no effect if the registry does not spare what is young. By default,
// nothing is too young.
func (c Collector) SparingSince(m Moment) Collector {
	c.youngFrom = m + 1
	return c
}

// Collected is a manifest or a blob that garbage collection removed.
type Collected struct {
	Repository string
	Digest     digest.Digest
	Manifest   bool // else a blob
}

// ErrNeverTagged is the error of a collector that fails because a repository has never had a tag. It
// has removed nothing.
var ErrNeverTagged = errors.New("fakeregistry: failed to retrieve tags: unknown repository name")

// CollectGarbage collects garbage once, in all repositories, and returns what it removed, in order.
// Nothing else happens meanwhile, as if the registry were stopped.
func (r *Registry) CollectGarbage(c Collector) ([]Collected, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &collection{Collector: c, registry: r}
	for _, name := range slices.SortedFunc(maps.Keys(r.repositories), compareFolders) {
		repo := r.repositories[name]
		if c.needsTags && !repo.everTagged && len(repo.manifests) > 0 {
			return nil, ErrNeverTagged
		}
		g.repositories = append(g.repositories, collectedRepository{repo, name, maps.Clone(repo.manifests), nil})
	}
	g.removeManifests()
	g.removeBlobs()
	slices.SortFunc(g.removed, func(a, b Collected) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Digest, b.Digest))
	})
	return g.removed, nil
}

// compareFolders compares names of repositories in the order in which distribution walks its storage.
func compareFolders(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// collection is one garbage collection.
type collection struct {
	Collector
	registry     *Registry
	repositories []collectedRepository
	removed      []Collected
}

type collectedRepository struct {
	*repository
	name    string
	before  map[digest.Digest]*manifest // the manifests at the start
	reached map[digest.Digest]bool      // what reaches returns
}

// removeManifests removes what the collector takes, until there is nothing more: the children of an
// index go after it.
func (g *collection) removeManifests() {
	for again := g.takes != nil; again; {
		again = false
		for _, repo := range g.repositories {
			for _, dgst := range slices.Sorted(maps.Keys(repo.manifests)) {
				if m := repo.manifests[dgst]; m != nil && g.takes(g, repo.repository, m) {
					g.registry.removeManifest(repo.repository, m, nil)
					again = true
				}
			}
		}
	}
	for i := range g.repositories {
		repo := &g.repositories[i]
		if g.reaches != nil {
			repo.reached = g.reaches(g, repo.repository)
			g.removeUnreached(repo)
		}
		for dgst := range repo.before {
			if repo.manifests[dgst] == nil {
				g.removed = append(g.removed, Collected{repo.name, dgst, true})
			}
		}
	}
}

// removeBlobs removes blobs that no manifest refers to, and what else a registry drops.
func (g *collection) removeBlobs() {
	used := map[digest.Digest]bool{}
	if g.blobs == inRegistry {
		for _, repo := range g.repositories {
			g.markBlobs(repo, used)
		}
	}
	for _, repo := range g.repositories {
		if g.blobs == inRepository {
			clear(used)
		}
		g.markBlobs(repo, used)
		for _, dgst := range slices.Collect(maps.Keys(repo.blobs)) {
			if !used[dgst] && !(g.sparesYoung && g.isYoung(repo.repository, dgst)) {
				repo.removeBlob(dgst)
				g.removed = append(g.removed, Collected{repo.name, dgst, false})
			}
		}
		if g.endsPins {
			maps.DeleteFunc(repo.pinned, func(dgst digest.Digest, _ bool) bool {
				m := repo.manifests[dgst]
				return !g.isYoung(repo.repository, dgst) && (m == nil || m.subject == "")
			})
		}
	}
}

// markBlobs adds the blobs that manifests refer to. olareg looks at what it leaves, distribution 3 not at
// manifests that are left only because another repository holds them.
func (g *collection) markBlobs(repo collectedRepository, used map[digest.Digest]bool) {
	held := repo.reached
	switch {
	case held != nil:
	case g.blobs == inRepositoryOrPrior && g.takes != nil:
		held = map[digest.Digest]bool{}
		for dgst := range repo.tagsByDigest {
			repo.visit(repo.manifests[dgst], held)
		}
	}
	for dgst, m := range repo.manifests {
		if held == nil || held[dgst] {
			m.markBlobs(used)
		}
	}
	for dgst := range held {
		if repo.layout.has(dgst) {
			repo.layout.removed[dgst].markBlobs(used)
		}
	}
}

func (m *manifest) markBlobs(used map[digest.Digest]bool) {
	for _, blob := range m.blobs {
		used[blob.Digest] = true
	}
}

// isYoung reports whether a manifest or blob was stored after the moment that SparingSince gives.
func (g *collection) isYoung(repo *repository, dgst digest.Digest) bool {
	return g.youngFrom > 0 && repo.arrivals[dgst] >= g.youngFrom
}
