package regret

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
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
// original manifest stays, under its digest and its other tags. [Client.Untag] never
// falls back to this; prefer Untag wherever it works.
//
// Before it changes the tag, UntagByOverwrite checks with [Client.CheckDelete]
// whether deletion is allowed, and pushes the original under its own digest, which
// changes nothing but shows that the original could be restored. It also checks
// which of the other tags that this client has resolved to the original still point
// to it, and whether the tag itself does. If the deletion fails, it rolls the tag
// back to the original, for at most 15 seconds after ctx has ended. The error says
// what the tag points to then; the placeholder may be left without a tag.
//
// If another client pushes the tag after the overwrite, UntagByOverwrite detects
// that, leaves the tag alone and returns [ErrStillPresent]. It cannot detect a push
// between its last check and the overwrite, because registries have no conditional
// PUT; the manifest of that push then stays without the tag. The same applies to the
// moment before a rollback. Nor can it detect errors of the registry between finding
// the tags of a digest and removing them.
//
// At the end it checks that the tag is gone and the original still exists. If the
// registry has deleted the original as well, it restores the original under its
// digest and those other tags, which also reverts deletions by other clients in the
// meantime.
//
// Errors: [ErrInvalid], [ErrNotFound], those of [Client.CheckDelete],
// [Client.PutManifest] and [Client.DeleteManifest], [ErrStillPresent],
// [ErrOutcomeUnknown].
//
// Sends GET (end-3), DELETE (end-9), PUT (end-7), HEAD (end-3), PUT, DELETE and HEAD
// to /v2/<name>/manifests/…; see [deleting manifests].
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
	original, err := c.fetchManifest(ctx, op, repository, tag, "")
	if err != nil {
		return err
	}
	mark := rand.Text()
	o := &overwrite{client: c, op: op, repository: repository, tag: tag, original: original, placeholder: newPlaceholder(mark), mark: mark}
	if err := o.prepare(ctx); err != nil {
		return err
	}
	if err := o.run(ctx); err != nil {
		return err
	}
	c.seen.dropTag(repository, tag)
	return nil
}

// overwrite is the state of one call of UntagByOverwrite.
type overwrite struct {
	client                *Client
	op                    string
	repository, tag       string
	otherTags             []string // other tags that point to the original
	original, placeholder *Manifest
	mark                  string // the random text in the placeholder
}

// newPlaceholder returns an empty index that is unique because it contains mark.
func newPlaceholder(mark string) *Manifest {
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[],"annotations":{"` +
		ocispec.AnnotationDescription + `":"placeholder for a tag that is being removed","` + placeholderAnnotation + `":"` + mark + `"}}`)
	return &Manifest{Raw: raw, Descriptor: Descriptor{
		MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}}
}

// prepare makes all checks that are possible before the tag is overwritten.
func (o *overwrite) prepare(ctx context.Context) error {
	if err := o.client.CheckDelete(ctx, o.repository); err != nil {
		return o.annotate(err, "nothing was changed")
	}
	// The original already exists under its digest. Pushing it there changes nothing,
	// but fails if restoring it would fail, for example because a layer is gone.
	if err := o.client.PutManifest(ctx, o.repository, string(o.original.Descriptor.Digest), o.original); err != nil {
		return o.annotate(err, "nothing was changed, because the original could not be restored if the deletion failed")
	}
	if err := o.findOtherTags(ctx); err != nil {
		return err
	}
	current, err := o.resolveTag(ctx)
	if err != nil {
		return o.annotate(err, "nothing was changed")
	}
	if current != o.original.Descriptor.Digest {
		return o.annotate(&Error{Kind: ErrStillPresent}, "nothing was changed, because another client pushed the tag in the meantime")
	}
	return nil
}

// findOtherTags collects those tags that this client once resolved to the original
// and that still point to it. They must still do so at the end.
func (o *overwrite) findOtherTags(ctx context.Context) error {
	for _, other := range o.client.seen.tagsOf(o.repository, o.original.Descriptor.Digest) {
		if other == o.tag {
			continue
		}
		switch current, err := o.client.ResolveDigest(ctx, o.repository, other); {
		case errors.Is(err, ErrNotFound):
			o.client.seen.dropTag(o.repository, other)
		case err != nil:
			return o.annotate(err, "nothing was changed")
		case current == o.original.Descriptor.Digest:
			o.otherTags = append(o.otherTags, other)
		}
	}
	return nil
}

// run overwrites the tag with the placeholder and deletes the placeholder.
func (o *overwrite) run(ctx context.Context) error {
	dgst := o.placeholder.Descriptor.Digest
	if err := o.client.PutManifest(ctx, o.repository, o.tag, o.placeholder); err != nil {
		if !errors.Is(err, ErrOutcomeUnknown) || ctx.Err() != nil {
			return o.rollBack(ctx, err)
		}
		if current, resolveErr := o.resolveTag(ctx); resolveErr != nil || current != dgst {
			return o.rollBack(ctx, err)
		}
	}
	if err := o.client.DeleteManifest(ctx, o.repository, dgst); err != nil {
		if _, resolveErr := o.resolveTag(ctx); !errors.Is(resolveErr, ErrNotFound) {
			return o.rollBack(ctx, err)
		}
	}
	return o.confirm(ctx)
}

// resolveTag returns the digest that the tag points to.
func (o *overwrite) resolveTag(ctx context.Context) (Digest, error) {
	return o.client.ResolveDigest(ctx, o.repository, o.tag)
}

// rollBack points the tag to the original again if it points to the placeholder. It
// returns failure with a hint that describes the resulting state.
func (o *overwrite) rollBack(ctx context.Context, failure error) error {
	ctx, cancel := withGracePeriod(ctx)
	defer cancel()
	original, placeholder := o.original.Descriptor.Digest, o.placeholder.Descriptor.Digest
	current, err := o.resolveTag(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return o.annotate(failure, "the tag is gone; %s", o.checkOriginal(ctx))
	case err != nil:
		return o.annotate(failure, "what the tag points to is not known: the original %s, the placeholder %s or nothing", original, placeholder)
	case current == original && errors.Is(failure, ErrOutcomeUnknown):
		return o.annotate(failure, "the tag still points to the original, unless the attempt without a response takes effect later")
	case current == original:
		return o.annotate(failure, "the tag still points to the original")
	case current != placeholder:
		ours, err := o.isPlaceholder(ctx)
		if err != nil {
			return o.annotate(failure, "the tag now points to %s; whether another client pushed that is not known", current)
		}
		if !ours {
			return o.annotate(failure, "the tag now points to %s, which another client pushed", current)
		}
	}
	if err := o.client.PutManifest(ctx, o.repository, o.tag, o.original); err != nil {
		if current, resolveErr := o.resolveTag(ctx); resolveErr != nil || current != original {
			return o.annotate(failure, "the tag points to the placeholder %s, because the rollback to %s failed: %v", placeholder, original, err)
		}
	}
	return o.annotate(failure, "the tag was rolled back to the original; the placeholder %s may be left without a tag", placeholder)
}

// isPlaceholder reports whether the tag points to the placeholder although the digest
// differs, because the registry changed the content.
func (o *overwrite) isPlaceholder(ctx context.Context) (bool, error) {
	m, err := o.client.Manifest(ctx, o.repository, o.tag)
	return err == nil && bytes.Contains(m.Raw, []byte(o.mark)), err
}

// checkOriginal restores the original if it is gone, and describes its state.
func (o *overwrite) checkOriginal(ctx context.Context) string {
	original := o.original.Descriptor.Digest
	switch _, err := o.client.ResolveDigest(ctx, o.repository, string(original)); {
	case errors.Is(err, ErrNotFound):
		return o.restore(ctx)
	case err != nil:
		return fmt.Sprintf("whether the original %s still exists is not known", original)
	}
	return fmt.Sprintf("the original %s still exists", original)
}

// confirm checks that the tag is gone and that the original still exists.
func (o *overwrite) confirm(ctx context.Context) error {
	current, err := o.resolveTag(ctx)
	switch {
	case err == nil && current == o.placeholder.Descriptor.Digest:
		return o.rollBack(ctx, &Error{Kind: ErrStillPresent})
	case err == nil:
		return o.annotate(&Error{Kind: ErrStillPresent}, "the tag now points to %s, which another client pushed", current)
	case !errors.Is(err, ErrNotFound):
		return o.annotate(&Error{Kind: ErrOutcomeUnknown, Err: err}, "the registry accepted the deletion, but whether the tag is gone could not be checked")
	}
	original := o.original.Descriptor.Digest
	_, err = o.client.ResolveDigest(ctx, o.repository, string(original))
	switch {
	case errors.Is(err, ErrNotFound):
		ctx, cancel := withGracePeriod(ctx)
		defer cancel()
		return o.annotate(&Error{Err: errors.New("the registry deleted more than the placeholder")}, "the tag is gone; %s", o.restore(ctx))
	case err != nil:
		return o.annotate(&Error{Kind: ErrOutcomeUnknown, Err: err}, "the tag is gone, but whether the original %s still exists is not known", original)
	}
	return nil
}

// restore handles a registry that deletes a manifest along with one of its tags. It
// pushes the original under its digest and under those other tags that are gone too,
// and describes the result. It is not called if the original still exists: a tag that
// is gone then was removed by another client.
func (o *overwrite) restore(ctx context.Context) string {
	references := []string{string(o.original.Descriptor.Digest)}
	for _, other := range o.otherTags {
		if _, err := o.client.ResolveDigest(ctx, o.repository, other); errors.Is(err, ErrNotFound) {
			references = append(references, other)
		}
	}
	for _, reference := range references {
		if err := o.client.PutManifest(ctx, o.repository, reference, o.original); err != nil {
			return fmt.Sprintf("the registry also deleted %s, and restoring it failed: %v", reference, err)
		}
	}
	return "the registry also deleted the following, now restored: " + strings.Join(references, ", ")
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
