package undo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
)

// levels groups the manifests that are to be pushed, so that each comes after what it lists
// and what it refers to.
func (r *restoring) levels() [][]int {
	depths := make([]int, len(r.objects))
	var levels [][]int
	for i := range r.objects {
		if r.resultOf(i).Status != "" {
			continue
		}
		depth := r.depth(i, depths)
		for len(levels) < depth {
			levels = append(levels, nil)
		}
		levels[depth-1] = append(levels[depth-1], i)
	}
	return levels
}

// depth returns one more than the greatest depth of what a manifest needs first. There are no
// circles, because a digest cannot be known before the content that it is of.
func (r *restoring) depth(i int, depths []int) int {
	if depths[i] != 0 {
		return depths[i]
	}
	depths[i] = 1
	deepest := 0
	for _, first := range r.first(&r.objects[i].content) {
		if r.resultOf(first).Status == "" {
			deepest = max(deepest, r.depth(first, depths))
		}
	}
	depths[i] = deepest + 1
	return depths[i]
}

// first returns what is to be pushed before a manifest.
func (r *restoring) first(c *content) []int {
	var objects []int
	links := c.Manifests
	if c.Subject != nil {
		links = append(slices.Clone(links), *c.Subject)
	}
	for _, l := range links {
		if i, ok := r.place[l.Digest]; ok {
			objects = append(objects, i)
		}
	}
	return objects
}

// bringBack pushes a manifest, after its configuration.
func (r *restoring) bringBack(ctx context.Context, i int) {
	o := &r.objects[i]
	result := r.checkListed(o)
	if result.Status != "" {
		r.settle(i, result)
		return
	}
	result.Status = Restored
	if err := r.push(ctx, o); err != nil {
		failed := failure(err)
		failed.Lacks, failed.Reason = result.Lacks, result.Reason
		result = failed
	}
	r.settle(i, result)
}

// checkListed checks what became of the manifests that a manifest lists. The status is empty
// if it is to be pushed.
func (r *restoring) checkListed(o *object) Result {
	lacks, gone := slices.Clone(o.lacks), Result{Status: Lost}
	for _, child := range o.content.Manifests {
		i, ours := r.place[child.Digest]
		if !ours {
			continue
		}
		switch listed := r.resultOf(i); {
		case listed.Status == Lost || listed.Status == Refused:
			lacks = append(lacks, child.Digest)
			if listed.Status == Refused {
				gone.Status, gone.Err = Refused, listed.Err
			}
		case !listed.Status.IsBack():
			return Result{Status: NotAttempted, Lacks: []regret.Digest{child.Digest}, Reason: "something that it lists could not be restored; restore again", Err: listed.Err}
		}
	}
	slices.Sort(lacks)
	lacks = slices.Compact(lacks)
	switch n := len(lacks); {
	case n == 0:
		return Result{}
	case n == o.content.listed():
		gone.Lacks, gone.Reason = lacks, "nothing of what it lists is there"
		return gone
	default:
		return Result{Lacks: lacks, Reason: fmt.Sprintf("%d of the %d manifests that it lists are not there", n, o.content.listed())}
	}
}

// push sends a configuration and a manifest.
func (r *restoring) push(ctx context.Context, o *object) error {
	if r.DryRun {
		return nil
	}
	if o.config != "" {
		data, err := r.archive.blob(ctx, o.config)
		if err != nil {
			return err
		}
		if err := r.writer.PutBlob(ctx, r.repository, o.config, data); err != nil {
			return err
		}
	}
	m, err := r.archive.Manifest(ctx, o.digest)
	if err != nil {
		return err
	}
	return r.writer.PutManifest(ctx, r.repository, o.digest.String(), m)
}

// restoreTag makes a tag point to its manifest, unless it points elsewhere by now.
func (r *restoring) restoreTag(ctx context.Context, i int) {
	t := r.tags[i]
	switch m := r.resultOf(t.object); {
	case m.Status == Lost || m.Status == Refused:
		r.settleTag(i, Result{Status: m.Status, Reason: "its manifest is not there", Err: m.Err})
		return
	case !m.Status.IsBack():
		r.settleTag(i, Result{Status: NotAttempted, Reason: "its manifest could not be restored; restore again", Err: m.Err})
		return
	}
	want := r.objects[t.object].digest
	there, err := r.writer.Resolve(ctx, r.repository, t.name)
	switch {
	case errors.Is(err, regret.ErrNotFound):
		r.settleTag(i, r.putTag(ctx, t.name, want, Result{Status: Restored}))
	case err != nil:
		r.settleTag(i, failure(err))
	case there.Digest == want:
		r.settleTag(i, Result{Status: AlreadyThere})
	case isListTag(t.name):
		r.settleTag(i, r.joinList(ctx, t.name, want))
	default:
		r.settleTag(i, r.moveTag(ctx, t.name, want, there))
	}
}

// moveTag moves a tag that points elsewhere, if that is allowed, or if it points to nothing
// that anybody needs: to what an interrupted UntagByOverwrite leaves.
func (r *restoring) moveTag(ctx context.Context, name string, want regret.Digest, there regret.Descriptor) Result {
	found := there.Digest
	if r.Move {
		return r.putTag(ctx, name, want, Result{Status: Moved, Found: found})
	}
	if there.MediaType == ocispec.MediaTypeImageIndex {
		if m, err := r.writer.Manifest(ctx, r.repository, string(found)); err == nil && trash.IsPlaceholder(m.Raw) {
			return r.putTag(ctx, name, want, Result{Status: Restored, Found: found})
		}
	}
	return Result{Status: Elsewhere, Found: found, Reason: "it points to " + string(found) + " by now"}
}

// putTag makes a tag point to a manifest of the archive. It returns the given result if that
// succeeds.
func (r *restoring) putTag(ctx context.Context, name string, want regret.Digest, result Result) Result {
	if r.DryRun {
		return result
	}
	m, err := r.archive.Manifest(ctx, want)
	if err != nil {
		return failure(err)
	}
	return r.put(ctx, name, m, result)
}

// put pushes a manifest under a tag. If the outcome is unknown, a look decides, and also if
// the digest is none of sha256: what is pushed under a tag, registries know by that.
func (r *restoring) put(ctx context.Context, name string, m *regret.Manifest, result Result) Result {
	err := r.writer.PutManifest(ctx, r.repository, name, m)
	unknown := errors.Is(err, regret.ErrOutcomeUnknown)
	if unknown || err == nil && m.Descriptor.Digest.Algorithm() != digest.Canonical {
		there, look := r.writer.Resolve(ctx, r.repository, name)
		switch {
		case look == nil && there.Digest == m.Descriptor.Digest:
			err = nil
		case look == nil && !unknown:
			return Result{Status: Refused, Found: there.Digest, Reason: "the registry knows it as " + string(there.Digest) + " under this tag"}
		case !unknown:
			err = look
		}
	}
	if err != nil {
		failed := failure(err)
		failed.Found = result.Found
		return failed
	}
	return result
}
