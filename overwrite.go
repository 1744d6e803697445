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

// rollbackTime is how long putting a tag back may take when the caller's
// context has ended.
const rollbackTime = 15 * time.Second

// placeholderAnnotation makes every placeholder another one.
const placeholderAnnotation = "com.github.seed-8cb7cc86.regret.placeholder"

// UntagByOverwrite removes one tag at a registry that deletes by digest only,
// as distribution 2 does: it puts an empty index that nobody else has under the
// tag and deletes that by its digest. The manifest that the tag stood for stays,
// under its digest and its other tags. It is never done in place of
// [Client.Untag], which is to be preferred wherever it works.
//
// Before it touches the tag it asks with [Client.CheckDelete] whether deleting is
// possible, pushes the original under its own digest, which changes nothing but
// shows that it could be put back, looks which of the tags that this client has
// resolved to it still stand for it, and whether the tag does. If the deletion fails the
// original is put back under the tag, even if ctx has ended, for at most 15
// seconds. The error says what the tag stands for then; the empty index may be
// left, without a tag.
//
// Somebody may push the tag meanwhile. From the overwriting on that is noticed:
// such a tag is left alone, and the error is [ErrStillPresent]. A push in the
// moment between the last look and the overwriting is not: registries have no
// conditional PUT. Its manifest then stays without the tag. The same moment is
// there once more where the original is put back. Nor can it be noticed what a
// registry does wrong between finding the tags of a digest and removing them.
//
// At the end it looks whether the tag is gone and the original stands. If the
// registry has dropped the original with it, it is put back under its digest and
// those other tags, which also undoes what others may have deleted meanwhile.
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
	o := &overwriting{client: c, op: op, repository: repository, tag: tag, original: original, placeholder: placeholder(mark), mark: mark}
	if err := o.prepare(ctx); err != nil {
		return err
	}
	if err := o.replace(ctx); err != nil {
		return err
	}
	c.seen.dropTag(repository, tag)
	return nil
}

// overwriting is one run of UntagByOverwrite.
type overwriting struct {
	client                *Client
	op                    string
	repository, tag       string
	others                []string // tags that stand for the original, too
	original, placeholder *Manifest
	mark                  string // in the placeholder, and nowhere else
}

// placeholder is an index of nothing that has never been before.
func placeholder(mark string) *Manifest {
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[],"annotations":{"` +
		ocispec.AnnotationDescription + `":"stands for a tag that is being removed","` + placeholderAnnotation + `":"` + mark + `"}}`)
	return &Manifest{Raw: raw, Descriptor: Descriptor{
		MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw)),
	}}
}

// prepare proves what can be proved before anything is written.
func (o *overwriting) prepare(ctx context.Context) error {
	if err := o.client.CheckDelete(ctx, o.repository); err != nil {
		return o.tell(err, "nothing was changed")
	}
	// The way back: under its digest the original is there already, so that this
	// changes nothing, and fails where putting it back would (a layer is gone).
	if err := o.client.PutManifest(ctx, o.repository, string(o.original.Descriptor.Digest), o.original); err != nil {
		return o.tell(err, "the original could not be put back if need be: nothing was changed")
	}
	if err := o.find(ctx); err != nil {
		return err
	}
	stands, err := o.client.ResolveDigest(ctx, o.repository, o.tag)
	if err != nil {
		return o.tell(err, "nothing was changed")
	}
	if stands != o.original.Descriptor.Digest {
		return o.tell(o.failure(ErrStillPresent), "somebody has pushed it meanwhile: nothing was changed")
	}
	return nil
}

// find looks which of the tags that this client once resolved to the original
// stand for it now: those must still do so in the end.
func (o *overwriting) find(ctx context.Context) error {
	for _, other := range o.client.seen.tagsOf(o.repository, o.original.Descriptor.Digest) {
		if other == o.tag {
			continue
		}
		switch stands, err := o.client.ResolveDigest(ctx, o.repository, other); {
		case errors.Is(err, ErrNotFound):
			o.client.seen.dropTag(o.repository, other)
		case err != nil:
			return o.tell(err, "nothing was changed")
		case stands == o.original.Descriptor.Digest:
			o.others = append(o.others, other)
		}
	}
	return nil
}

// replace puts the placeholder under the tag and takes it away with it.
func (o *overwriting) replace(ctx context.Context) error {
	dgst := o.placeholder.Descriptor.Digest
	if err := o.client.PutManifest(ctx, o.repository, o.tag, o.placeholder); err != nil {
		if !errors.Is(err, ErrOutcomeUnknown) || ctx.Err() != nil {
			return o.rollBack(ctx, err)
		}
		if stands, look := o.look(ctx); look != nil || stands != dgst {
			return o.rollBack(ctx, err)
		}
	}
	if err := o.client.DeleteManifest(ctx, o.repository, dgst); err != nil {
		if _, look := o.look(ctx); !errors.Is(look, ErrNotFound) {
			return o.rollBack(ctx, err)
		}
	}
	return o.confirm(ctx)
}

// look says what the tag stands for.
func (o *overwriting) look(ctx context.Context) (Digest, error) {
	return o.client.ResolveDigest(ctx, o.repository, o.tag)
}

// rollBack puts the original back if the placeholder stands under the tag, and
// says of any other state what it is.
func (o *overwriting) rollBack(ctx context.Context, failure error) error {
	ctx, cancel := o.anyway(ctx)
	defer cancel()
	original, empty := o.original.Descriptor.Digest, o.placeholder.Descriptor.Digest
	stands, err := o.look(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return o.tell(failure, "the tag is gone; %s", o.remains(ctx))
	case err != nil:
		return o.tell(failure, "what the tag stands for is not known: %s, the empty %s or nothing", original, empty)
	case stands == original && errors.Is(failure, ErrOutcomeUnknown):
		return o.tell(failure, "the tag stands for what it stood for, unless an attempt without an answer still changes that")
	case stands == original:
		return o.tell(failure, "the tag stands for what it stood for")
	case stands != empty:
		ours, err := o.isPlaceholder(ctx)
		if err != nil {
			return o.tell(failure, "the tag stands for %s by now; whether somebody has pushed that is not known", stands)
		}
		if !ours {
			return o.tell(failure, "the tag stands for %s by now, which somebody has pushed", stands)
		}
	}
	if err := o.client.PutManifest(ctx, o.repository, o.tag, o.original); err != nil {
		if stands, look := o.look(ctx); look != nil || stands != original {
			return o.tell(failure, "the tag stands for the empty %s, for it could not be pointed back at %s: %v", empty, original, err)
		}
	}
	return o.tell(failure, "the tag was pointed back at what it stood for; the empty %s may be left without a tag", empty)
}

// isPlaceholder says whether the tag stands for what was pushed after all, which
// a registry has written anew.
func (o *overwriting) isPlaceholder(ctx context.Context) (bool, error) {
	m, err := o.client.Manifest(ctx, o.repository, o.tag)
	return err == nil && bytes.Contains(m.Raw, []byte(o.mark)), err
}

// remains says what has become of the original, and brings it back if it is gone.
func (o *overwriting) remains(ctx context.Context) string {
	original := o.original.Descriptor.Digest
	switch _, err := o.client.ResolveDigest(ctx, o.repository, string(original)); {
	case errors.Is(err, ErrNotFound):
		return o.bringBack(ctx)
	case err != nil:
		return fmt.Sprintf("whether %s still stands is not known", original)
	}
	return fmt.Sprintf("%s still stands by its digest", original)
}

// confirm looks at everything that was to go or to stay.
func (o *overwriting) confirm(ctx context.Context) error {
	original := o.original.Descriptor.Digest
	stands, err := o.look(ctx)
	switch {
	case err == nil && stands == o.placeholder.Descriptor.Digest:
		return o.rollBack(ctx, o.failure(ErrStillPresent))
	case err == nil:
		return o.tell(o.failure(ErrStillPresent), "the tag stands for %s by now, which somebody has pushed", stands)
	case !errors.Is(err, ErrNotFound):
		return o.tell(o.unknown(err), "the deletion was accepted, but nobody could look")
	}
	_, err = o.client.ResolveDigest(ctx, o.repository, string(original))
	switch {
	case errors.Is(err, ErrNotFound):
		ctx, cancel := o.anyway(ctx)
		defer cancel()
		dropped := &Error{Err: errors.New("the registry dropped more than it was asked to")}
		return o.tell(dropped, "the tag is gone; %s", o.bringBack(ctx))
	case err != nil:
		return o.tell(o.unknown(err), "the tag is gone, but whether %s still stands is not known", original)
	}
	return nil
}

// bringBack is for a registry that drops a manifest with one of its tags: the
// original is put back under its digest and under the tags that are gone with
// it, but for the one that was to go. A tag that is gone while the original
// stands, somebody has removed.
func (o *overwriting) bringBack(ctx context.Context) string {
	back := []string{string(o.original.Descriptor.Digest)}
	for _, other := range o.others {
		if _, err := o.client.ResolveDigest(ctx, o.repository, other); errors.Is(err, ErrNotFound) {
			back = append(back, other)
		}
	}
	for _, reference := range back {
		if err := o.client.PutManifest(ctx, o.repository, reference, o.original); err != nil {
			return fmt.Sprintf("so was %s, which could not be put back: %v", reference, err)
		}
	}
	return strings.Join(back, ", ") + " was gone with it and was put back"
}

// anyway is a context in which to undo what was begun, whether or not the
// caller still waits.
func (o *overwriting) anyway(ctx context.Context) (context.Context, context.CancelFunc) {
	outliving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(rollbackTime, cancel)
		context.AfterFunc(outliving, func() { timer.Stop() })
	})
	return outliving, func() { stop(); cancel() }
}

func (o *overwriting) failure(kind Kind) *Error { return &Error{Kind: kind} }

func (o *overwriting) unknown(cause error) error {
	e := o.failure(ErrOutcomeUnknown)
	e.Err = cause
	return e
}

// tell adds to a failure what stands now.
func (o *overwriting) tell(failure error, format string, args ...any) error {
	return annotate(failure, func(e *Error) {
		e.Op, e.Repository, e.Reference = o.op, o.repository, o.tag
		e.Hint = joinHints(fmt.Sprintf(format, args...), e.Hint)
	})
}
