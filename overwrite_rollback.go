package regret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rollBack points the tag to the original again if it points to the placeholder, and
// removes the temporary tag once the original no longer needs it. It returns failure with
// a hint that describes the resulting state.
func (o *overwrite) rollBack(ctx context.Context, failure error) error {
	hint, settled := o.restoreTag(ctx, errors.Is(failure, ErrOutcomeUnknown))
	if !settled {
		hint = joinHints(o.temporaryStays(), hint)
	}
	failure = o.annotate(failure, "%s", hint)
	if !settled {
		return failure
	}
	return o.release(ctx, failure)
}

// restoreTag does the work of rollBack. It describes the resulting state, and reports
// whether that is known and the original is safe in it.
func (o *overwrite) restoreTag(ctx context.Context, ambiguous bool) (hint string, settled bool) {
	placeholder := o.placeholder.Descriptor.Digest
	current, err := o.resolveTag(ctx)
	if o.original == nil {
		return o.describeTagWithoutOriginal(ctx, current, err), true
	}
	original := o.original.Descriptor.Digest
	switch {
	case errors.Is(err, ErrNotFound):
		return "the tag is gone; " + o.checkOriginal(ctx), true
	case err != nil:
		return fmt.Sprintf("what the tag points to is not known: the original %s, the placeholder %s or nothing", original, placeholder), false
	case current == original && ambiguous:
		// A PUT that takes effect later would remove the original at once in zot, but the
		// temporary tag cannot wait for that.
		return "the tag still points to the original, unless the attempt without a response takes effect later", true
	case current == original:
		return "the tag still points to the original", true
	case current != placeholder:
		if hint, ours := o.describeForeign(ctx, current); !ours {
			return hint + "; " + o.checkOriginal(ctx), true
		}
	}
	_, contentsErr := o.restoreMissing(ctx, o.contents)
	if err := o.client.PutManifest(ctx, o.repository, o.tag, o.original); err != nil {
		if current, _ := o.resolveTag(ctx); current != original {
			return fmt.Sprintf("the tag points to the placeholder %s, because the rollback to %s failed: %v", placeholder, original, err), false
		}
	}
	o.stray = true
	hint = "the tag was rolled back to the original"
	if contentsErr != nil {
		hint += fmt.Sprintf("; a manifest below the original may be missing: %v", contentsErr)
	}
	return hint, true
}

// describeTagWithoutOriginal describes a tag that pointed to nothing before. It cannot be
// rolled back to that.
func (o *overwrite) describeTagWithoutOriginal(ctx context.Context, current Digest, err error) string {
	placeholder := o.placeholder.Descriptor.Digest
	switch {
	case errors.Is(err, ErrNotFound):
		return "the tag points to nothing, as before: its manifest was gone already"
	case err != nil:
		return fmt.Sprintf("what the tag points to is not known: the placeholder %s or nothing, as before", placeholder)
	case current != placeholder:
		if hint, ours := o.describeForeign(ctx, current); !ours {
			return hint
		}
	}
	return fmt.Sprintf("the tag points to the placeholder %s; its manifest was gone already, so there is no original to roll back to: "+
		"delete %s with DeleteManifest", placeholder, current)
}

// describeForeign describes a tag that points to neither the original nor the placeholder.
// It reports ours = true if the tag points to the placeholder although the digest differs,
// because the registry changed the content.
func (o *overwrite) describeForeign(ctx context.Context, current Digest) (hint string, ours bool) {
	m, err := o.client.Manifest(ctx, o.repository, o.tag)
	switch {
	case err != nil:
		return fmt.Sprintf("the tag now points to %s; whether another client pushed that is not known", current), false
	case bytes.Contains(m.Raw, []byte(o.mark)):
		return "", true
	}
	return fmt.Sprintf("the tag now points to %s, which another client pushed", current), false
}

// checkOriginal is ensureOriginal for a call that has failed already: it describes only
// the result.
func (o *overwrite) checkOriginal(ctx context.Context) string {
	if o.original == nil {
		return "its former manifest was gone already"
	}
	hint, _ := o.ensureOriginal(ctx)
	return hint
}

// ensureOriginal checks that the original and all manifests below it still exist, and
// restores those that the registry removed, children first. If the original is among
// them, it also restores those other tags that are gone; if it is not, a tag that is gone
// was removed by another client. It describes the result; the error is nil only if reads
// have shown that everything exists.
func (o *overwrite) ensureOriginal(ctx context.Context) (hint string, err error) {
	original := o.original.Descriptor.Digest
	restored, err := o.restoreMissing(ctx, append(slices.Clip(o.contents), o.original))
	if err == nil && slices.Contains(restored, string(original)) {
		for _, other := range o.otherTags {
			if err = o.restoreIfMissing(ctx, other, o.original, &restored); err != nil {
				break
			}
		}
	}
	if _, failed := errors.AsType[*restoreError](err); failed {
		return err.Error(), &Error{Err: errors.New("the registry deleted more than the placeholder")}
	}
	switch {
	case err != nil:
		return fmt.Sprintf("whether the original %s still exists completely is not known", original), &Error{Kind: ErrOutcomeUnknown, Err: err}
	case len(restored) == 0:
		return fmt.Sprintf("the original %s still exists", original), nil
	}
	o.client.config.logger.InfoContext(ctx, "the registry removed more than a tag: restored the rest",
		"repository", o.repository, "tag", o.tag, "restored", restored)
	return "the registry also deleted the following, now restored: " + strings.Join(restored, ", "), nil
}

// A restoreError says that something is gone and was not restored.
type restoreError struct {
	reference string
	err       error
}

func (e *restoreError) Error() string {
	return fmt.Sprintf("the registry also deleted %s, and restoring it failed: %v", e.reference, e.err)
}

// restoreMissing pushes by its digest each of the manifests that is gone, and returns
// their digests.
func (o *overwrite) restoreMissing(ctx context.Context, manifests []*Manifest) (restored []string, err error) {
	for _, m := range manifests {
		if err := o.restoreIfMissing(ctx, string(m.Descriptor.Digest), m, &restored); err != nil {
			return restored, err
		}
	}
	return restored, nil
}

// restoreIfMissing pushes a manifest under a tag or digest that is gone, checks that it is
// there then, and adds the reference to restored.
func (o *overwrite) restoreIfMissing(ctx context.Context, reference string, m *Manifest, restored *[]string) error {
	_, err := o.client.ResolveDigest(ctx, o.repository, reference)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := o.client.PutManifest(ctx, o.repository, reference, m); err != nil {
		return &restoreError{reference, err}
	}
	if _, err := o.client.ResolveDigest(ctx, o.repository, reference); err != nil {
		return &restoreError{reference, err}
	}
	*restored = append(*restored, reference)
	return nil
}
