package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A surveyor finds out whether all that stays is served, to the last blob.
type surveyor struct {
	*run
	seen   map[regret.Digest]bool
	before map[regret.Digest]bool // missing when the plan was made

	mu       sync.Mutex // guards what follows
	survival Survival
	next     []need
}

// A need is a manifest or blob that is needed.
type need struct {
	tag    string        // that needs it; empty if what needs it has none
	image  regret.Digest // that needs it
	digest regret.Digest
	isBlob bool
}

func (n need) isImage() bool { return n.digest == n.image }

// survey finds out whether everything that tags lead to, and everything else that the plan
// keeps, is served. It reads each manifest once, and looks at each blob once.
func (r *run) survey(ctx context.Context, here map[string]bool) (*Survival, error) {
	s := &surveyor{run: r, seen: make(map[regret.Digest]bool), before: make(map[regret.Digest]bool)}
	for _, dgst := range r.header.Missing {
		s.before[dgst] = true
	}
	if err := s.begin(ctx, here); err != nil {
		return nil, err
	}
	for len(s.next) > 0 {
		level := s.takeNext()
		r.tracker.grow(PhaseSurvival, len(level))
		err := each(ctx, r.Concurrency, len(level), r.tracker.counted(func(ctx context.Context, i int) error { return s.visit(ctx, level[i]) }))
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(s.survival.Missing, func(a, b Damage) int {
		return cmp.Or(cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
	})
	return &s.survival, nil
}

// begin finds what tags point to, and what else stays. Of the tags that came up since the last
// look at all, it asks.
func (s *surveyor) begin(ctx context.Context, here map[string]bool) error {
	known := make(map[string]regret.Digest)
	for tag, dgst := range s.guard.Tags() {
		known[tag] = dgst
	}
	var unknown []string
	for _, tag := range slices.Sorted(maps.Keys(here)) {
		if dgst := known[tag]; dgst == "" || s.isGone(dgst) {
			unknown = append(unknown, tag)
		} else {
			s.next = append(s.next, need{tag: tag, image: dgst, digest: dgst})
		}
	}
	for kept := range s.plan.Kept() {
		// What only others name may never have been there.
		wasSeen := len(kept.Lists) > 0 || kept.Subject != "" || kept.InUse
		if len(kept.Tags) == 0 && wasSeen {
			s.next = append(s.next, need{image: kept.Digest, digest: kept.Digest})
		}
	}
	return each(ctx, s.Concurrency, len(unknown), func(ctx context.Context, i int) error {
		dgst, err := s.where(ctx, unknown[i])
		isRemnant := s.isGone(dgst) && s.takes(unknown[i], dgst) // which does not stay
		if err == nil && dgst != "" && !isRemnant {
			s.need(need{tag: unknown[i], image: dgst, digest: dgst})
		}
		return err
	})
}

func (s *surveyor) need(n ...need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, n...)
}

// takeNext returns what is to be visited next: each digest once, for the first tag that needs
// it, so that two surveys say the same.
func (s *surveyor) takeNext() []need {
	level := s.next
	s.next = nil
	slices.SortFunc(level, func(a, b need) int {
		untagged := func(n need) int { return len(n.tag[:min(len(n.tag), 1)]) }
		return cmp.Or(-cmp.Compare(untagged(a), untagged(b)), cmp.Compare(a.tag, b.tag), cmp.Compare(a.digest, b.digest))
	})
	return slices.DeleteFunc(level, func(n need) bool {
		seen := s.seen[n.digest]
		s.seen[n.digest] = true
		return seen
	})
}

// visit looks at a manifest or blob, and adds what it needs to what is visited next.
func (s *surveyor) visit(ctx context.Context, n need) error {
	if n.isBlob {
		has, err := s.HasBlob(ctx, s.header.Repository, n.digest)
		if err != nil {
			return fmt.Errorf("the blob %s of %s cannot be looked at: %w", n.digest, cmp.Or(n.tag, string(n.image)), err)
		}
		s.count(n, has)
		return nil
	}
	m, err := s.Manifest(ctx, s.header.Repository, string(n.digest))
	switch {
	case errors.Is(err, regret.ErrNotFound):
		return s.missing(ctx, n)
	case err != nil:
		return fmt.Errorf("%s of %s cannot be read: %w", n.digest, cmp.Or(n.tag, string(n.image)), err)
	}
	references, err := plan.ReadReferences(m.Raw)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", n.digest, cmp.Or(n.tag, string(n.image)), err)
	}
	s.count(n, true)
	for _, d := range references.Manifests {
		s.need(need{tag: n.tag, image: n.image, digest: d.Digest})
	}
	for _, d := range references.Blobs {
		if !isElsewhere(d) {
			s.need(need{tag: n.tag, image: n.image, digest: d.Digest, isBlob: true})
		}
	}
	return nil
}

// missing counts a manifest that is missing, unless its tag was moved or removed meanwhile.
func (s *surveyor) missing(ctx context.Context, n need) error {
	if n.tag != "" && n.isImage() {
		dgst, err := s.where(ctx, n.tag)
		if err != nil {
			return err
		}
		if dgst != n.digest {
			if dgst != "" {
				s.need(need{tag: n.tag, image: dgst, digest: dgst})
			}
			return nil
		}
	}
	s.count(n, false)
	return nil
}

func (s *surveyor) count(n need, here bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !here:
		s.survival.Missing = append(s.survival.Missing, Damage{Image: n.image, Tag: n.tag, Digest: n.digest, Ours: s.isGone(n.digest), Before: s.before[n.digest]})
	case n.isBlob:
		s.survival.Blobs++
	default:
		s.survival.Manifests++
		if n.isImage() {
			s.survival.Images++
		}
	}
}

// isElsewhere reports whether a layer is one that registries need not have, such as those of
// Windows.
//
// See https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers
func isElsewhere(d regret.Descriptor) bool {
	return len(d.URLs) > 0 || strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign.")
}
