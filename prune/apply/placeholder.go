package apply

import (
	"context"
	"errors"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// removePlaceholder removes a tag if it points to what [regret.Client.UntagByOverwrite] leaves
// when it is interrupted. It reports whether it did.
func (r *run) removePlaceholder(writing context.Context, tag string) (removed bool, err error) {
	m, err := r.Manifest(writing, r.header.Repository, tag)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		return false, nil
	case err != nil || !trash.IsPlaceholder(m.Raw):
		return false, err
	}
	if err := r.limiter.Wait(writing); err != nil {
		return false, err
	}
	if err := r.DeleteManifest(writing, r.header.Repository, m.Descriptor.Digest); err != nil && !isNotFound(err) {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guard.DropTag(tag)
	return true, nil
}

// finishOverwriting is removePlaceholder for a tag that a look has just found elsewhere or gone.
func (r *run) finishOverwriting(writing context.Context, tag string) (removed bool, err error) {
	r.mu.Lock()
	_, isElsewhere := r.guard.Tag(tag)
	r.mu.Unlock()
	if !isElsewhere {
		return false, nil
	}
	return r.removePlaceholder(writing, tag)
}
