package regret

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxVerifiedTags is the number of tags of which this client does not know where they
// point, and which it resolves after one deletion.
const maxVerifiedTags = 100

// WithVerification checks after every deletion that the registry reports as done
// whether it is: the digest or tag must be gone, and with a digest every tag that
// pointed to it. What is still there is [ErrStillPresent]; what cannot be checked is
// [ErrOutcomeUnknown]. The error names the tags.
//
// The tags are those in the list of tags that this client has resolved to the digest,
// and, if [Client.Tags] or [Client.List] has listed the repository, those that it has
// never resolved.
//
// It costs a HEAD and a GET for each deletion. If there may be such tags, it also costs
// the list of tags, a HEAD of each listed tag that was resolved to the digest, and a
// HEAD of up to 100 listed tags that were never resolved. These are resolved then, and
// cost nothing after further deletions, as long as the client remembers them.
//
// It is for registries that report more than they do. Some leave tags behind that point
// to nothing. Others store a manifest once for its digest and once for each tag, such as
// the in-process registry of go-containerregistry: they report that the digest is
// deleted, and still serve the image under its tags.
func WithVerification() Option {
	return func(c *config) { c.verify = true }
}

// survivors looks for listed tags that still serve the deleted digest, or that were
// last resolved to it and now point to nothing. A tag that was pushed anew meanwhile
// points to something else.
func (d deletion) survivors(ctx context.Context) error {
	c, deleted := d.client, Digest(d.reference)
	resolved := c.seen.TagsOf(d.repository, deleted)
	if len(resolved) == 0 && !c.seen.IsListed(d.repository) {
		return nil
	}
	candidates, err := d.candidates(ctx, resolved)
	if err != nil {
		return err
	}
	var serving, dangling []string
	var failure error
	for _, tag := range candidates {
		found, err := c.ResolveDigest(ctx, d.repository, tag)
		switch {
		case err == nil && found == deleted:
			serving = append(serving, tag)
		case err == nil: // pushed anew meanwhile, or another manifest's
		case errors.Is(err, ErrNotFound):
			if slices.Contains(resolved, tag) {
				dangling = append(dangling, tag)
			}
		case failure == nil:
			failure = err
		}
	}
	e := d.newError(ErrStillPresent, nil)
	switch {
	case len(serving) > 0:
		e.Err = fmt.Errorf("the manifest is gone under its digest, but %s", sentence(serving, "still points to it", "still point to it"))
		e.Hint = "remove each tag with Untag"
	case len(dangling) > 0:
		e.Err = fmt.Errorf("the manifest is gone, but %s", sentence(dangling, "is still listed and points to nothing", "are still listed and point to nothing"))
		e.Hint = "remove the tag with Untag"
	case failure != nil:
		e = d.newError(ErrOutcomeUnknown, failure)
		e.Hint = "the manifest is gone under its digest; whether a tag still points to it is unknown"
	default:
		return nil
	}
	return e
}

// candidates returns the listed tags that may still point to the deleted digest.
func (d deletion) candidates(ctx context.Context, resolved []string) (candidates []string, err error) {
	c := d.client
	var unknown int
	for tag, err := range c.tags(ctx, d.repository) {
		switch {
		case errors.Is(err, ErrNotFound): // the repository may be gone with its last tag
			return nil, nil
		case errors.Is(err, ErrInvalidEntries): // the list is otherwise complete
		case err != nil:
			e := d.newError(ErrOutcomeUnknown, err)
			e.Hint = "the manifest is gone; whether its tags are gone, too, is unknown without the list of tags"
			return nil, e
		case slices.Contains(resolved, tag):
			candidates = append(candidates, tag)
		case unknown < maxVerifiedTags && c.seen.IsListed(d.repository):
			if _, known := c.seen.Tag(d.repository, tag); !known {
				unknown++
				candidates = append(candidates, tag)
			}
		}
	}
	return candidates, nil
}

// sentence says something about one or several tags.
func sentence(tags []string, singular, plural string) string {
	if len(tags) == 1 {
		return "the tag " + tags[0] + " " + singular
	}
	const most = 20
	more := ""
	if len(tags) > most {
		more = fmt.Sprintf(" and %d more", len(tags)-most)
		tags = tags[:most]
	}
	return "the tags " + strings.Join(tags, ", ") + more + " " + plural
}
