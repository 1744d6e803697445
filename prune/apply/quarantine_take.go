package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// take puts an image in the trash, unless a look right before shows that it must stay.
func (q *trashing) take(ctx, writing context.Context, result Result, step *plan.Step) Result {
	tag := q.tags[result.Step]
	still, err := q.look(ctx, step.Digest, result.Tags)
	if err != nil {
		return q.notTaken(ctx, result, err)
	}
	q.mu.Lock()
	reason, held := q.guard.Holds(step.Digest)
	q.mu.Unlock()
	if held {
		result.Status, result.Reason = Stale, reason.Text
		return result
	}
	if len(still) == 0 {
		_, err := q.Resolve(ctx, q.header.Repository, string(step.Digest))
		switch {
		case errors.Is(err, regret.ErrNotFound):
			result.Status = AlreadyGone
			return result
		case err != nil:
			return q.notTaken(ctx, result, err)
		}
	}
	was, err := q.isInTrash(ctx, step, tag)
	if err != nil {
		return q.notTaken(ctx, result, err)
	}
	if !was {
		if result, ok := q.tag(ctx, writing, result, tag); !ok {
			return result
		}
	}
	q.mu.Lock()
	q.inTrash[result.Step] = true
	q.mu.Unlock()
	removed, err := q.removeNames(writing, step.Digest, still)
	for _, name := range result.Tags {
		if err == nil && !slices.Contains(still, name) {
			_, err = q.removePlaceholder(ctx, writing, name)
		}
	}
	if err == nil {
		result.Status = Quarantined
		return result
	}
	result = q.refusal(writing, result, err)
	if result.Kind == regret.ErrTagDeleteUnsupported {
		q.stop(err)
	}
	if result.Status == NotAttempted { // the time to settle is over
		result.Status = Unknown
	}
	if was || result.Status == Unknown {
		return result // the trash keeps it, and another run goes on
	}
	return q.takeOut(writing, result, tag, removed)
}

// isInTrash reports whether an image has its tag of the trash, put by an earlier run.
func (q *trashing) isInTrash(ctx context.Context, step *plan.Step, tag string) (bool, error) {
	if _, found := q.found[tag]; !found {
		return false, nil
	}
	d, err := q.Resolve(ctx, q.header.Repository, tag)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case d.Digest != step.Digest:
		return false, fmt.Errorf("the tag %s points to %s; if that is not needed, remove the tag", tag, d.Digest)
	}
	return true, nil
}

// tag gives an image its tag of the trash. If that fails, it returns the result.
func (q *trashing) tag(ctx, writing context.Context, result Result, tag string) (Result, bool) {
	if !q.archive.Has(result.Digest) {
		result.Status, result.Reason = Stale, "it was gone when the archive was written, and is there again; make a new plan"
		return result, false
	}
	m, err := q.archive.Manifest(ctx, result.Digest)
	if err != nil {
		return q.notTaken(ctx, result, err), false
	}
	if q.limiter.wait(ctx) != nil {
		return result, false
	}
	if err := q.putTag(writing, tag, m); err != nil {
		result = q.refusal(writing, result, err)
		if errors.Is(err, regret.ErrContentMissing) {
			result.Status = Refused
		}
		return result, false
	}
	return result, true
}

// removeNames removes tags, each while it points to the image. It returns those that it has
// removed.
func (q *trashing) removeNames(ctx context.Context, dgst regret.Digest, tags []string) (removed []string, err error) {
	for _, tag := range tags {
		d, err := q.Resolve(ctx, q.header.Repository, tag)
		switch {
		case errors.Is(err, regret.ErrNotFound):
			continue
		case err != nil:
			return removed, err
		case d.Digest != dgst: // moved; the image goes without it
			continue
		}
		if err := q.limiter.wait(ctx); err != nil {
			return removed, err
		}
		switch err := q.remove(ctx, tag); {
		case errors.Is(err, regret.ErrNotFound):
		case err != nil:
			return removed, err
		default:
			removed = append(removed, tag)
		}
	}
	return removed, nil
}

// takeOut gives an image back the tags that were removed, and takes it out of the trash, in
// this order: some registries delete a manifest with its last tag.
func (q *trashing) takeOut(ctx context.Context, result Result, tag string, removed []string) Result {
	reason := result.Reason
	result = q.putBack(ctx, result, removed)
	if result.Reason != reason {
		return result // the trash keeps what has not got its tags back
	}
	if left, err := q.look(ctx, result.Digest, result.Tags); err != nil || len(left) == 0 {
		result.Reason += "; it is left in the trash as " + tag
		return result
	}
	if err := q.remove(ctx, tag); err != nil && !errors.Is(err, regret.ErrNotFound) {
		result.Reason += fmt.Sprintf("; its tag %s could not be removed again: %v", tag, err)
	}
	return result
}
