package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// deleteTagsFirst deletes a manifest where the registry refuses to delete what a tag points
// to: first its tags, each while it points to the manifest, then the manifest. If that is
// refused after all, the tags are put back.
func (r *run) deleteTagsFirst(ctx context.Context, result Result, step *plan.Step) Result {
	still, err := r.look(ctx, step.Digest, step.Tags)
	if err != nil {
		return failure(result, err)
	}
	var removed []string
	for _, tag := range still {
		if err := r.untagUnmoved(ctx, step.Digest, tag); err != nil {
			result = r.refusal(result, err)
			if result.Kind == regret.ErrTagDeleteUnsupported {
				r.stop(fmt.Errorf("the registry deletes no manifest that has a tag, and no tags: %w", err))
			}
			return r.putBack(ctx, result, removed)
		}
		removed = append(removed, tag)
	}
	err = r.DeleteManifest(ctx, r.header.Repository, step.Digest)
	result = r.settle(ctx, result, err)
	switch {
	case result.Status == AlreadyGone && len(removed) > 0: // the registry deletes a manifest with its last tag
		result.Status, result.Bytes = Deleted, step.Bytes
	case result.Status == Refused:
		return r.putBack(ctx, result, removed)
	}
	return result
}

// untagUnmoved removes a tag. It fails if the tag points to another manifest by now.
func (r *run) untagUnmoved(ctx context.Context, dgst regret.Digest, tag string) error {
	d, err := r.Resolve(ctx, r.header.Repository, tag)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		return nil
	case err != nil:
		return err
	case d.Digest != dgst:
		return nil
	}
	if err := r.limiter.wait(ctx); err != nil {
		return err
	}
	return r.Untag(ctx, r.header.Repository, tag)
}

// putBack restores tags that were removed in vain.
func (r *run) putBack(ctx context.Context, result Result, tags []string) Result {
	if len(tags) == 0 {
		return result
	}
	m, err := r.archive.Manifest(ctx, result.Digest)
	for _, tag := range tags {
		if err != nil {
			break
		}
		if _, look := r.Resolve(ctx, r.header.Repository, tag); errors.Is(look, regret.ErrNotFound) {
			err = r.PutManifest(ctx, r.header.Repository, tag, m)
		}
	}
	if err != nil {
		result.Reason += fmt.Sprintf("; the tags %q were removed and could not be put back: %v; restore them from the archive", tags, err)
	}
	return result
}

// untag takes tags off a manifest that stays, each while it points to the manifest, and only
// while a tag that stays does, too: some registries delete a manifest with its last tag.
func (r *run) untag(ctx, writing context.Context, result Result, step *plan.Step) Result {
	still, err := r.look(ctx, step.Digest, step.Untag)
	if err != nil {
		return failure(result, err)
	}
	if len(still) == 0 {
		result.Status = AlreadyGone
		return result
	}
	staying := slices.DeleteFunc(slices.Clone(step.Tags), func(tag string) bool { return slices.Contains(step.Untag, tag) })
	left, err := r.look(ctx, step.Digest, staying)
	if err != nil {
		return failure(result, err)
	}
	if len(left) == 0 {
		result.Status, result.Reason = Stale, "no other tag points to it any more, and the last one is never removed"
		return result
	}
	for _, tag := range still {
		if err := r.limiter.wait(ctx); err != nil {
			return result
		}
		if step.Overwrite {
			err = r.UntagByOverwrite(writing, r.header.Repository, tag)
		} else {
			err = r.Untag(writing, r.header.Repository, tag)
		}
		if err != nil && !errors.Is(err, regret.ErrNotFound) {
			return r.refusal(result, err)
		}
		r.mu.Lock()
		r.guard.DropTag(tag)
		r.mu.Unlock()
	}
	result.Status = Untagged
	return result
}
