package plan

import (
	"hash/maphash"

	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

const sumSize = 32

// sums is a hash table of checksums, each numbered in the order in which it was added. It is
// what a map from checksums to numbers would be with half the memory, because it keeps each
// checksum once: a repository of a million indexes has ten million of them.
type sums struct {
	all   [][sumSize]byte
	table []graph.ID // by hash: a number + 1, or 0; a power of two of them
	seed  maphash.Seed
}

// slot returns where in the table a checksum is, or where it belongs.
func (s *sums) slot(sum *[sumSize]byte) int {
	mask := len(s.table) - 1
	for i := int(maphash.Bytes(s.seed, sum[:])) & mask; ; i = (i + 1) & mask {
		if id := s.table[i]; id == 0 || s.all[id-1] == *sum {
			return i
		}
	}
}

// find returns the number of a checksum.
func (s *sums) find(sum *[sumSize]byte) (graph.ID, bool) {
	if len(s.table) == 0 {
		return 0, false
	}
	id := s.table[s.slot(sum)]
	return id - 1, id != 0
}

// add returns the number of a checksum, and whether it is new.
func (s *sums) add(sum *[sumSize]byte) (id graph.ID, isNew bool) {
	if id, ok := s.find(sum); ok {
		return id, false
	}
	if 4*(len(s.all)+1) > 3*len(s.table) {
		s.grow()
	}
	s.all = append(s.all, *sum)
	id = graph.ID(len(s.all))
	s.table[s.slot(sum)] = id
	return id - 1, true
}

// grow doubles the table. The seed keeps a registry from choosing digests that collide.
func (s *sums) grow() {
	if len(s.table) == 0 {
		s.seed = maphash.MakeSeed()
	}
	s.table = make([]graph.ID, max(16, 2*len(s.table)))
	for i := range s.all {
		s.table[s.slot(&s.all[i])] = graph.ID(i + 1)
	}
}
