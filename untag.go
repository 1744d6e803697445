package regret

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// Untag removes one tag. The manifest stays, under its digest and its other
// tags. Untag is one DELETE by tag and never anything else: a registry that does
// not delete by tag answers with an error, and nothing has changed.
//
// The DELETE is retried only if the first one certainly had no effect. After an
// attempt without a response the tag is resolved: if it is gone, that is
// success; if it points to what this client last resolved it to, the DELETE is
// sent once more; anything else may have been pushed meanwhile and is left
// alone.
//
// Errors: [ErrInvalid], [ErrTagDeleteUnsupported], otherwise as
// [Client.DeleteManifest].
//
// Sends DELETE /v2/<name>/manifests/<tag> ([end-9]).
//
// [end-9]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
func (c *Client) Untag(ctx context.Context, repository, tag string) error {
	const op = "untag"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	if err := grammar.Tag(tag); err != nil {
		refusal := invalid(op, repository, clip(tag), "%w", err)
		if grammar.Digest(Digest(tag)) == nil {
			refusal.Hint = "delete a digest with DeleteManifest"
		}
		return refusal
	}
	before, known := c.seen.Tag(repository, tag)
	d := c.newDeletion(op, repository, tag)
	found, err := d.once(ctx)
	if known && found == before {
		_, err = d.once(ctx)
		if errors.Is(err, ErrNotFound) { // so the first DELETE removed it
			err = nil
		}
	}
	if err == nil {
		c.seen.DropTag(repository, tag)
	}
	return err
}

// CheckUntag asks whether this registry, with these credentials, would remove a
// tag of the repository. It removes nothing: it sends the DELETE for a random tag
// that does not exist, and takes the response that it is unknown for permission.
// It cannot foresee rules about single tags, such as immutable ones.
//
// Errors: [ErrTagDeleteUnsupported], otherwise as [Client.CheckDelete].
//
// Sends DELETE /v2/<name>/manifests/<tag> ([end-9]).
//
// [end-9]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
func (c *Client) CheckUntag(ctx context.Context, repository string) error {
	const op = "check untag"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	d := c.newDeletion(op, repository, "regret-check-"+rand.Text())
	d.Repeatable = true // no other client pushes this tag
	return d.check(ctx, "the registry accepted to remove a tag that does not exist: its success says nothing")
}

// once sends the one DELETE. If there is no response, it looks what the tag
// points to, and returns that.
func (d deletion) once(ctx context.Context) (found Digest, err error) {
	resp, err := d.do(ctx)
	if err == nil {
		return "", d.confirm(ctx, resp)
	}
	return d.settle(ctx, err)
}
