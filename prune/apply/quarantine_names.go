package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// prepare settles what is not taken, and keeps the names of the images that are. It is called
// after the first sweep, when nothing has been written yet.
func (q *trashing) prepare(ctx, writing context.Context) error {
	for i := range q.steps {
		reason, spared := q.spared[i]
		if !spared {
			continue
		}
		if result := q.report.Results[i]; result.Status == NotAttempted {
			result.Status, result.Reason = Spared, reason
			q.record(result)
		}
	}
	names, err := q.names()
	if err != nil || len(names) == 0 {
		return err
	}
	if err := q.probe(ctx); err != nil {
		return err
	}
	return q.keepNames(ctx, writing, names)
}

// names returns the indexes that keep the names of all images of the plan. There are none if
// all images are done.
func (q *trashing) names() ([]trash.Index, error) {
	var images []trash.Image
	left := false
	for i, tag := range q.tags {
		if tag != "" {
			images = append(images, trash.Image{Digest: q.steps[i].Digest, Tags: q.steps[i].OrdinaryTags()})
			left = left || !q.report.Results[i].Status.isDone()
		}
	}
	if !left {
		return nil, nil
	}
	return trash.Write(q.today, images)
}

// probe finds out whether the registry deletes by tag, with a tag that does not exist.
func (q *trashing) probe(ctx context.Context) error {
	if err := q.limiter.Wait(ctx); err != nil {
		return err
	}
	nothing := q.today.Names("0").String()
	err := q.Untag(ctx, q.header.Repository, nothing)
	switch {
	case err == nil, errors.Is(err, regret.ErrNotFound):
		return nil
	case !isNo(err):
		return fmt.Errorf("whether the registry deletes by tag is not known: %w", err)
	case q.mayOverwrite && !errors.Is(err, regret.ErrForbidden) && !errors.Is(err, regret.ErrUnauthorized):
		q.overwrite = true
		return nil
	case errors.Is(err, regret.ErrTagDeleteUnsupported):
		return fmt.Errorf("%w, because it does not delete by tag; set Overwrite to remove tags by overwriting them: %w", ErrNoQuarantine, err)
	}
	return fmt.Errorf("%w: %w", ErrNoQuarantine, err)
}

// keepNames puts the indexes that keep names. The first is removed and put again, to see that
// the registry removes tags, and takes them back. Once images are in the trash, that was seen,
// and their names must stay.
func (q *trashing) keepNames(ctx, writing context.Context, names []trash.Index) error {
	tried := false
	for tag := range q.found {
		t, _ := trash.Parse(tag)
		tried = tried || t.Manifest != ""
	}
	for i, index := range names {
		there, stands := q.found[index.Tag]
		if stands && there != index.Manifest.Descriptor.Digest {
			removed, err := q.removePlaceholder(writing, index.Tag)
			if err != nil {
				return err
			}
			stands = !removed
		}
		if stands && there != index.Manifest.Descriptor.Digest {
			return fmt.Errorf("%w: the tag %s points to %s, which is not what this plan puts there; if it is not needed, delete it", ErrNoQuarantine, index.Tag, there)
		}
		if !stands {
			if err := q.putNames(ctx, writing, index, "put"); err != nil {
				return err
			}
		}
		if i > 0 || tried {
			continue
		}
		if err := q.tryRemoval(ctx, writing, index.Tag); err != nil {
			return err
		}
		if err := q.putNames(ctx, writing, index, "put again"); err != nil {
			return err
		}
	}
	return nil
}

// putNames puts an index that keeps names.
func (q *trashing) putNames(ctx, writing context.Context, index trash.Index, what string) error {
	if err := q.limiter.Wait(ctx); err != nil {
		return err
	}
	err := q.putTag(writing, index.Tag, index.Manifest)
	if err == nil {
		return nil
	}
	return annotateTrial(err, fmt.Sprintf("the tag %s could not be %s", index.Tag, what))
}

// tryRemoval removes a tag that was put.
func (q *trashing) tryRemoval(ctx, writing context.Context, tag string) error {
	if err := q.limiter.Wait(ctx); err != nil {
		return err
	}
	if err := q.remove(writing, q.header.Repository, tag); err != nil && !errors.Is(err, regret.ErrNotFound) {
		return annotateTrial(err, fmt.Sprintf("the tag %s could not be removed again, and is left; it keeps names and holds nothing", tag))
	}
	switch at, err := q.where(writing, tag); {
	case err != nil:
		return fmt.Errorf("whether the tag %s is gone is not known: %w", tag, err)
	case at != "":
		return fmt.Errorf("%w: the tag %s is still there after it was removed", ErrNoQuarantine, tag)
	}
	return nil
}

// annotateTrial says what failed, and that there is no quarantine if the registry refused it.
func annotateTrial(err error, what string) error {
	if isNo(err) {
		return fmt.Errorf("%w: %s: %w", ErrNoQuarantine, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// isNo reports whether the registry refused something for good.
func isNo(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	if !ok {
		return false
	}
	switch e.Kind {
	case regret.ErrRateLimited, regret.ErrUnavailable, regret.ErrOutcomeUnknown, regret.ErrNotRegistry:
		return false
	case regret.ErrStillPresent:
		return true
	}
	return 400 <= e.StatusCode && e.StatusCode < 500
}

// remove removes a tag.
func (q *trashing) remove(writing context.Context, repository, tag string) error {
	if q.overwrite {
		return q.UntagByOverwrite(writing, repository, tag)
	}
	return q.Untag(writing, repository, tag)
}

// removePlaceholder removes a tag if an earlier run has been interrupted while it overwrote it.
func (q *trashing) removePlaceholder(writing context.Context, tag string) (removed bool, err error) {
	if !q.overwrite {
		return false, nil
	}
	return q.run.removePlaceholder(writing, tag)
}

// putTag puts a manifest under a tag. If the outcome is unknown, a look decides.
func (q *trashing) putTag(writing context.Context, tag string, m *regret.Manifest) error {
	err := q.PutManifest(writing, q.header.Repository, tag, m)
	if errors.Is(err, regret.ErrOutcomeUnknown) {
		if at, looked := q.where(writing, tag); looked == nil && at == m.Descriptor.Digest {
			return nil
		}
	}
	return err
}
