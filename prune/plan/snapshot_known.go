package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret"
)

// IsRead reports whether the content of a manifest is known, so that [Snapshot.Exists]
// answers [AskTag].
func (s *Snapshot) IsRead(dgst regret.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known := s.digests.find(dgst)
	return known && s.nodes[id].flags&isRead != 0
}

// InIndex reports whether an index that was read lists a manifest.
func (s *Snapshot) InIndex(dgst regret.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known := s.digests.find(dgst)
	return known && slices.Contains(s.listed, id)
}
