package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// take takes a step, unless a look right before shows that it must not be taken.
func (r *run) take(ctx, writing context.Context, i int) Result {
	result := r.report.Results[i]
	if r.ended(ctx) != nil {
		return result
	}
	step := &r.steps[i]
	switch {
	case step.Action == plan.Untag:
		return r.untag(ctx, writing, result, step)
	case r.trash != nil && step.Role == plan.RoleImage:
		return r.trash.take(ctx, writing, result, step)
	}
	if err := r.recheck(ctx, step); err != nil {
		return failure(result, err)
	}
	if _, err := r.look(ctx, step.Digest, step.Tags); err != nil {
		return failure(result, err)
	}
	r.mu.Lock()
	reason, held := r.guard.Holds(step.Digest)
	tagsFirst := r.tagsFirst && len(step.Tags) > 0
	r.mu.Unlock()
	if held {
		result.Status, result.Reason = Stale, reason.Text
		return result
	}
	if err := r.limiter.wait(ctx); err != nil {
		return result
	}
	if tagsFirst {
		return r.deleteTagsFirst(writing, result, step)
	}
	err := r.DeleteManifest(writing, r.header.Repository, step.Digest)
	if errors.Is(err, regret.ErrStillTagged) && len(step.Tags) > 0 {
		r.mu.Lock()
		r.tagsFirst = true
		r.mu.Unlock()
		return r.deleteTagsFirst(writing, result, step)
	}
	return r.settle(writing, result, err)
}

// look looks at what tags point to now, tells the guard, and returns those that still point
// to the manifest.
func (r *run) look(ctx context.Context, dgst regret.Digest, tags []string) (still []string, err error) {
	for _, tag := range tags {
		d, err := r.Resolve(ctx, r.header.Repository, tag)
		gone := errors.Is(err, regret.ErrNotFound)
		if err != nil && !gone {
			return nil, err
		}
		r.mu.Lock()
		switch {
		case gone:
			r.guard.DropTag(tag)
		case r.guard.SetTag(tag, d.Digest):
			err = r.learn(ctx)
		}
		r.mu.Unlock()
		if err != nil && !gone {
			return nil, err
		}
		if d.Digest == dgst {
			still = append(still, tag)
		}
	}
	return still, nil
}

// recheck looks at the tags of the images that a manifest is a part of once more, after they
// were deleted and before their first part is: a tag that was pushed meanwhile may lead to
// the part again.
func (r *run) recheck(ctx context.Context, step *plan.Step) error {
	for _, image := range r.wholes(step) {
		r.mu.Lock()
		done := r.rechecked[image]
		r.rechecked[image] = true
		r.mu.Unlock()
		if done {
			continue
		}
		if _, err := r.look(ctx, r.steps[image].Digest, r.steps[image].Tags); err != nil {
			r.mu.Lock()
			delete(r.rechecked, image)
			r.mu.Unlock()
			return err
		}
	}
	return nil
}

// wholes returns the steps with tags that a step comes after, directly or not.
func (r *run) wholes(step *plan.Step) []int {
	var wholes []int
	seen := make(map[int]bool)
	var visit func(*plan.Step)
	visit = func(step *plan.Step) {
		for _, before := range step.After {
			i, known := r.byDigest[before]
			if !known || seen[i] {
				continue
			}
			seen[i] = true
			if len(r.steps[i].Tags) > 0 {
				wholes = append(wholes, i)
			}
			visit(&r.steps[i])
		}
	}
	visit(step)
	return wholes
}

// settle makes a result of what the registry said to a deletion.
func (r *run) settle(ctx context.Context, result Result, err error) Result {
	switch {
	case err == nil:
		result.Status, result.Bytes = Deleted, r.steps[result.Step].Bytes
		return result
	case !errors.Is(err, regret.ErrNotFound):
		return r.refusal(result, err)
	}
	_, looked := r.Resolve(ctx, r.header.Repository, string(result.Digest))
	switch {
	case errors.Is(looked, regret.ErrNotFound):
		result.Status = AlreadyGone
		return result
	case looked != nil:
		return failure(result, looked)
	}
	result.Status, result.Kind, result.Err = Refused, regret.ErrNotFound, err
	result.Reason = "the registry serves it and says that it does not exist; it may leave such manifests to its garbage collection"
	return result
}

// stopping are the refusals that every other step would meet, too.
var stopping = []regret.Kind{regret.ErrDeleteDisabled, regret.ErrForbidden, regret.ErrReadOnly, regret.ErrUnauthorized}

// refusing are the refusals of one step.
var refusing = []regret.Kind{regret.ErrReferenced, regret.ErrStillTagged, regret.ErrImmutable, regret.ErrTagDeleteUnsupported}

// refusal makes a result of an error of a write.
func (r *run) refusal(result Result, err error) Result {
	is := func(kind regret.Kind) bool { return errors.Is(err, kind) }
	switch {
	case slices.ContainsFunc(stopping, is):
		r.stop(err)
		fallthrough
	case slices.ContainsFunc(refusing, is):
		result = failure(result, err)
		result.Status = Refused
	case is(regret.ErrOutcomeUnknown):
		result = failure(result, err)
		result.Status = Unknown
	default:
		result = failure(result, err)
	}
	return result
}

// stop lets no further step begin.
func (r *run) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped == nil {
		r.stopped = fmt.Errorf("%w: %w", ErrStopped, err)
	}
}

// failure makes a result of an error.
func failure(result Result, err error) Result {
	result.Status, result.Err, result.Reason = Failed, err, err.Error()
	if e, ok := errors.AsType[*regret.Error](err); ok {
		result.Kind = e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		result.Status = NotAttempted
	}
	if errors.Is(err, regret.ErrOutcomeUnknown) {
		result.Status = Unknown
	}
	return result
}
