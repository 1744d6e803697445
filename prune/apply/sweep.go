package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// sweeps says when all tags were last looked at, and how long that took.
type sweeps struct {
	ended time.Time
	took  time.Duration
	tags  map[string]regret.Digest // what they pointed to
}

// sweepIfDue looks at all tags again if as much time has passed as the last look took.
func (r *run) sweepIfDue(ctx context.Context) error {
	if time.Since(r.sweeps.ended) < max(minSweepPause, r.sweeps.took) {
		return nil
	}
	return r.sweep(ctx)
}

// sweep lists all tags and looks at each. What is new, or points elsewhere, is read, so that
// the guard knows what needs what the plan deletes.
func (r *run) sweep(ctx context.Context) error {
	started := time.Now()
	listed, err := r.list(ctx)
	if err != nil {
		return fmt.Errorf("the tags cannot be listed: %w", err)
	}
	found := make(map[string]regret.Digest, len(listed))
	var mu sync.Mutex
	failed := r.eachOf(ctx, len(listed), func(i int) error {
		tag := listed[i]
		d, err := r.Resolve(ctx, r.header.Repository, tag)
		if errors.Is(err, regret.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the tag %s cannot be read: %w", tag, err)
		}
		mu.Lock()
		defer mu.Unlock()
		found[tag] = d.Digest
		return nil
	})
	if failed != nil {
		return failed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trash.sweep(found)
	for tag, dgst := range found {
		r.guard.SetTag(tag, dgst)
	}
	for tag := range r.guard.Tags() {
		if _, here := found[tag]; !here {
			r.guard.DropTag(tag)
		}
	}
	if err := r.learn(ctx); err != nil {
		return err
	}
	r.sweeps = sweeps{ended: time.Now(), took: time.Since(started), tags: found}
	return r.checkKept(ctx, found)
}

// list returns all tags. Entries that are no tags were allowed when the plan was made, as
// many as there were.
func (r *run) list(ctx context.Context) ([]string, error) {
	seen := make(map[string]bool)
	var tags []string
	for e, err := range r.List(ctx, r.header.Repository) {
		if invalid, ok := errors.AsType[*regret.InvalidEntriesError](err); ok && errors.Is(err, regret.ErrInvalidEntries) && invalid.Total() <= len(r.header.Broken) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, tag := range e.Tags {
			if !seen[tag] {
				seen[tag] = true
				tags = append(tags, tag)
			}
		}
	}
	return tags, nil
}

// eachOf calls do for each of n things, several at once, until one fails.
func (r *run) eachOf(ctx context.Context, n int, do func(i int) error) error {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	var once sync.Once
	var failed error
	stop := make(chan struct{})
	fail := func(err error) { once.Do(func() { failed = err; close(stop) }) }
	r.each(all, func(i int) {
		select {
		case <-stop:
			return
		default:
		}
		if err := context.Cause(ctx); err != nil {
			fail(err)
		} else if err := do(i); err != nil {
			fail(err)
		}
	})
	return failed
}

// learn reads what the guard asks for. The caller holds the mutex.
func (r *run) learn(ctx context.Context) error {
	for {
		questions := slices.Collect(r.guard.Missing())
		if len(questions) == 0 {
			return nil
		}
		for _, q := range questions {
			m, err := r.Manifest(ctx, r.header.Repository, string(q.Digest))
			switch {
			case errors.Is(err, regret.ErrNotFound):
				r.guard.NotFound(q)
			case err != nil:
				return fmt.Errorf("%s, which a tag leads to, cannot be read: %w", q.Digest, err)
			default:
				if err := r.guard.Manifest(q, m); err != nil {
					return fmt.Errorf("%s, which a tag leads to: %w", q.Digest, err)
				}
			}
		}
	}
}

// checkKept fails if an image that a keep rule holds is nowhere to be found: another plan,
// or somebody else, is deleting what this one counts on.
func (r *run) checkKept(ctx context.Context, found map[string]regret.Digest) error {
	for kept := range r.plan.Kept() {
		if kept.Role != plan.RoleImage || !slices.ContainsFunc(kept.Reasons, func(reason plan.Reason) bool { return reason.Rule != "" }) {
			continue
		}
		if slices.ContainsFunc(kept.Tags, func(tag string) bool { return found[tag] == kept.Digest }) {
			continue
		}
		_, err := r.Resolve(ctx, r.header.Repository, string(kept.Digest))
		if errors.Is(err, regret.ErrNotFound) {
			return fmt.Errorf("%w: %s (%s); make a new plan", ErrKeepLost, kept.Tags[0], kept.Digest)
		}
		if err != nil {
			return fmt.Errorf("%s, which a keep rule holds, cannot be looked at: %w", kept.Tags[0], err)
		}
	}
	return nil
}
