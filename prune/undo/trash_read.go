package undo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// read reads what is in the trash: which images, and what their names were.
func (r *trashRestoring) read(ctx context.Context) error {
	if err := r.list(ctx); err != nil {
		return err
	}
	g := newGroup(ctx, r.Concurrency)
	defer g.end()
	for _, index := range r.indexes {
		g.run(func(ctx context.Context) error {
			err := r.readIndex(ctx, index)
			if err != nil && r.writer == nil && ctx.Err() == nil {
				r.settleIndex(index, failure(err)) // only what is to be restored needs all names
				return nil
			}
			return err
		})
	}
	if err := g.wait(); err != nil {
		return err
	}
	r.each(ctx, len(r.tags), func(ctx context.Context, i int) { r.lookAt(ctx, r.tags[i]) })
	return context.Cause(ctx)
}

// list finds the tags of the trash.
func (r *trashRestoring) list(ctx context.Context) error {
	seen := make(map[string]bool)
	for name, err := range r.reader.Tags(ctx, r.repository) {
		if errors.Is(err, regret.ErrInvalidEntries) { // the list is otherwise complete
			break
		}
		if err != nil {
			return err
		}
		tag, ok := trash.Parse(name)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		if tag.Manifest == "" {
			r.indexes = append(r.indexes, &namesIndex{Tag: tag, name: name, result: Result{Tag: name}})
		} else {
			r.tags = append(r.tags, &trashTag{Tag: tag, name: name, result: Result{Tag: name}})
		}
	}
	slices.SortFunc(r.indexes, func(a, b *namesIndex) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(r.tags, func(a, b *trashTag) int { return strings.Compare(a.name, b.name) })
	return nil
}

// readIndex reads an index of names. Nothing can be restored without one that is there.
func (r *trashRestoring) readIndex(ctx context.Context, index *namesIndex) error {
	m, err := r.reader.Manifest(ctx, r.repository, index.name)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		r.settleIndex(index, Result{Status: Lost, Reason: "the tag points to nothing"})
		return nil
	case err != nil:
		return fmt.Errorf("the names of images in the trash cannot be read: %w", err)
	}
	index.digest = m.Descriptor.Digest
	images, err := trash.Read(index.name, m.Raw)
	if err != nil {
		r.settleIndex(index, Result{Status: Elsewhere, Reason: "it points to something that is no index of names of this tag, and is left there", Err: err})
		return nil
	}
	index.images = make(map[regret.Digest][]string, len(images))
	for _, image := range images {
		index.images[image.Digest] = image.Tags
	}
	return nil
}

// lookAt looks at what a tag of the trash points to.
func (r *trashRestoring) lookAt(ctx context.Context, t *trashTag) {
	d, err := r.reader.Resolve(ctx, r.repository, t.name)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		r.settleTag(t, Result{Status: Lost, Reason: "the image is gone"})
	case ctx.Err() != nil:
	case err != nil:
		r.settleTag(t, failure(err))
	case !strings.HasPrefix(d.Digest.Encoded(), t.Manifest):
		r.lookAtOther(ctx, t, d.Digest)
	default:
		t.digest = d.Digest
		t.result.Digest = d.Digest
	}
}

// lookAtOther looks at a tag of the trash that does not point to its image.
func (r *trashRestoring) lookAtOther(ctx context.Context, t *trashTag, found regret.Digest) {
	switch is, err := r.isPlaceholder(ctx, found); {
	case err != nil:
		r.settleTag(t, failure(err))
	case is:
		t.placeholder = found
	default:
		r.settleTag(t, Result{Status: Elsewhere, Found: found, Reason: "it points to another image than it is named after, and is left there"})
	}
}

// isPlaceholder reports whether a manifest is what UntagByOverwrite has left under a tag when
// it was interrupted.
func (r *trashRestoring) isPlaceholder(ctx context.Context, dgst regret.Digest) (bool, error) {
	m, err := r.reader.Manifest(ctx, r.repository, string(dgst))
	if errors.Is(err, regret.ErrNotFound) {
		return false, nil
	}
	return err == nil && trash.IsPlaceholder(m.Raw), err
}

func (r *trashRestoring) settleTag(t *trashTag, result Result) {
	result.Digest, result.Tag = t.digest, t.name
	t.result = result
	r.report(result)
}

func (r *trashRestoring) settleIndex(index *namesIndex, result Result) {
	result.Digest, result.Tag = index.digest, index.name
	index.result = result
	r.report(result)
}
