package regret

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// WithVerification checks after every deletion that the registry reports as done
// whether it is: the digest or tag must be gone, and with a digest every tag that
// this client has resolved to it, from the list of tags, too. What is still there
// is [ErrStillPresent]; what cannot be checked is [ErrOutcomeUnknown].
//
// It costs a HEAD and a GET for each deletion, and the list of tags where tags
// are known. It is for registries that report more than they do: some leave tags
// behind that point to nothing.
func WithVerification() Option {
	return func(c *config) { c.verify = true }
}

// survivors looks for listed tags that were last resolved to the deleted digest.
// A tag that was pushed anew meanwhile points to something else.
func (r *request) survivors(ctx context.Context) error {
	c := r.client
	known := c.seen.tagsOf(r.repository, Digest(r.reference))
	if len(known) == 0 {
		return nil
	}
	var left []string
	for tag, err := range c.Tags(ctx, r.repository) {
		switch {
		case errors.Is(err, ErrNotFound): // the repository may be gone with its last tag
			return nil
		case err != nil:
			e := r.newError(ErrOutcomeUnknown, err)
			e.Hint = "the manifest is gone; whether its tags are gone, too, is unknown without the list of tags"
			return e
		case slices.Contains(known, tag):
			left = append(left, tag)
		}
	}
	for _, tag := range left {
		found, err := c.ResolveDigest(ctx, r.repository, tag)
		e := r.newError(ErrStillPresent, err)
		switch {
		case err == nil && found != Digest(r.reference): // pushed anew meanwhile
			continue
		case err == nil:
			e.Err = fmt.Errorf("the tag %s still points to it", tag)
		case errors.Is(err, ErrNotFound):
			e.Err = fmt.Errorf("the manifest is gone, but the tag %s is still listed and points to nothing", tag)
			e.Hint = "remove the tag with Untag"
		default:
			e.Kind = ErrOutcomeUnknown
		}
		return e
	}
	return nil
}
