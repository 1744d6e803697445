package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// beginTagsFirst says that tags are removed before their manifests from here on: durably, so
// that another run knows which tags this one may have removed.
func (r *run) beginTagsFirst() error {
	r.journal.add(entry{TagsFirst: true})
	err := r.journal.sync()
	if err == nil {
		r.tagsFirst.Store(true)
	}
	return err
}

// canGetTagsBack reports whether a manifest that has lost a tag can get it back: what is pushed under
// a tag, registries know by its sha256 digest.
func canGetTagsBack(dgst regret.Digest) bool { return dgst.Algorithm() == digest.Canonical }

// deleteTagsFirst deletes a manifest where the registry refuses to delete what a tag points
// to: first its tags, each while it points to the manifest, then the manifest. If that is
// refused after all, or the run ends before, the tags are put back, also those that an
// earlier run has removed.
func (r *run) deleteTagsFirst(ctx, writing context.Context, result Result, tags, removed []string) Result {
	for _, tag := range tags {
		if r.limiter.Wait(ctx) != nil {
			return r.putBack(writing, result, removed)
		}
		off, err := r.removeTag(writing, result.Digest, tag, r.Untag)
		if off || mayBeOff(err) {
			removed = append(removed, tag)
		}
		if err != nil {
			result = r.refusal(writing, result, err)
			if result.Kind == regret.ErrTagDeleteUnsupported {
				r.stop(fmt.Errorf("the registry deletes no manifest that has a tag, and no tags: %w", err))
			}
			return r.putBack(writing, result, removed)
		}
	}
	if r.limiter.Wait(ctx) != nil {
		return r.putBack(writing, result, removed)
	}
	switch reason, err := r.holds(ctx, result.Digest); { // a tag may have been found elsewhere meanwhile
	case err != nil:
		return r.putBack(writing, r.notTaken(ctx, result, err), removed)
	case reason != "":
		return r.putBack(writing, result.stale(reason), removed)
	}
	result = r.settleDeletion(writing, result, r.DeleteManifest(writing, r.header.Repository, result.Digest))
	switch {
	case result.Status == AlreadyGone && len(removed) > 0: // the registry deletes a manifest with its last tag
		result.Status = Deleted
	case result.Status == Refused, result.Status == Failed:
		return r.putBack(writing, result, removed)
	}
	return result
}

// removedBefore returns the tags that an earlier run may have removed without putting them
// back.
func (r *run) removedBefore(step *plan.Step, i int, still []string) []string {
	if !r.history.tagsFirst || !r.history.hasTried(i) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(step.Tags), func(tag string) bool { return slices.Contains(still, tag) })
}

// removeTag removes a tag, unless it is gone or points to another manifest by now. It reports
// whether it did.
func (r *run) removeTag(writing context.Context, dgst regret.Digest, tag string, remove func(ctx context.Context, repository, tag string) error) (bool, error) {
	if at, err := r.find(writing, tag, dgst); err != nil || at != dgst {
		return false, err
	}
	err := remove(writing, r.header.Repository, tag)
	if !isNotFound(err) {
		return err == nil, err
	}
	at, looked := r.find(writing, tag, dgst)
	if looked == nil && at == dgst {
		return false, &deniedError{err}
	}
	return false, looked
}

// mayBeOff reports whether a tag may be gone although its removal failed: a proxy may answer 503 for
// a request that the registry has carried out. Putting it back begins with a look.
func mayBeOff(err error) bool { return err != nil && !isNo(err) }

// putBack restores tags that were removed in vain.
func (r *run) putBack(writing context.Context, result Result, tags []string) Result {
	if len(tags) == 0 {
		return result
	}
	m, err := r.archive.Manifest(writing, result.Digest)
	var lost []string
	for _, tag := range tags {
		if failure := r.putTagBack(writing, tag, m, err); failure != nil {
			err = failure
			lost = append(lost, tag)
		}
	}
	if len(lost) > 0 {
		result.Reason += fmt.Sprintf("; its tags %q were removed and could not be put back: %v", lost, err)
		r.lose(result.Digest, lost)
	}
	return result
}

// putTagBack puts a manifest under a tag, unless there is something by now.
func (r *run) putTagBack(writing context.Context, tag string, m *regret.Manifest, err error) error {
	if m == nil {
		return err
	}
	if at, err := r.find(writing, tag, m.Descriptor.Digest); err != nil || at != "" {
		return err
	}
	return r.PutManifest(writing, r.header.Repository, tag, m)
}
