package apply

import (
	"context"
	"fmt"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// untag takes tags off a manifest that stays, each while it points to the manifest and another
// tag does that is to stay.
func (r *run) untag(ctx, writing context.Context, result Result, step *plan.Step) Result {
	if !r.archive.Has(step.Digest) {
		return r.leaveUnarchived(ctx, result)
	}
	removed := 0
	for _, tag := range step.Untag {
		if err := r.limiter.Wait(ctx); err != nil {
			return result.partly(removed, err)
		}
		reason, there, err := r.lookBeforeUntag(ctx, step, tag)
		switch {
		case err != nil && ctx.Err() != nil:
			return result.partly(removed, err)
		case err != nil:
			return r.notTaken(ctx, result, err).partly(removed, nil)
		case reason != "":
			result = result.stale(reason)
			continue
		}
		off, err := r.takeOff(writing, step, tag, there)
		if err != nil {
			return r.refusal(writing, result, err).partly(removed, nil)
		}
		if !off {
			continue
		}
		removed++
		r.mu.Lock()
		r.guard.DropTag(tag)
		r.mu.Unlock()
	}
	switch {
	case result.Status == Stale:
		return result.partly(removed, nil)
	case removed > 0, r.history.mayHaveTaken(result.Step):
		result.Status = Untagged
	default:
		result.Status = AlreadyGone
	}
	return result
}

// takeOff takes a tag off, if it is there. If not, an earlier run may have been interrupted while it
// overwrote the tag.
func (r *run) takeOff(writing context.Context, step *plan.Step, tag string, there bool) (off bool, err error) {
	switch {
	case there && step.Overwrite:
		return r.removeTag(writing, step.Digest, tag, r.UntagByOverwrite)
	case there:
		return r.removeTag(writing, step.Digest, tag, r.Untag)
	case step.Overwrite:
		return r.finishOverwriting(writing, tag)
	}
	return false, nil
}

// partly says how many tags are off where not all are. With an error, it returns the result of
// a step that was interrupted.
func (r Result) partly(removed int, interrupted error) Result {
	if removed == 0 {
		return r
	}
	if interrupted != nil {
		r = r.failed(interrupted)
	}
	r.Reason += fmt.Sprintf("; %d of %d tags were taken off", removed, len(r.Tags))
	return r
}

// lookBeforeUntag looks whether a tag still points to a manifest, and if so, whether there is
// a reason to leave it.
func (r *run) lookBeforeUntag(ctx context.Context, step *plan.Step, tag string) (reason string, there bool, err error) {
	if err := r.lookAtOwners(ctx, step); err != nil {
		return "", false, err
	}
	if err := r.lookAtWholes(ctx, step); err != nil {
		return "", false, err
	}
	still, err := r.look(ctx, step.Digest, []string{tag})
	if err != nil || len(still) == 0 {
		return "", false, err
	}
	reason, others, err := r.holdsTag(ctx, step, tag)
	if err != nil || reason != "" {
		return reason, true, err
	}
	for _, other := range others {
		if still, err := r.look(ctx, step.Digest, []string{other}); err != nil || len(still) > 0 {
			return "", true, err
		}
	}
	return "no other tag that stays points to it any more, and the last one is never removed", true, nil
}

// holdsTag returns the reason why a tag must stay, or the other tags of which one must be left. It
// first reads what another step may have failed to read.
func (r *run) holdsTag(ctx context.Context, step *plan.Step, tag string) (reason string, others []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.learn(ctx); err != nil {
		return "", nil, err
	}
	if held, isHeld := r.guard.HoldsTag(step, tag); isHeld {
		return held.Text, nil, nil
	}
	return "", r.guard.Others(step, tag), nil
}
