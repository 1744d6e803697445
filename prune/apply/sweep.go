package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// sweepIsDue reports whether as much time has passed since the last look at all tags as that
// took, but no less than ten minutes.
func (w *watch) sweepIsDue() bool {
	return time.Since(w.lastSweep) >= max(minSweepPause, w.sweepTook)
}

func (w *watch) swept(started time.Time) { w.lastSweep, w.sweepTook = time.Now(), time.Since(started) }

// findTags lists all tags and looks at each.
func (w *watch) findTags(ctx context.Context) (map[string]regret.Digest, error) {
	listed, err := w.list(ctx)
	if err != nil {
		return nil, err
	}
	w.tracker.begin(PhaseTags, len(listed))
	found := make(map[string]regret.Digest, len(listed))
	var mu sync.Mutex
	return found, each(ctx, w.Concurrency, len(listed), w.tracker.counted(func(ctx context.Context, i int) error {
		dgst, err := w.where(ctx, listed[i])
		if err != nil {
			return fmt.Errorf("the tag %s cannot be looked at: %w", listed[i], err)
		}
		if dgst != "" {
			mu.Lock()
			found[listed[i]] = dgst
			mu.Unlock()
		}
		return nil
	}))
}

// list returns all tags. Entries that are no tags were allowed when the plan was made, as
// many as there were. Some registries no longer know a repository without tags; if only a later
// page is missing, the list is not complete.
func (j *job) list(ctx context.Context) ([]string, error) {
	var tags []string
	seen := make(map[string]bool)
	const often = 1000 // entries
	n := 0
	j.tracker.begin(PhaseTags, 0)
	begun := false
	for e, err := range j.List(ctx, j.header.Repository) {
		if errors.Is(err, regret.ErrNotFound) && !begun || j.isAllowed(err) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the tags cannot be listed: %w", err)
		}
		begun = true
		for _, tag := range e.Tags {
			if !seen[tag] {
				seen[tag] = true
				tags = append(tags, tag)
			}
		}
		if n++; n%often == 0 {
			j.tracker.add(often)
		}
	}
	return tags, context.Cause(ctx) // a list that ended because of it may look complete
}

// isAllowed reports whether an error of a list says that it is complete, except for no more
// entries that are no tags than there were when the plan was made.
func (j *job) isAllowed(err error) bool {
	invalid, ok := errors.AsType[*regret.InvalidEntriesError](err)
	return ok && errors.Is(err, regret.ErrInvalidEntries) && invalid.Total() <= len(j.header.Broken)
}

// update tells the guard what all tags point to. It returns what has changed. The caller
// holds the mutex.
func (w *watch) update(found map[string]regret.Digest) (changed map[string]regret.Digest, gone []string) {
	changed = make(map[string]regret.Digest)
	for _, tag := range slices.Sorted(maps.Keys(found)) { // so that what they lead to is read in one order
		if w.setTag(tag, found[tag]) {
			changed[tag] = found[tag]
		}
	}
	for tag := range w.guard.Tags() {
		if found[tag] == "" {
			gone = append(gone, tag)
		}
	}
	for _, tag := range gone {
		w.guard.DropTag(tag)
	}
	return changed, gone
}

// checkKept fails if an image that a keep rule holds is nowhere to be found: the plan counts
// on what another run, or somebody else, is deleting.
func (w *watch) checkKept(ctx context.Context, found map[string]regret.Digest) error {
	var missing []plan.Kept // under their tags
	for kept := range w.plan.Kept() {
		isHeld := slices.ContainsFunc(kept.Reasons, func(reason plan.Reason) bool { return reason.Rule != "" })
		isFound := slices.ContainsFunc(kept.Tags, func(tag string) bool { return found[tag] == kept.Digest })
		if kept.Role == plan.RoleImage && isHeld && !isFound {
			missing = append(missing, kept)
		}
	}
	return each(ctx, w.Concurrency, len(missing), func(ctx context.Context, i int) error {
		switch found, err := w.has(ctx, missing[i].Digest); {
		case err != nil:
			return fmt.Errorf("%s, which a keep rule holds, cannot be looked at: %w", missing[i].Tags[0], err)
		case !found:
			return fmt.Errorf("%w: %s (%s); make a new plan", ErrKeepLost, missing[i].Tags[0], missing[i].Digest)
		}
		return nil
	})
}
