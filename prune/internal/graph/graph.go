// Package graph computes which manifests of a repository can be deleted without harm to
// what stays, and the order in which to delete them.
//
// It knows manifests as small integers with edges between them. It knows nothing of tags,
// rules, ages or registries: the caller says which manifests a policy selects and which
// tags stay.
//
// Invariants: the result depends on the graph alone, not on how its nodes are numbered or
// its edges are ordered. Time and memory are linear in the number of nodes and edges.
package graph

import "slices"

// An ID is the number of a manifest, from 0.
type ID = int32

// A Flag says something about a manifest.
type Flag uint8

const (
	Selected Flag = 1 << iota // the policy wants it deleted
	Ordinary                  // an ordinary tag points to it
	Pinned                    // a tag points to it that stays whatever else goes
	InUse                     // something runs it
	Missing                   // the registry does not have it: it counts for nothing
	Explicit                  // the policy names it: what it belongs to does not hold it
)

// A Graph holds the manifests of a repository.
type Graph struct {
	Flags []Flag // of each manifest

	Lists      *Edges // from an index to what it lists
	Subjects   *Edges // from a manifest to its subject
	Companions *Edges // from a manifest with a companion tag to the manifests that the tag belongs to

	// Compare orders manifests so that results do not depend on their numbers.
	Compare func(a, b ID) int

	listedBy, referrers, companionsOf *Edges // the reverse
}

// Edges leads from each manifest to others.
type Edges struct {
	start []int32 // of the targets of each manifest; one more than there are manifests
	to    []ID
}

// A Pair is one edge.
type Pair struct{ From, To ID }

// NewEdges returns the edges of n manifests.
func NewEdges(n int, pairs []Pair) *Edges {
	return collect(n, len(pairs), func(yield func(from, to ID)) {
		for _, p := range pairs {
			yield(p.From, p.To)
		}
	})
}

// Of returns where the edges of a manifest lead. The caller must not change it.
func (e *Edges) Of(id ID) []ID { return e.to[e.start[id]:e.start[id+1]] }

func (e *Edges) reverse() *Edges {
	n := len(e.start) - 1
	return collect(n, len(e.to), func(yield func(from, to ID)) {
		for from := range ID(n) {
			for _, to := range e.Of(from) {
				yield(to, from)
			}
		}
	})
}

// collect sorts edges by where they begin. It calls each twice: to count, and to store.
func collect(n, edges int, each func(yield func(from, to ID))) *Edges {
	e := &Edges{start: make([]int32, n+1), to: make([]ID, edges)}
	each(func(from, _ ID) { e.start[from+1]++ })
	for i := range n {
		e.start[i+1] += e.start[i]
	}
	next := slices.Clone(e.start)
	each(func(from, to ID) {
		e.to[next[from]] = to
		next[from]++
	})
	return e
}

// prepare computes the reverse edges once.
func (g *Graph) prepare() {
	if g.listedBy == nil {
		g.listedBy, g.referrers, g.companionsOf = g.Lists.reverse(), g.Subjects.reverse(), g.Companions.reverse()
	}
}

// has reports whether a manifest is present and has the flag.
func (g *Graph) has(id ID, f Flag) bool { return g.Flags[id]&(f|Missing) == f }

func (g *Graph) present(id ID) bool { return g.Flags[id]&Missing == 0 }

// ListedBy returns the indexes that list a manifest. The caller must not change it.
func (g *Graph) ListedBy(id ID) []ID {
	g.prepare()
	return g.listedBy.Of(id)
}

// Referrers returns what has a manifest as its subject. The caller must not change it.
func (g *Graph) Referrers(id ID) []ID {
	g.prepare()
	return g.referrers.Of(id)
}
