package simulation

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	typeImage = "application/vnd.oci.image.manifest.v1+json"
	typeIndex = "application/vnd.oci.image.index.v1+json"
)

// A name identifies a manifest by a tag or a digest within a repository.
type name struct{ repository, reference string }

// A manifest is immutable.
type manifest struct {
	mediaType, digest string
	raw               []byte
	subject           string // digest of the manifest that it refers to
	artifactType      string
	children          []string // digests that an index lists
}

type repository struct {
	manifests map[string]*manifest // by digest
	tags      map[string]string    // tag to digest
	dangling  map[string]bool      // tags that are still listed although their manifest is gone
}

// A change records the digest that a name points to from a version on; "" if it points to nothing.
type change struct {
	version int
	digest  string
}

// A store holds the content of the registry and its whole history. The version is the number of
// changes so far.
type store struct {
	repositories map[string]*repository
	everStored   map[string]*manifest // by digest, deleted ones included
	history      map[name][]change
	version      int
	rng          *rand.Rand
	prunes       bool // an overwrite of a tag removes what no other tag holds, as in zot
}

func newStore(rng *rand.Rand) *store {
	return &store{
		repositories: map[string]*repository{},
		everStored:   map[string]*manifest{},
		history:      map[name][]change{},
		rng:          rng,
	}
}

func (s *store) create(repo string) {
	s.repositories[repo] = &repository{manifests: map[string]*manifest{}, tags: map[string]string{}, dangling: map[string]bool{}}
}

// current returns the digest that n points to, or "".
func (s *store) current(n name) string {
	h := s.history[n]
	if len(h) == 0 {
		return ""
	}
	return h[len(h)-1].digest
}

// valuesBetween returns the digests that n pointed to between two versions, with "" for nothing.
func (s *store) valuesBetween(n name, fromVersion, toVersion int) []string {
	values := []string{""}
	for _, c := range s.history[n] {
		switch {
		case c.version <= fromVersion:
			values[0] = c.digest
		case c.version <= toVersion:
			values = append(values, c.digest)
		}
	}
	return values
}

func (s *store) record(n name, digest string) {
	if s.current(n) == digest {
		return
	}
	s.version++
	s.history[n] = append(s.history[n], change{s.version, digest})
}

// put stores a manifest under a tag, or only under its digest if tag is empty.
func (s *store) put(repo, tag string, m *manifest) {
	r := s.repositories[repo]
	s.everStored[m.digest] = m
	r.manifests[m.digest] = m
	s.record(name{repo, m.digest}, m.digest)
	if tag != "" {
		old := r.manifests[r.tags[tag]]
		r.tags[tag] = m.digest
		if s.prunes && old != nil && old != m {
			s.prune(repo, old)
		}
		delete(r.dangling, tag)
		s.record(name{repo, tag}, m.digest)
	}
}

// remove deletes a manifest and its tags. The tags may remain listed for a while.
func (s *store) remove(repo, digest string) {
	r := s.repositories[repo]
	delete(r.manifests, digest)
	s.record(name{repo, digest}, "")
	for _, tag := range slices.Sorted(maps.Keys(r.tags)) {
		if r.tags[tag] == digest {
			s.untag(repo, tag)
			r.dangling[tag] = true
		}
	}
}

func (s *store) untag(repo, tag string) {
	delete(s.repositories[repo].tags, tag)
	s.record(name{repo, tag}, "")
}

// dropDangling removes dangling tags from the tag lists.
func (s *store) dropDangling() {
	for _, r := range s.repositories {
		clear(r.dangling)
	}
}

// The following methods return sorted lists, because the order of a map would make runs differ.

func (s *store) repositoryNames() []string { return slices.Sorted(maps.Keys(s.repositories)) }

func (r *repository) digests() []string { return slices.Sorted(maps.Keys(r.manifests)) }

func (r *repository) tagNames() []string { return slices.Sorted(maps.Keys(r.tags)) }

func (r *repository) listedTags() []string {
	all := append(slices.Collect(maps.Keys(r.tags)), slices.Collect(maps.Keys(r.dangling))...)
	slices.Sort(all)
	return slices.Compact(all)
}

// referrers returns the manifests that refer to subject, sorted by digest.
func (r *repository) referrers(subject string) []*manifest {
	var found []*manifest
	for _, d := range r.digests() {
		if m := r.manifests[d]; m.subject == subject {
			found = append(found, m)
		}
	}
	return found
}

func digestOf(raw []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(raw)) }

// A descriptor is an OCI content descriptor.
type descriptor struct {
	MediaType    string `json:"mediaType"`
	Digest       string `json:"digest"`
	Size         int    `json:"size"`
	ArtifactType string `json:"artifactType,omitempty"`
}

func (m *manifest) descriptor() descriptor {
	return descriptor{m.mediaType, m.digest, len(m.raw), m.artifactType}
}

// newImage returns a random image that was never pushed before; subject may be "".
func (s *store) newImage(subject string) *manifest {
	m := &manifest{mediaType: typeImage, subject: subject}
	content := map[string]any{
		"schemaVersion": 2,
		"mediaType":     typeImage,
		"config":        descriptor{"application/vnd.oci.image.config.v1+json", digestOf([]byte("config")), 6, ""},
		"layers":        []descriptor{{"application/vnd.oci.image.layer.v1.tar+gzip", digestOf([]byte("layer")), 5, ""}},
		"annotations":   map[string]string{"drawn": fmt.Sprint(s.rng.Uint64()), "padding": strings.Repeat("p", s.rng.IntN(400))},
	}
	if subject != "" {
		m.artifactType = []string{"application/signature", "application/sbom"}[s.rng.IntN(2)]
		content["artifactType"] = m.artifactType
		content["subject"] = descriptor{typeImage, subject, 1, ""}
	}
	return m.encode(content)
}

// newIndex returns a new index that lists children.
func (s *store) newIndex(children ...*manifest) *manifest {
	descriptors := make([]descriptor, 0, len(children))
	for _, m := range children {
		descriptors = append(descriptors, m.descriptor())
	}
	m := &manifest{mediaType: typeIndex}
	for _, child := range children {
		m.children = append(m.children, child.digest)
	}
	return m.encode(map[string]any{
		"schemaVersion": 2,
		"mediaType":     typeIndex,
		"manifests":     descriptors,
		"annotations":   map[string]string{"drawn": fmt.Sprint(s.rng.Uint64())},
	})
}

func (m *manifest) encode(content map[string]any) *manifest {
	raw, err := json.Marshal(content)
	if err != nil {
		panic(err) // unreachable: every value can be encoded
	}
	m.raw, m.digest = raw, digestOf(raw)
	return m
}

// pick returns a random element of from, or the zero value if from is empty.
func pick[T any](rng *rand.Rand, from []T) T {
	if len(from) == 0 {
		var zero T
		return zero
	}
	return from[rng.IntN(len(from))]
}

// populate fills the store with its initial content.
func (s *store) populate(repositories, images int) {
	for i := range repositories {
		repo := []string{"library/one", "team/two", "team/sub/three"}[i]
		s.create(repo)
		var all []*manifest
		for j := range 1 + s.rng.IntN(images) {
			m := s.newImage("")
			if j > 1 && s.rng.IntN(4) == 0 {
				m = s.newIndex(all[0], all[1])
			}
			all = append(all, m)
			s.put(repo, "", m)
			for k := range s.rng.IntN(3) {
				s.put(repo, fmt.Sprintf("v%d.%d", j, k), m)
			}
			for range s.rng.IntN(2) {
				s.put(repo, "", s.newImage(m.digest))
			}
		}
		s.put(repo, "latest", pick(s.rng, all))
	}
}

// changeByOtherClient changes a repository as a concurrent client would: it pushes, moves or deletes
// a tag or a manifest. It returns what it did, or "" if it did nothing.
func (s *store) changeByOtherClient(repo string) string {
	r := s.repositories[repo]
	tag, digest := pick(s.rng, r.tagNames()), pick(s.rng, r.digests())
	switch s.rng.IntN(7) {
	case 0:
		s.put(repo, tag, s.newImage(""))
		return "moves " + tag
	case 1:
		if m := s.everStored[digest]; m != nil && tag != "" {
			s.put(repo, tag, m)
			return "moves back " + tag
		}
	case 2: // push a deleted tag again, with its former manifest
		for n := range 8 {
			old := fmt.Sprintf("v%d.%d", n, s.rng.IntN(2))
			if h := s.history[name{repo, old}]; len(h) > 1 && h[len(h)-1].digest == "" {
				s.put(repo, old, s.everStored[h[len(h)-2].digest])
				return "pushes again the deleted tag " + old
			}
		}
	case 3:
		s.put(repo, fmt.Sprintf("new%d", s.rng.IntN(4)), s.newImage(""))
		return "pushes a new tag"
	case 4:
		if tag != "" && len(r.tags) > 2 {
			s.untag(repo, tag)
			return "untags " + tag
		}
	case 5:
		if len(r.manifests) > 3 {
			s.remove(repo, digest)
			return "deletes " + digest[:15]
		}
	case 6: // push a deleted manifest again
		for _, d := range slices.Sorted(maps.Keys(s.everStored)) {
			if h := s.history[name{repo, d}]; len(h) > 1 && h[len(h)-1].digest == "" && s.rng.IntN(3) == 0 {
				s.put(repo, "", s.everStored[d])
				return "pushes again the deleted " + d[:15]
			}
		}
	}
	return ""
}
