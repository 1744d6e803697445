package fakeregistry

import "github.com/opencontainers/go-digest"

// The functions below return the collectors of each registry. What those of distribution and olareg
// take is measured with the real ones in the integration tests.

// distribution2Collectors are those of distribution 2.8. Without the option, no manifest goes. With it,
// every manifest without a tag goes, even if a tagged index lists it.
//
// https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/garbagecollect.go
func distribution2Collectors() []Collector {
	return []Collector{
		{Name: "garbage-collect", Evidence: Measured, blobs: inRegistry},
		{Name: "garbage-collect --delete-untagged", Evidence: Measured, blobs: inRegistry, needsTags: true,
			takes: func(_ *collection, repo *repository, m *manifest) bool { return !repo.isTagged(m) }},
	}
}

// distribution3Collectors are those of distribution 3. With the option, a manifest without a tag stays
// if an index that stays lists it, in any repository, or if another repository has it with a tag.
//
// https://github.com/distribution/distribution/blob/v3.1.2/registry/storage/garbagecollect.go
func distribution3Collectors() []Collector {
	return []Collector{
		{Name: "garbage-collect", Evidence: Measured, blobs: inRepositoryOrPrior},
		{Name: "garbage-collect --delete-untagged", Evidence: Measured, blobs: inRepositoryOrPrior,
			takes: func(g *collection, _ *repository, m *manifest) bool {
				for _, other := range g.repositories {
					if other.isTagged(m) || other.isListed(m) {
						return false
					}
				}
				return true
			}},
	}
}

// zotCollectors are those of zot. By default, referrers stay. A policy of retention with deleteReferrers
// takes those whose subject is gone, even if they have a tag, and the signatures and SBOMs of cosign whose
// image is gone.
//
// https://github.com/project-zot/zot/blob/main/pkg/storage/gc/gc.go
func zotCollectors() []Collector {
	untagged := func(g *collection, repo *repository, m *manifest) bool {
		return !repo.isTagged(m) && !repo.isListed(m) && m.subject == "" && !g.isYoung(repo, m.desc.Digest)
	}
	return []Collector{
		{Name: "gc", Evidence: Measured, sparesYoung: true, takes: untagged},
		{Name: "gc with deleteReferrers", Evidence: ReadSource, sparesYoung: true,
			takes: func(g *collection, repo *repository, m *manifest) bool {
				return untagged(g, repo, m) || repo.isOrphanAtZot(m) && !g.isYoung(repo, m.desc.Digest)
			}},
	}
}

// isOrphanAtZot reports whether the subject of a manifest, or the image that a tag of cosign on it is
// named after, is gone. zot takes it only if it has no other tag.
func (repo *repository) isOrphanAtZot(m *manifest) bool {
	tags := repo.tagsByDigest[m.desc.Digest]
	if len(tags) > 1 {
		return false
	}
	for tag := range tags {
		if subject, ok := cosignSubject(tag); ok && tag != cosignTag(subject, ".att") && repo.manifests[subject] == nil {
			return true
		}
	}
	return m.subject != "" && repo.manifests[m.subject] == nil
}

// olaregCollectors are those of olareg. By default, it takes what was found only through an index or a
// subject that is gone; with the option untagged also every other manifest without a tag.
//
// https://github.com/olareg/olareg/blob/main/internal/store/store.go
func olaregCollectors() []Collector {
	return []Collector{
		{Name: "gc", Evidence: Measured, sparesYoung: true, reaches: func(_ *collection, repo *repository) map[digest.Digest]bool {
			return repo.reachLayout(func(*manifest) bool { return true })
		}},
		{Name: "gc with untagged", Evidence: Measured, sparesYoung: true, reaches: func(g *collection, repo *repository) map[digest.Digest]bool {
			return repo.reachLayout(func(m *manifest) bool { return g.isYoung(repo, m.desc.Digest) })
		}},
	}
}

// harborCollectors are those of Harbor, which also removes what it has deleted from its own instance of
// distribution. With the option it deletes untagged artifacts that are neither children nor accessories,
// and with them what goes along; see WithCascade.
//
// https://github.com/goharbor/harbor/blob/main/src/jobservice/job/impl/gc/garbage_collection.go
func harborCollectors() []Collector {
	return []Collector{
		{Name: "gc", Evidence: ReadSource, sparesYoung: true, blobs: inRegistry},
		{Name: "gc with delete_untagged", Evidence: ReadSource, sparesYoung: true, blobs: inRegistry,
			takes: func(_ *collection, repo *repository, m *manifest) bool {
				return !repo.isTagged(m) && !repo.isListed(m) && m.subject == ""
			}},
	}
}

// quayCollectors are those of Quay, once the time machine no longer keeps a deleted tag, and a push by
// digest no longer holds an image.
//
// https://github.com/quay/quay/blob/master/data/model/gc.py
func quayCollectors() []Collector {
	return []Collector{{Name: "gc worker", Evidence: ReadSource, sparesYoung: true, endsPins: true,
		takes: func(g *collection, repo *repository, m *manifest) bool {
			return !repo.isTagged(m) && !repo.isListed(m) && m.subject == "" && !g.isYoung(repo, m.desc.Digest)
		}}}
}

// giteaCollectors are those of Gitea, which takes blobs that were uploaded without a manifest. The others
// go at once; see WithBlobsAtOnce.
//
// https://github.com/go-gitea/gitea/blob/main/services/packages/container/cleanup.go
func giteaCollectors() []Collector {
	return []Collector{{Name: "cleanup of packages", Evidence: ReadSource, sparesYoung: true}}
}

// isTagged reports whether a manifest has a tag.
func (repo *repository) isTagged(m *manifest) bool { return len(repo.tagsByDigest[m.desc.Digest]) > 0 }

// isListed reports whether an index lists a manifest.
func (repo *repository) isListed(m *manifest) bool { return repo.parentCount[m.desc.Digest] > 0 }
