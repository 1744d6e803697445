package regret

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// WithVerification looks after every deletion that the registry reports as done
// whether it is: the digest or tag must be gone, and so must every tag that
// this client has resolved to a deleted digest, from the list of tags, too.
// What is still there is [ErrStillPresent], what cannot be told is
// [ErrOutcomeUnknown]. It costs a HEAD and a GET for each deletion, and the list
// of tags where some are known. It is for registries that say more than they
// do: some leave tags behind that point at nothing.
func WithVerification() Option {
	return func(c *config) { c.verify = true }
}

// survivors looks for tags that stand in the list although they were last
// resolved to a digest that is deleted now. One that was pushed anew meanwhile
// stands for something else.
func (c *Client) survivors(ctx context.Context, x *exchange) error {
	known := c.tagsOf(x.repository, Digest(x.reference))
	if len(known) == 0 {
		return nil
	}
	var left []string
	for tag, err := range c.Tags(ctx, x.repository) {
		switch {
		case errors.Is(err, ErrNotFound): // with its last tag the repository may be gone
			return nil
		case err != nil:
			e := x.newError(ErrOutcomeUnknown, err)
			e.Hint = "the manifest is gone; whether its tags are, the list of tags would have told"
			return e
		case slices.Contains(known, tag):
			left = append(left, tag)
		}
	}
	for _, tag := range left {
		stands, err := c.ResolveDigest(ctx, x.repository, tag)
		e := x.newError(ErrStillPresent, err)
		switch {
		case err == nil && stands != Digest(x.reference): // pushed anew meanwhile
			continue
		case err == nil:
			e.Err = fmt.Errorf("the tag %s still stands for it", tag)
		case errors.Is(err, ErrNotFound):
			e.Err = fmt.Errorf("the manifest is gone, but the tag %s is still listed and points at nothing", tag)
			e.Hint = "remove the tag with Untag"
		default:
			e.Kind = ErrOutcomeUnknown
		}
		return e
	}
	return nil
}

// tagsOf are the tags of a repository that this client last resolved to a digest.
func (c *Client) tagsOf(repository string, dgst Digest) []string {
	var tags []string
	c.tags.DeleteFunc(func(key imageName, value Digest) bool {
		if key.repository == repository && value == dgst {
			tags = append(tags, key.reference)
		}
		return false
	})
	slices.Sort(tags)
	return tags
}

// denied is the failure where a registry says that it does not know what it
// serves: Quay reads what has no tag, but does not delete it. Who is told "not
// found" takes it for gone.
func denied(failure error) error {
	return told(failure, func(e *Error) {
		e.Kind, e.Err = "", errors.New("the registry serves it, and yet will not delete it")
		e.Hint = "Quay answers so where nothing but an index points at the manifest, or nothing at all: it deletes by way of tags"
	})
}
