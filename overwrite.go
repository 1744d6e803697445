package regret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// rollbackTime limits how long a rollback may take after the caller's context has
// ended.
const rollbackTime = 15 * time.Second

// placeholderAnnotation holds the random text that makes every placeholder unique.
const placeholderAnnotation = "com.github.seed-8cb7cc86.regret.placeholder"

// UntagByOverwrite removes one tag at a registry that deletes by digest only, such
// as distribution 2: it overwrites the tag with a placeholder, an empty index that
// does not exist anywhere else, and deletes the placeholder by its digest. The
// original manifest stays, under its digest and its other tags, and so do the
// children of an index. [Client.Untag] never falls back to this; prefer Untag wherever
// it works.
//
// Before it changes the tag, UntagByOverwrite checks with [Client.CheckDelete]
// whether deletion is allowed, and pushes the original under its own digest, which
// changes nothing but shows that the original could be restored. It also checks
// which of the other tags that this client has resolved to the original still point
// to it, and whether the tag itself does. If the deletion fails, it rolls the tag
// back to the original, for at most 15 seconds after ctx has ended. The error says
// what the tag points to then; the placeholder may be left without a tag.
//
// Some registries, such as zot, remove a manifest and the children of an index when
// their last tag is overwritten. At a registry that deletes tags, UntagByOverwrite
// therefore tries that out with the placeholder and a temporary tag, unless another tag
// is known to point to the original. If the registry does so, the temporary tag holds the
// original meanwhile. It is named regret-keep- and random text, and removed at the end.
// An error names it if it may be left; remove it with Untag. UntagByOverwrite also reads the children of an index first,
// and those of indexes in it, to be able to restore them: up to a depth of 8, 10,000
// manifests and 64 MiB. An index that exceeds this is [ErrTooLarge], and nothing is
// changed.
//
// If another client pushes the tag after the overwrite, UntagByOverwrite detects
// that, leaves the tag alone and returns [ErrStillPresent]. It cannot detect a push
// between its last check and the overwrite, because registries have no conditional
// PUT; the manifest of that push then stays without the tag, and in zot it is removed. The
// same applies to the moment before a rollback. Nor can it detect errors of the registry between finding
// the tags of a digest and removing them.
//
// At the end it reads that the tag is gone, and that the original and all manifests
// below it still exist; otherwise there is an error. If the registry has removed some of
// them, it restores them, children first, and after the original those other tags; it
// logs their names at level Info. That also reverts deletions by other clients in the
// meantime.
//
// A tag whose manifest is gone, but which the registry still lists, is removed in the
// same way. Then there is no original to hold, to roll back to or to restore.
//
// Errors: [ErrInvalid], [ErrNotFound], those of [Client.CheckDelete],
// [Client.PutManifest] and [Client.DeleteManifest], [ErrStillPresent],
// [ErrOutcomeUnknown], [ErrTooLarge].
//
// Sends GET (end-3), DELETE (end-9), PUT (end-7), HEAD (end-3), PUT, DELETE and HEAD
// to /v2/<name>/manifests/…, and GET (end-8a) of the list of tags for a tag that has no
// manifest; see [deleting manifests].
//
// [deleting manifests]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (c *Client) UntagByOverwrite(ctx context.Context, repository, tag string) error {
	const op = "untag by overwrite"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	if err := grammar.Tag(tag); err != nil {
		return invalid(op, repository, clip(tag), "%w", err)
	}
	mark := rand.Text()
	o := &overwrite{client: c, op: op, repository: repository, tag: tag, placeholder: newPlaceholder(mark), mark: mark}
	if err := o.readOriginal(ctx); err != nil {
		return err
	}
	extended, cancel := withGracePeriod(ctx)
	defer cancel()
	if err := o.prepare(ctx, extended); err != nil {
		return o.release(extended, err)
	}
	if err := o.run(ctx, extended); err != nil {
		return err
	}
	c.seen.DropTag(repository, tag)
	return nil
}

// overwrite is the state of one call of UntagByOverwrite.
type overwrite struct {
	client          *Client
	op              string
	repository, tag string
	original        *Manifest   // nil if the tag points to nothing
	contents        []*Manifest // all manifests below the original, children before their indexes
	otherTags       []string    // other tags that point to the original
	temporary       string      // the temporary tag that holds the original; empty if there is none
	placeholder     *Manifest
	mark            string // the random text in the placeholder
	removalTried    bool   // the removal of the temporary tag was tried once, and is not repeated
	stray           bool   // the registry may have the placeholder without a tag
}

// newPlaceholder returns an empty index that is unique because it contains mark.
func newPlaceholder(mark string) *Manifest {
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[],"annotations":{"` +
		ocispec.AnnotationDescription + `":"placeholder for a tag that is being removed","` + placeholderAnnotation + `":"` + mark + `"}}`)
	return &Manifest{Raw: raw, Descriptor: Descriptor{
		MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}}
}

// readOriginal reads what the tag points to. Some registries have tags whose manifest is
// gone: distribution keeps them if a deletion was interrupted. Such a tag is not found,
// but listed.
func (o *overwrite) readOriginal(ctx context.Context) error {
	original, failure := o.client.fetchManifest(ctx, o.op, o.repository, o.tag, "")
	switch {
	case failure == nil:
		o.original = original
		return o.readContents(ctx)
	case !errors.Is(failure, ErrNotFound), errors.Is(failure, CodeNameUnknown):
		return failure
	}
	listed, err := o.isListed(ctx)
	switch {
	case err != nil:
		return o.annotate(failure, "whether the tag is still listed could not be checked: %v", err)
	case !listed:
		return failure
	}
	return nil
}

// isListed reports whether the list of tags contains the tag.
func (o *overwrite) isListed(ctx context.Context) (bool, error) {
	for tag, err := range o.client.tags(ctx, o.repository) {
		switch {
		case errors.Is(err, ErrNotFound), // the repository may be gone with its last tag
			errors.Is(err, ErrInvalidEntries): // the list is otherwise complete
			return false, nil
		case err != nil || tag == o.tag:
			return err == nil, err
		}
	}
	return false, nil
}

// prepare makes all checks that are possible before the tag is overwritten.
func (o *overwrite) prepare(ctx, extended context.Context) error {
	if err := o.client.CheckDelete(ctx, o.repository); err != nil {
		return o.annotate(err, "nothing was changed")
	}
	var want Digest
	if o.original != nil {
		want = o.original.Descriptor.Digest
		// The original already exists under its digest. Pushing it there changes nothing,
		// but fails if restoring it would fail, for example because a layer is gone. In
		// Gitea it also keeps the original when its last tag goes.
		if err := o.client.PutManifest(ctx, o.repository, string(want), o.original); err != nil {
			return o.annotate(err, "nothing was changed, because the original could not be restored if the deletion failed")
		}
		if err := o.findOtherTags(ctx); err != nil {
			return err
		}
		if err := o.holdOriginal(ctx, extended); err != nil {
			return err
		}
	}
	current, err := o.resolveTag(ctx)
	if err != nil && (o.original != nil || !errors.Is(err, ErrNotFound)) {
		return o.annotate(err, "nothing was changed")
	}
	if current != want {
		return o.annotate(&Error{Kind: ErrStillPresent}, "nothing was changed, because another client pushed the tag in the meantime")
	}
	return nil
}

// findOtherTags collects those tags that this client once resolved to the original
// and that still point to it. They must still do so at the end.
func (o *overwrite) findOtherTags(ctx context.Context) error {
	for _, other := range o.client.seen.TagsOf(o.repository, o.original.Descriptor.Digest) {
		if other == o.tag {
			continue
		}
		switch current, err := o.client.ResolveDigest(ctx, o.repository, other); {
		case errors.Is(err, ErrNotFound):
			o.client.seen.DropTag(o.repository, other)
		case err != nil:
			return o.annotate(err, "nothing was changed")
		case current == o.original.Descriptor.Digest:
			o.otherTags = append(o.otherTags, other)
		}
	}
	return nil
}

// run overwrites the tag with the placeholder and deletes the placeholder. What follows
// the overwrite may use extended, a context that ends later than ctx.
func (o *overwrite) run(ctx, extended context.Context) error {
	dgst := o.placeholder.Descriptor.Digest
	if err := o.client.PutManifest(ctx, o.repository, o.tag, o.placeholder); err != nil {
		if !errors.Is(err, ErrOutcomeUnknown) || ctx.Err() != nil {
			return o.rollBack(extended, err)
		}
		if current, resolveErr := o.resolveTag(ctx); resolveErr != nil || current != dgst {
			return o.rollBack(extended, err)
		}
	}
	if err := o.client.DeleteManifest(ctx, o.repository, dgst); err != nil {
		if _, resolveErr := o.resolveTag(ctx); !errors.Is(resolveErr, ErrNotFound) {
			return o.rollBack(extended, err)
		}
	}
	o.stray = false
	return o.confirm(ctx, extended)
}

// resolveTag returns the digest that the tag points to.
func (o *overwrite) resolveTag(ctx context.Context) (Digest, error) {
	return o.client.ResolveDigest(ctx, o.repository, o.tag)
}

// confirm checks that the tag is gone and that the original and all manifests below it
// still exist.
func (o *overwrite) confirm(ctx, extended context.Context) error {
	current, err := o.resolveTag(ctx)
	switch {
	case err == nil && current == o.placeholder.Descriptor.Digest:
		return o.rollBack(extended, &Error{Kind: ErrStillPresent})
	case err == nil:
		return o.release(extended, o.annotate(&Error{Kind: ErrStillPresent},
			"the tag now points to %s, which another client pushed; %s", current, o.checkOriginal(extended)))
	case !errors.Is(err, ErrNotFound):
		return o.annotate(&Error{Kind: ErrOutcomeUnknown, Err: err},
			"%s", joinHints(o.temporaryStays(), "the registry accepted the deletion, but whether the tag is gone could not be checked"))
	case o.original == nil:
		return o.confirmUnlisted(ctx)
	}
	released := o.release(extended, nil)
	if hint, err := o.ensureOriginal(extended); err != nil {
		return o.annotate(err, "%s", joinHints("the tag is gone", o.temporaryStays(), hint))
	}
	return released
}

// confirmUnlisted checks that a tag that pointed to nothing is no longer listed.
func (o *overwrite) confirmUnlisted(ctx context.Context) error {
	switch listed, err := o.isListed(ctx); {
	case err != nil:
		return o.annotate(&Error{Kind: ErrOutcomeUnknown, Err: err}, "the tag points to nothing; whether it is gone from the list of tags is not known")
	case listed:
		return o.annotate(&Error{Kind: ErrStillPresent}, "the tag points to nothing, but is still listed")
	}
	return nil
}

// withGracePeriod returns a context that outlives ctx by rollbackTime, to undo changes
// even if the caller no longer waits.
func withGracePeriod(ctx context.Context) (context.Context, context.CancelFunc) {
	extended, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(rollbackTime, cancel)
		context.AfterFunc(extended, func() { timer.Stop() })
	})
	return extended, func() { stop(); cancel() }
}

// annotate adds the names and a hint about the resulting state to a failure.
func (o *overwrite) annotate(failure error, format string, args ...any) error {
	return annotate(failure, func(e *Error) {
		e.Op, e.Repository, e.Reference = o.op, o.repository, o.tag
		e.Hint = joinHints(fmt.Sprintf(format, args...), e.Hint)
	})
}
