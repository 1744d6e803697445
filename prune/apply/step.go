package apply

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// take takes a step, unless a look right before shows that it must not be taken. If the run
// ends before, the step is not attempted.
func (r *run) take(ctx, writing context.Context, i int) Result {
	result, step := r.report.Results[i], &r.steps[i]
	switch {
	case r.ended(ctx) != nil:
		return result
	case step.Action == plan.Untag:
		return r.untag(ctx, writing, result, step)
	case r.trash != nil && step.Role == plan.RoleImage:
		return r.trash.take(ctx, writing, result, step)
	}
	return r.delete(ctx, writing, result, step)
}

// delete deletes a manifest.
func (r *run) delete(ctx, writing context.Context, result Result, step *plan.Step) Result {
	if r.limiter.Wait(ctx) != nil { // first, so that nothing comes between the look and the deletion
		return result
	}
	still, reason, err := r.lookBefore(ctx, step)
	removed := r.removedBefore(step, result.Step, still)
	switch {
	case err != nil:
		return r.notTaken(ctx, result, err)
	case reason != "":
		return r.putBack(writing, result.stale(reason), removed)
	case !r.archive.Has(step.Digest):
		return r.leaveUnarchived(ctx, result)
	case r.tagsFirst.Load() && len(still)+len(removed) > 0 && canGetTagsBack(step.Digest):
		return r.deleteTagsFirst(ctx, writing, result, still, removed)
	}
	err = r.DeleteManifest(writing, r.header.Repository, step.Digest)
	if errors.Is(err, regret.ErrStillTagged) && len(still) > 0 && canGetTagsBack(step.Digest) {
		if err := r.beginTagsFirst(); err != nil {
			return result.failed(err)
		}
		return r.deleteTagsFirst(ctx, writing, result, still, nil)
	}
	return r.settleDeletion(writing, result, err)
}

// leaveUnarchived deletes nothing: what is not in the archive could not be restored. It was
// gone when the archive was written.
func (r *run) leaveUnarchived(ctx context.Context, result Result) Result {
	switch found, err := r.has(ctx, result.Digest); {
	case err != nil:
		return r.notTaken(ctx, result, err)
	case found:
		return result.stale("it was gone when the archive was written, and is there again; make a new plan")
	}
	result.Status = AlreadyGone
	return result
}

// settleDeletion makes a result of what the registry said to a deletion.
func (r *run) settleDeletion(writing context.Context, result Result, err error) Result {
	switch {
	case err == nil:
		result.Status = Deleted
		return result
	case !isNotFound(err):
		return r.refusal(writing, result, err)
	}
	found, looked := r.has(writing, result.Digest)
	switch {
	case looked != nil:
		return r.refusal(writing, result, looked)
	case found && !r.mayHaveTakenTags(result.Step):
		return r.refusal(writing, result, &deniedError{err})
	case r.history.mayHaveTaken(result.Step):
		result.Status = Deleted
	default:
		result.Status = AlreadyGone
	}
	return result
}

// mayHaveTakenTags reports whether an earlier run may have deleted a manifest that had tags. Quay
// then serves it for a while, and says of it the same as of one that it does not delete.
func (r *run) mayHaveTakenTags(step int) bool {
	return r.history.mayHaveTaken(step) && len(r.steps[step].Tags) > 0
}

// isNotFound reports whether a registry says that it does not have what is to be deleted. An
// error of a client that knows better, because the registry has served the manifest, has the
// status but not the kind.
func isNotFound(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	return errors.Is(err, regret.ErrNotFound) || ok && e.Kind == "" && e.StatusCode == http.StatusNotFound
}

// stopping are the refusals that every other step would meet, too.
var stopping = []regret.Kind{regret.ErrDeleteDisabled, regret.ErrForbidden, regret.ErrReadOnly, regret.ErrUnauthorized}

// refusing are the refusals of one step.
var refusing = []regret.Kind{regret.ErrReferenced, regret.ErrStillTagged, regret.ErrImmutable, regret.ErrTagDeleteUnsupported}

// refusal makes a result of an error of a write, or of a look that decides what came of it.
func (r *run) refusal(writing context.Context, result Result, err error) Result {
	result = result.failed(err)
	is := func(kind regret.Kind) bool { return errors.Is(err, kind) }
	switch {
	case is(regret.ErrOutcomeUnknown), writing.Err() != nil:
		result.Status = Unknown
	case slices.ContainsFunc(stopping, is), isForbidden(err):
		result.Status = Refused
		r.stop(err)
	case slices.ContainsFunc(refusing, is):
		result.Status = Refused
	case isDenied(err):
		result.Status, result.Kind = Refused, regret.ErrNotFound
	}
	return result
}

// A deniedError says that a registry does not delete what it serves, because it says that it
// does not have it. Quay leaves untagged manifests to its garbage collection in this way.
type deniedError struct{ err error }

func (e *deniedError) Error() string {
	return "the registry serves it, but does not delete it, as if it did not exist: " + e.err.Error()
}

func (e *deniedError) Unwrap() error { return e.err }

func isDenied(err error) bool {
	_, ok := errors.AsType[*deniedError](err)
	return ok
}

// isForbidden reports whether a registry forbids something for a reason that it does not tell:
// Docker Hub answers 403 for what still has a tag, which it does not remove either.
func isForbidden(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	return ok && e.Kind == "" && e.StatusCode == http.StatusForbidden
}

// notTaken makes a result of an error of a look, after which nothing was written.
func (r *run) notTaken(ctx context.Context, result Result, err error) Result {
	if ctx.Err() != nil {
		return result
	}
	return r.refusal(ctx, result, err)
}

// failed returns the result for an error.
func (r Result) failed(err error) Result {
	r.Status, r.Err, r.Reason = Failed, err, err.Error()
	if e, ok := errors.AsType[*regret.Error](err); ok {
		r.Kind = e.Kind
	}
	return r
}

// stale returns the result for a step that must not be taken any more.
func (r Result) stale(reason string) Result {
	r.Status, r.Reason = Stale, reason
	return r
}
