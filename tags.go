package regret

import (
	"context"
	"iter"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/page"
)

// Tags lists the tags of a repository, in the registry's order. Nothing but
// the current page's surroundings is held in memory, even where a registry
// sends everything in one answer.
//
// A sequence that ends without an error is the complete list. Whatever stands
// in the way of that is an error, once and last: a page that fails or repeats,
// a malformed Link or one that leads elsewhere, an invalid tag, a limit. The
// sequence may be ranged over again, which asks again. What cannot be told is a
// registry that pages by a size of its own and says so nowhere. One that lists
// while tags are deleted may skip some: list first, then delete.
//
// Errors: [ErrInvalid], [ErrNotFound], [ErrIncompleteList], [ErrNotRegistry],
// [ErrUnauthorized], [ErrForbidden], [ErrRateLimited], [ErrUnavailable].
//
// Sends GET /v2/<name>/tags/list?n=1000 ([end-8]) and follows Link.
//
// [end-8]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
func (c *Client) Tags(ctx context.Context, repository string) iter.Seq2[string, error] {
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
			paged: true, entry: page.String, id: self, check: grammar.Tag,
		}
		l.walk(ctx, yield)
	}
}

// Repositories lists the repositories of the registry, as far as the
// credentials may see them. Many registries do not offer it. What is said of
// [Client.Tags] holds here too.
//
// Errors: as [Client.Tags].
//
// Sends GET /v2/_catalog?n=1000 and follows Link; see
// https://distribution.github.io/distribution/spec/api/#catalog
func (c *Client) Repositories(ctx context.Context) iter.Seq2[string, error] {
	l := list[string]{
		client: c,
		op:     "repositories", path: "/v2/_catalog",
		key: "repositories", scope: auth.Scope{Type: "registry", Name: "catalog", Action: "*"},
		paged: true, entry: page.String, id: self, check: grammar.Repository,
	}
	return func(yield func(string, error) bool) { l.walk(ctx, yield) }
}

func self(s string) string { return s }
