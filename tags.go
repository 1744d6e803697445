package regret

import (
	"context"
	"iter"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/page"
)

// Tags lists the tags of a repository, in the registry's order. It streams each
// page and keeps only hashes of up to two pages of entries in memory, even if a
// registry sends the whole list in one response.
//
// A sequence that ends without an error is the complete list. Anything that prevents
// that is reported once, as the last element: a page that fails or repeats, a Link
// that is malformed or leads to another host or list, or a limit. Ranging over the
// sequence again sends the requests again. One case cannot be detected: a registry
// that cuts pages at a size of its own and sends no Link. A registry may skip tags if
// some are deleted while it lists: collect the list first, then delete.
//
// Some registries list entries that are not tags. Tags never yields them. It ignores
// digests, which Artifactory lists for the children of an index. All other invalid
// entries are named once, as the last element, by an error of the kind
// [ErrInvalidEntries] that wraps an [*InvalidEntriesError]. Such a list is complete
// except for these entries, and the caller decides whether that is enough.
//
// Errors: [ErrInvalid], [ErrNotFound], [ErrIncompleteList], [ErrInvalidEntries],
// [ErrNotRegistry], [ErrUnauthorized], [ErrForbidden], [ErrRateLimited],
// [ErrUnavailable].
//
// Sends GET /v2/<name>/tags/list?n=1000 ([end-8]) and follows Link, of which it takes
// only the query. If the registry refuses that number of tags, as Quay does, Tags
// sends the first request again with n=100, and if that is refused, without n.
//
// [end-8]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (c *Client) Tags(ctx context.Context, repository string) iter.Seq2[string, error] {
	tags := c.tags(ctx, repository)
	if !c.config.verify {
		return tags
	}
	return func(yield func(string, error) bool) {
		for tag, err := range tags {
			if name, invalid := c.repository("tags", repository); err == nil && invalid == nil {
				c.seen.AddListed(name)
			}
			if !yield(tag, err) {
				return
			}
		}
	}
}

// tags is Tags for the client itself, which does not remember that the caller knows the
// tags.
func (c *Client) tags(ctx context.Context, repository string) iter.Seq2[string, error] {
	const op = "tags"
	return func(yield func(string, error) bool) {
		name, err := c.repository(op, repository)
		if err != nil {
			yield("", err)
			return
		}
		l := list[string]{
			client: c,
			op:     op, repository: name, path: "/v2/" + name + "/tags/list",
			name: name, key: "tags", scope: auth.Scope{Type: "repository", Name: name, Action: "pull"},
			paged: true, entry: page.String, id: identity, check: grammar.Tag, harmless: isDigest,
		}
		l.walk(ctx, yield)
	}
}

// Repositories lists the repositories of the registry that the credentials may see.
// Many registries do not offer this list. Everything else is as with [Client.Tags],
// but a digest is an invalid entry like any other.
//
// Errors: as [Client.Tags].
//
// Sends GET /v2/_catalog?n=1000 and follows Link; before it GET /v2/, if there are
// credentials and the client has not seen a challenge yet; see
// https://distribution.github.io/distribution/spec/api/#catalog
func (c *Client) Repositories(ctx context.Context) iter.Seq2[string, error] {
	l := list[string]{
		client: c,
		op:     "repositories", path: "/v2/_catalog",
		key: "repositories", scope: auth.Scope{Type: "registry", Name: "catalog", Action: "*"},
		paged: true, entry: page.String, id: identity, check: grammar.Repository,
	}
	return func(yield func(string, error) bool) {
		c.learnChallenge(ctx, l.op)
		l.walk(ctx, yield)
	}
}

func identity(s string) string { return s }

func isDigest(s string) bool { return grammar.Digest(Digest(s)) == nil }
