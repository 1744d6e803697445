package plan

import (
	"fmt"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// AddTag records that the registry lists a tag. Each tag must be added once.
func (s *Snapshot) AddTag(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tags = append(s.tags, tag{name, none, tagListed})
}

// AddInvalid records that the list of tags has an entry that is neither a tag nor a
// digest. Such an entry counts as a broken tag: it may hide one.
func (s *Snapshot) AddInvalid(entry string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invalid = append(s.invalid, entry)
}

// AddListed records what a list of the registry says about a manifest. Its tags are those
// added by AddTag: what they point to is asked of the registry.
func (s *Snapshot) AddListed(e regret.ListEntry) error {
	if err := e.Descriptor.Digest.Validate(); err != nil {
		return fmt.Errorf("the list names a manifest %.80q: %w", e.Descriptor.Digest, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.node(e.Descriptor.Digest)
	n := &s.nodes[id]
	n.flags |= isListed | isPresent
	n.uploaded, n.pulled = max(n.uploaded, seconds(e.Uploaded)), max(n.pulled, seconds(e.Pulled))
	if e.NeverPulled {
		n.flags |= isNeverPulled
	}
	s.describe(id, e.Descriptor.MediaType, e.Descriptor.Size)
	return nil
}

// NamesAll records that the list of the registry named every manifest of the repository,
// with or without tags.
func (s *Snapshot) NamesAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namesAll = true
}

// Manifest answers [AskTag] and [AskManifest]. The content must hash to the digest. It
// fails if the content is no manifest.
func (s *Snapshot) Manifest(q Question, m *regret.Manifest) error {
	var c *content
	if !s.IsRead(m.Descriptor.Digest) { // many tags may point to it
		var err error
		if c, err = parseContent(m.Raw); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.node(m.Descriptor.Digest)
	if q.Kind == AskTag {
		s.tags[q.tag].id, s.tags[q.tag].state = id, tagRead
	}
	if s.nodes[id].flags&isRead == 0 {
		s.read(id, m.Descriptor, c)
	}
	return nil
}

// Exists answers [AskExists], and [AskTag] where the content of the manifest is known.
func (s *Snapshot) Exists(q Question, d regret.Descriptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.node(d.Digest)
	s.nodes[id].flags |= isPresent
	s.describe(id, d.MediaType, d.Size)
	if q.Kind == AskTag {
		s.tags[q.tag].id, s.tags[q.tag].state = id, tagRead
	}
}

// NotFound answers any question about a manifest or configuration that the registry does
// not have.
func (s *Snapshot) NotFound(q Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch q.Kind {
	case AskTag:
		s.tags[q.tag].state = tagBroken
	case AskConfig:
		s.configs[s.blob(q.Digest, 0)] = 0
	default:
		s.nodes[s.node(q.Digest)].flags |= isMissing
	}
}

// Vanished answers [AskTag] where nothing is under the tag and a second list does not have
// it any more.
func (s *Snapshot) Vanished(q Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tags[q.tag].state = tagVanished
}

// Config answers [AskConfig] with the content of the configuration.
func (s *Snapshot) Config(q Question, raw []byte) {
	created := parseConfig(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configs[s.blob(q.Digest, 0)] = created
}

// Referrers answers [AskReferrers]. It fails if a referrer that is not read yet is said to
// refer to two manifests: the order of the answers would decide to which.
func (s *Snapshot) Referrers(q Question, referrers []regret.Descriptor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject := s.node(q.Digest)
	s.nodes[subject].flags |= hasReferrers
	for _, d := range referrers {
		if err := d.Digest.Validate(); err != nil {
			return fmt.Errorf("a referrer with the digest %.80q: %w", d.Digest, err)
		}
		id := s.node(d.Digest)
		n := &s.nodes[id]
		n.flags |= isPresent
		if n.flags&isRead != 0 {
			continue // the content says the rest
		}
		if n.subject != none && n.subject != subject {
			return fmt.Errorf("the registry says that %s refers both to %s and to %s", d.Digest, s.digests.at(n.subject), q.Digest)
		}
		n.subject = subject
		s.describe(id, d.MediaType, d.Size)
		n.artifactType = s.texts.least(n.artifactType, d.ArtifactType)
	}
	return nil
}

// NoReferrersAPI records that the registry has no referrers API, so that what refers to a
// manifest is found by its companion tags only.
func (s *Snapshot) NoReferrersAPI() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noAPI = true
}

// node returns the number of a manifest.
func (s *Snapshot) node(dgst regret.Digest) graph.ID {
	id := s.digests.add(dgst)
	if int(id) == len(s.nodes) {
		s.nodes = append(s.nodes, node{subject: none, config: none})
	}
	return id
}

// blob returns the number of a blob.
func (s *Snapshot) blob(dgst regret.Digest, size int64) graph.ID {
	id := s.blobs.add(dgst)
	if int(id) == len(s.blobSizes) {
		s.blobSizes = append(s.blobSizes, 0)
	}
	s.blobSizes[id] = max(s.blobSizes[id], size)
	return id
}

// describe records media type and size where the content does not say them. Anybody who
// pushes an index can write any media type into it: what one calls an image and another an
// index may list others.
func (s *Snapshot) describe(id graph.ID, mediaType string, size int64) {
	n := &s.nodes[id]
	if mediaType != "" && isIndexType(mediaType) {
		n.flags |= mayList
	}
	if n.flags&isRead == 0 {
		n.mediaType = s.texts.least(n.mediaType, mediaType)
		n.size = max(n.size, size)
	}
}

// read records the content of a manifest.
func (s *Snapshot) read(id graph.ID, d regret.Descriptor, c *content) {
	n := node{
		size: d.Size, mediaType: s.texts.add(d.MediaType), artifactType: s.texts.add(c.ArtifactType),
		annotated: parseTime(c.Annotations["org.opencontainers.image.created"]),
		platform:  s.nodes[id].platform, uploaded: s.nodes[id].uploaded, pulled: s.nodes[id].pulled,
		flags: s.nodes[id].flags&^isMissing | isRead | isPresent, subject: none, config: none,
	}
	if c.Subject != nil {
		n.subject = s.node(c.Subject.Digest)
	}
	n.lists.from = uint32(len(s.listed))
	for i := range c.Manifests {
		s.list(s.child(&c.Manifests[i]), c.Manifests[i].isAttestation())
	}
	n.lists.n = uint32(len(s.listed)) - n.lists.from
	n.blobs.from = uint32(len(s.needed))
	if c.Config != nil {
		n.config = s.blob(c.Config.Digest, c.Config.Size)
		s.needed = append(s.needed, n.config)
		if isImageConfig(c.Config.MediaType) {
			n.flags |= isDated
		}
	}
	for _, layer := range c.Layers {
		s.needed = append(s.needed, s.blob(layer.Digest, layer.Size))
	}
	n.blobs.n = uint32(len(s.needed)) - n.blobs.from
	s.nodes[id] = n
}

// list adds a manifest to what an index lists.
func (s *Snapshot) list(child graph.ID, attests bool) {
	s.listed, s.attests = append(s.listed, child), append(s.attests, attests)
}

// child records an entry of an index.
func (s *Snapshot) child(e *entry) graph.ID {
	id := s.node(e.Digest)
	s.describe(id, e.MediaType, e.Size)
	n := &s.nodes[id]
	n.flags |= isEntry
	if e.isAttestation() {
		n.flags |= isAttestation
	}
	n.platform = s.texts.least(n.platform, e.platform())
	return id
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
