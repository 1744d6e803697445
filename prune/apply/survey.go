package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// survey looks whether everything that tags lead to is served, to the last blob. Each
// manifest is read once and each blob looked at once.
func (r *run) survey(ctx context.Context) error {
	s := surveyor{run: r, seen: make(map[regret.Digest]bool)}
	var next []need
	for tag, dgst := range r.guard.Tags() {
		if !r.isGone(dgst) {
			next = append(next, need{image: dgst, tag: tag, digest: dgst})
		}
	}
	slices.SortFunc(next, func(a, b need) int { return cmp.Compare(a.tag, b.tag) })
	for len(next) > 0 {
		next = slices.DeleteFunc(next, func(n need) bool { return s.isSeen(n.digest) })
		var found []need
		var mu sync.Mutex
		err := r.eachOf(ctx, len(next), func(i int) error {
			more, err := s.visit(ctx, next[i])
			mu.Lock()
			defer mu.Unlock()
			found = append(found, more...)
			return err
		})
		if err != nil {
			return err
		}
		slices.SortFunc(found, func(a, b need) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.digest, b.digest)) })
		next = found
	}
	slices.SortFunc(s.survival.Missing, func(a, b Damage) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
	})
	r.report.Survival = &s.survival
	return nil
}

// A need is something that an image needs.
type need struct {
	image, digest regret.Digest
	tag           string
	blob          bool
}

type surveyor struct {
	*run
	seen map[regret.Digest]bool

	mu       sync.Mutex
	survival Survival
}

func (s *surveyor) isSeen(dgst regret.Digest) bool {
	seen := s.seen[dgst]
	s.seen[dgst] = true
	return seen
}

// visit looks at a manifest or blob, and returns what it needs.
func (s *surveyor) visit(ctx context.Context, n need) ([]need, error) {
	if n.blob {
		has, err := s.HasBlob(ctx, s.header.Repository, n.digest)
		if err != nil {
			return nil, fmt.Errorf("blob %s of %s cannot be looked at: %w", n.digest, n.tag, err)
		}
		s.count(n, has)
		return nil, nil
	}
	m, err := s.Manifest(ctx, s.header.Repository, string(n.digest))
	if errors.Is(err, regret.ErrNotFound) {
		s.count(n, false)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s of %s cannot be read: %w", n.digest, n.tag, err)
	}
	s.count(n, true)
	references, err := plan.ReadReferences(m.Raw)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", n.digest, n.tag, err)
	}
	var needs []need
	for _, d := range references.Manifests {
		needs = append(needs, need{n.image, d.Digest, n.tag, false})
	}
	for _, d := range references.Blobs {
		needs = append(needs, need{n.image, d.Digest, n.tag, true})
	}
	return needs, nil
}

func (s *surveyor) count(n need, here bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !here:
		s.survival.Missing = append(s.survival.Missing, Damage{n.image, n.tag, n.digest, s.isGone(n.digest)})
	case n.blob:
		s.survival.Blobs++
	default:
		s.survival.Manifests++
		if n.digest == n.image {
			s.survival.Images++
		}
	}
}

// isGone reports whether a step deleted a manifest.
func (r *run) isGone(dgst regret.Digest) bool {
	i, known := r.byDigest[dgst]
	return known && r.report.Results[i].Status.isGone()
}
