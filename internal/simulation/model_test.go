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

// A name is a tag or a digest of a repository.
type name struct{ repository, reference string }

// A manifest never changes.
type manifest struct {
	mediaType, digest string
	raw               []byte
	subject           string // digest of what it refers to
	artifactType      string
	children          []string // digests of what an index lists
}

type repository struct {
	manifests map[string]*manifest // by digest
	tags      map[string]string    // to digests
	dangling  map[string]bool      // tags still listed although their manifest is gone
}

// A change is what a name stands for from a moment on; empty for nothing.
type change struct {
	moment int
	digest string
}

// A store is what the registry holds, and everything it ever held. A moment is
// the number of changes so far.
type store struct {
	repositories map[string]*repository
	known        map[string]*manifest // every manifest there ever was
	history      map[name][]change
	moment       int
	rng          *rand.Rand
}

func newStore(rng *rand.Rand) *store {
	return &store{
		repositories: map[string]*repository{},
		known:        map[string]*manifest{},
		history:      map[name][]change{},
		rng:          rng,
	}
}

func (s *store) create(repo string) {
	s.repositories[repo] = &repository{manifests: map[string]*manifest{}, tags: map[string]string{}, dangling: map[string]bool{}}
}

// served is the digest that a read of the name would bring; empty for none.
func (s *store) served(n name) string {
	h := s.history[n]
	if len(h) == 0 {
		return ""
	}
	return h[len(h)-1].digest
}

// during lists what a name stood for between two moments, "" for nothing.
func (s *store) during(n name, from, to int) []string {
	values := []string{""}
	for _, c := range s.history[n] {
		switch {
		case c.moment <= from:
			values[0] = c.digest
		case c.moment <= to:
			values = append(values, c.digest)
		}
	}
	return values
}

func (s *store) note(n name, digest string) {
	if s.served(n) == digest {
		return
	}
	s.moment++
	s.history[n] = append(s.history[n], change{s.moment, digest})
}

// put stores a manifest under a tag, or only under its digest if tag is empty.
func (s *store) put(repo, tag string, m *manifest) {
	r := s.repositories[repo]
	s.known[m.digest] = m
	r.manifests[m.digest] = m
	s.note(name{repo, m.digest}, m.digest)
	if tag != "" {
		r.tags[tag] = m.digest
		delete(r.dangling, tag)
		s.note(name{repo, tag}, m.digest)
	}
}

// remove takes a manifest away, and with it its tags, which may be listed a
// little longer.
func (s *store) remove(repo, digest string) {
	r := s.repositories[repo]
	delete(r.manifests, digest)
	s.note(name{repo, digest}, "")
	for _, tag := range slices.Sorted(maps.Keys(r.tags)) {
		if r.tags[tag] == digest {
			s.untag(repo, tag)
			r.dangling[tag] = true
		}
	}
}

func (s *store) untag(repo, tag string) {
	delete(s.repositories[repo].tags, tag)
	s.note(name{repo, tag}, "")
}

// settle ends what was half done: dangling tags disappear from the list.
func (s *store) settle() {
	for _, r := range s.repositories {
		clear(r.dangling)
	}
}

// names of repositories, and what they hold, in an order that does not depend
// on chance.
func (s *store) names() []string { return slices.Sorted(maps.Keys(s.repositories)) }

func (r *repository) digests() []string { return slices.Sorted(maps.Keys(r.manifests)) }

func (r *repository) tagged() []string { return slices.Sorted(maps.Keys(r.tags)) }

func (r *repository) listed() []string {
	all := append(slices.Collect(maps.Keys(r.tags)), slices.Collect(maps.Keys(r.dangling))...)
	slices.Sort(all)
	return slices.Compact(all)
}

// referrers of a subject, by digest.
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

// descriptor is how JSON refers to a manifest.
type descriptor struct {
	MediaType    string `json:"mediaType"`
	Digest       string `json:"digest"`
	Size         int    `json:"size"`
	ArtifactType string `json:"artifactType,omitempty"`
}

func (m *manifest) descriptor() descriptor {
	return descriptor{m.mediaType, m.digest, len(m.raw), m.artifactType}
}

// image draws an image that nobody has seen before; subject may be empty.
func (s *store) image(subject string) *manifest {
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
	return m.seal(content)
}

// index draws an index over the given manifests.
func (s *store) index(of ...*manifest) *manifest {
	children := make([]descriptor, 0, len(of))
	for _, m := range of {
		children = append(children, m.descriptor())
	}
	m := &manifest{mediaType: typeIndex}
	for _, child := range of {
		m.children = append(m.children, child.digest)
	}
	return m.seal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     typeIndex,
		"manifests":     children,
		"annotations":   map[string]string{"drawn": fmt.Sprint(s.rng.Uint64())},
	})
}

func (m *manifest) seal(content map[string]any) *manifest {
	raw, err := json.Marshal(content)
	if err != nil {
		panic(err) // nothing in it that JSON does not know
	}
	m.raw, m.digest = raw, digestOf(raw)
	return m
}

// draw picks one of a list; the zero value of an empty one.
func draw[T any](rng *rand.Rand, from []T) T {
	if len(from) == 0 {
		var zero T
		return zero
	}
	return from[rng.IntN(len(from))]
}

// populate fills the store with what a seed begins with.
func (s *store) populate(repositories, images int) {
	for i := range repositories {
		repo := []string{"library/one", "team/two", "team/sub/three"}[i]
		s.create(repo)
		var all []*manifest
		for j := range 1 + s.rng.IntN(images) {
			m := s.image("")
			if j > 1 && s.rng.IntN(4) == 0 {
				m = s.index(all[0], all[1])
			}
			all = append(all, m)
			s.put(repo, "", m)
			for k := range s.rng.IntN(3) {
				s.put(repo, fmt.Sprintf("v%d.%d", j, k), m)
			}
			for range s.rng.IntN(2) {
				s.put(repo, "", s.image(m.digest))
			}
		}
		s.put(repo, "latest", draw(s.rng, all))
	}
}

// somebody does something to a repository behind everybody's back: pushes a tag
// anew or elsewhere, or deletes.
func (s *store) somebody(repo string) string {
	r := s.repositories[repo]
	tag, digest := draw(s.rng, r.tagged()), draw(s.rng, r.digests())
	switch s.rng.IntN(7) {
	case 0:
		s.put(repo, tag, s.image(""))
		return "moves " + tag
	case 1:
		if m := s.known[digest]; m != nil && tag != "" {
			s.put(repo, tag, m)
			return "moves back " + tag
		}
	case 2: // what was there before is pushed again
		for n := range 8 {
			old := fmt.Sprintf("v%d.%d", n, s.rng.IntN(2))
			if h := s.history[name{repo, old}]; len(h) > 1 && h[len(h)-1].digest == "" {
				s.put(repo, old, s.known[h[len(h)-2].digest])
				return "pushes again " + old
			}
		}
	case 3:
		s.put(repo, fmt.Sprintf("new%d", s.rng.IntN(4)), s.image(""))
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
	case 6: // a manifest that was deleted comes back
		for _, d := range slices.Sorted(maps.Keys(s.known)) {
			if h := s.history[name{repo, d}]; len(h) > 1 && h[len(h)-1].digest == "" && s.rng.IntN(3) == 0 {
				s.put(repo, "", s.known[d])
				return "brings back " + d[:15]
			}
		}
	}
	return ""
}
