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
	if !canGetTagsBack(step.Digest) {
		result = result.failed(fmt.Errorf("registries know what is pushed under a tag by its sha256 digest, so that the trash could not hold %s", step.Digest))
		result.Status = Refused
		return result
	}
	if q.limiter.Wait(ctx) != nil { // first, so that nothing comes between the look and the write
		return result
	}
	still, err := q.look(ctx, step.Digest, result.Tags)
	if err != nil {
		return q.notTaken(ctx, result, err)
	}
	switch reason, err := q.holds(ctx, step.Digest); {
	case err != nil:
		return q.notTaken(ctx, result, err)
	case reason != "":
		return result.stale(reason)
	}
	if len(still) == 0 {
		if here, err := q.has(ctx, step.Digest); err != nil {
			return q.notTaken(ctx, result, err)
		} else if !here {
			result.Status = AlreadyGone
			return result
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
	return q.removeNames(writing, result, still, was)
}

// isInTrash reports whether an image has its tag of the trash, put by an earlier run.
func (q *trashing) isInTrash(ctx context.Context, step *plan.Step, tag string) (bool, error) {
	if _, found := q.found[tag]; !found {
		return false, nil
	}
	at, err := q.where(ctx, tag)
	if err == nil && at != "" && at != step.Digest {
		err = fmt.Errorf("the tag %s points to %s; if that is not needed, remove the tag", tag, at)
	}
	return at == step.Digest, err
}

// tag gives an image its tag of the trash. It reports whether the image has it; if not, the
// result says why.
func (q *trashing) tag(ctx, writing context.Context, result Result, tag string) (_ Result, ok bool) {
	if !q.archive.Has(result.Digest) {
		return result.stale("it was gone when the archive was written, and is there again; make a new plan"), false
	}
	m, err := q.archive.Manifest(ctx, result.Digest)
	if err != nil {
		return q.notTaken(ctx, result, err), false
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

// removeNames removes the names of an image that is in the trash, each while it points to the
// image. If one cannot be removed, it takes the image out of the trash, unless it was there
// before: then it may have lost names in an earlier run.
func (q *trashing) removeNames(writing context.Context, result Result, names []string, was bool) Result {
	var removed []string
	remove := func(name string) error {
		if err := q.limiter.Wait(writing); err != nil {
			return err
		}
		off, err := q.removeTag(writing, result.Digest, name, q.remove)
		if off || mayBeOff(err) {
			removed = append(removed, name)
		}
		return err
	}
	for _, name := range result.Tags {
		var err error
		if slices.Contains(names, name) {
			err = remove(name)
		} else {
			_, err = q.removePlaceholder(writing, name)
		}
		if err == nil {
			continue
		}
		result = q.refusal(writing, result, err)
		if result.Kind == regret.ErrTagDeleteUnsupported {
			q.stop(err)
		}
		if was || result.Status == Unknown {
			return result // the trash keeps it, and another run goes on
		}
		return q.takeOut(writing, result, removed)
	}
	result.Status = Quarantined
	return result
}

// takeOut gives an image back the names that were removed, and takes it out of the trash, in
// this order: some registries delete a manifest with its last tag.
func (q *trashing) takeOut(writing context.Context, result Result, removed []string) Result {
	reason, tag := result.Reason, q.tags[result.Step]
	result = q.putBack(writing, result, removed)
	if result.Reason != reason {
		return result // the trash keeps what has not got its names back
	}
	if left, err := q.look(writing, result.Digest, result.Tags); err != nil || len(left) == 0 {
		result.Reason += "; it is left in the trash as " + tag
		return result
	}
	if _, err := q.removeTag(writing, result.Digest, tag, q.remove); err != nil {
		result.Reason += fmt.Sprintf("; its tag %s could not be removed again: %v", tag, err)
	}
	return result
}
