package undo

import (
	"context"
	"errors"
	"slices"

	"github.com/seed-8cb7cc86/regret"
)

// restoreImage gives an image its names back, and then takes it out of the trash.
func (r *trashRestoring) restoreImage(ctx context.Context, image *trashedImage) {
	back := make(map[string]bool)
	var content *regret.Manifest // of the image, once it is needed
	for i, name := range image.names {
		if image.results[i].Status == "" {
			result := r.restoreName(ctx, image.digest, name, &content)
			if ctx.Err() != nil && !result.Status.IsBack() {
				return
			}
			result.Digest, result.Tag = image.digest, name
			image.results[i] = result
		}
		back[name] = image.results[i].Status.IsBack()
		r.report(image.results[i])
	}
	for _, t := range image.tags {
		switch {
		case len(t.names) == 0:
			r.settleTag(t, Result{Status: Lost, Reason: namesLost})
		case slices.ContainsFunc(t.names, func(name string) bool { return !back[name] }):
			r.settleTag(t, Result{Status: NotAttempted, Reason: "the image stays in the trash, because not all of its names are back"})
		default:
			r.settleTag(t, r.takeOff(ctx, t.name))
		}
	}
}

// namesLost is why an image stays in the trash.
const namesLost = "no index has the names that the image had: restore them from the archive, or push it under a name"

// restoreName makes a tag point to an image again.
func (r *trashRestoring) restoreName(ctx context.Context, dgst regret.Digest, name string, content **regret.Manifest) Result {
	there, err := r.writer.Resolve(ctx, r.repository, name)
	result, placeholder := Result{Status: Restored}, false
	switch {
	case errors.Is(err, regret.ErrNotFound):
	case err != nil:
		return failure(err)
	case there.Digest == dgst:
		return Result{Status: AlreadyThere}
	default:
		if placeholder, err = r.isPlaceholder(ctx, there.Digest); err != nil {
			return failure(err)
		}
		switch {
		case placeholder:
		case r.Move:
			result = Result{Status: Moved, Found: there.Digest}
		default:
			return Result{Status: Elsewhere, Found: there.Digest, Reason: "it points to " + string(there.Digest) + " by now"}
		}
	}
	if r.DryRun {
		return result
	}
	if placeholder {
		if err := r.deletePlaceholder(ctx, there.Digest); err != nil {
			return failure(err)
		}
	}
	if *content == nil {
		m, err := r.writer.Manifest(ctx, r.repository, string(dgst))
		if err != nil {
			return failure(err)
		}
		*content = m
	}
	if err := r.put(ctx, name, *content); err != nil {
		failed := failure(err)
		failed.Found = result.Found
		return failed
	}
	return result
}

// deletePlaceholder deletes what UntagByOverwrite has left, with its tag.
func (r *trashRestoring) deletePlaceholder(ctx context.Context, dgst regret.Digest) error {
	err := r.writer.DeleteManifest(ctx, r.repository, dgst)
	if errors.Is(err, regret.ErrNotFound) {
		return nil
	}
	return err
}

// finishRemoval removes a tag of the trash whose removal was interrupted. Its image has its
// names back since then.
func (r *trashRestoring) finishRemoval(ctx context.Context, t *trashTag) {
	if t.placeholder == "" {
		return
	}
	result := Result{Status: Removed}
	if !r.DryRun {
		if err := r.deletePlaceholder(ctx, t.placeholder); err != nil {
			result = failure(err)
		}
	}
	r.settleTag(t, result)
}

// put pushes an image under a tag. If the outcome is unknown, a look decides.
func (r *trashRestoring) put(ctx context.Context, name string, m *regret.Manifest) error {
	err := r.writer.PutManifest(ctx, r.repository, name, m)
	if errors.Is(err, regret.ErrOutcomeUnknown) {
		if there, look := r.writer.Resolve(ctx, r.repository, name); look == nil && there.Digest == m.Descriptor.Digest {
			return nil
		}
	}
	return err
}

// takeOff takes a tag of the trash off an image that has its names back.
func (r *trashRestoring) takeOff(ctx context.Context, tag string) Result {
	if r.DryRun {
		return Result{Status: Removed}
	}
	err := r.writer.Untag(ctx, r.repository, tag)
	if r.Overwrite && errors.Is(err, regret.ErrTagDeleteUnsupported) {
		err = r.writer.UntagByOverwrite(ctx, r.repository, tag)
	}
	if err == nil || errors.Is(err, regret.ErrNotFound) {
		return Result{Status: Removed}
	}
	result := failure(err)
	result.Reason = "the image has its names back, and keeps this tag beside them"
	if errors.Is(err, regret.ErrTagDeleteUnsupported) {
		result.Reason += "; set Overwrite to remove it"
	}
	return result
}

// deleteIndex deletes an index of names if no image is left in the trash that it names.
func (r *trashRestoring) deleteIndex(ctx context.Context, index *namesIndex) {
	if index.result.Status != "" {
		return
	}
	if slices.ContainsFunc(r.tags, index.isNeededFor) {
		r.settleIndex(index, Result{Status: NotAttempted, Reason: "an image is left in the trash that it keeps the names of"})
		return
	}
	if r.DryRun {
		r.settleIndex(index, Result{Status: Removed})
		return
	}
	// First its tag: Google's registries want that, and others leave the tag of a manifest that
	// is deleted. Then the index, which some registries delete with its tag.
	untagged := r.writer.Untag(ctx, r.repository, index.name)
	if untagged != nil && !errors.Is(untagged, regret.ErrNotFound) && !errors.Is(untagged, regret.ErrTagDeleteUnsupported) {
		r.settleIndex(index, unneeded(untagged))
		return
	}
	result := Result{Status: Removed}
	err := r.writer.DeleteManifest(ctx, r.repository, index.digest)
	switch {
	case err == nil, errors.Is(err, regret.ErrNotFound):
	case errors.Is(untagged, regret.ErrTagDeleteUnsupported):
		result = unneeded(err)
	default:
		result.Reason = "it is left without a tag, because it could not be deleted: " + err.Error()
	}
	r.settleIndex(index, result)
}

// unneeded returns the result of an index of names that could not be deleted.
func unneeded(err error) Result {
	result := failure(err)
	result.Reason = "it holds nothing, and its names are not needed any more"
	return result
}

// isNeededFor reports whether a tag of the trash may stay and need the index.
func (index *namesIndex) isNeededFor(t *trashTag) bool {
	switch {
	case t.Run() != index.Run() || t.result.Status == Removed:
		return false
	case t.digest == "": // what it points to is not known, or gone
		return t.result.Status != Lost
	}
	return len(index.images[t.digest]) > 0
}
