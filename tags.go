package regret

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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
	return rememberListed(c, repository, c.tags(ctx, repository))
}

// rememberListed returns the same list, and for WithVerification remembers that the caller
// has read it.
func rememberListed[T any](c *Client, repository string, list iter.Seq2[T, error]) iter.Seq2[T, error] {
	if !c.config.verify {
		return list
	}
	return func(yield func(T, error) bool) {
		for entry, err := range list {
			if name, invalid := c.repository("", repository); err == nil && invalid == nil {
				c.seen.AddListed(name)
			}
			if !yield(entry, err) {
				return
			}
		}
	}
}

// tags is Tags for the client itself, which does not remember that the caller knows the
// tags.
func (c *Client) tags(ctx context.Context, repository string) iter.Seq2[string, error] {
	return walkTags(ctx, c, "tags", repository, list[string]{
		entry: page.String, id: identity, check: grammar.Tag, harmless: isDigest,
	})
}

// walkTags walks the list of tags of a repository. What is to be made of the entries is
// in l.
func walkTags[T any](ctx context.Context, c *Client, op, repository string, l list[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		name, err := c.repository(op, repository)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		l := l // ranging again starts anew
		l.client, l.op, l.repository, l.path = c, op, name, "/v2/"+name+"/tags/list"
		l.name, l.key, l.paged = name, "tags", true
		l.scope = auth.Scope{Type: "repository", Name: name, Action: "pull"}
		l.walk(ctx, yield)
	}
}

// A ListEntry is one entry of a list of what a repository has: a tag, a manifest, or a
// manifest with its tags. What the list does not say is zero. [Client.List] reads such a
// list from a registry; programs may have others, from the API that is a registry's own.
type ListEntry struct {
	Tags       []string   // the tags that point to the manifest, or one tag alone; none if no tag does
	Descriptor Descriptor // digest, media type and size of the manifest, as far as the list has them
	Created    time.Time  // when the image was built, as whoever built it says
	Uploaded   time.Time  // when the registry received the manifest
	Pulled     time.Time  // when it was last pulled; not in the lists that List reads
	// NeverPulled says that the manifest has not been pulled since it was uploaded. If
	// Pulled is zero, too, the last pull is unknown.
	NeverPulled bool
}

// List lists everything that a registry says in its list of tags, in the registry's
// order. Each tag is an entry of its own, without a descriptor.
//
// Google's registries list all manifests there, too, also those without a tag. Each is an
// entry with its digest, media type, tags and times; the same tags are also entries of
// their own. The times are unknown if they are missing, "0" or malformed. Artifact
// Registry says "0" for the creation of every manifest. The size of the manifest is
// unknown: what Google lists is the size of the image. Names of repositories below this
// one are ignored. Artifactory lists the digests of the children of an index among the
// tags. Each is an entry with the digest alone.
//
// The list is streamed like that of [Client.Tags], and complete under the same conditions.
// A manifest is an entry once for each page that has it. List remembers hashes of all
// manifests on up to two pages; one of them twice on a page makes the page malformed.
// Artifact Registry cuts lists at 10,000 manifests or tags, without a sign: a list of
// exactly that length is [ErrIncompleteList].
//
// Entries with names that are not valid are left out and named at the end, as by
// [Client.Tags]. A manifest is left out if its digest is malformed, or one of its tags is:
// without that tag, it would seem to have fewer tags than it has, or none.
//
// Errors: as [Client.Tags].
//
// Sends the requests of [Client.Tags].
func (c *Client) List(ctx context.Context, repository string) iter.Seq2[ListEntry, error] {
	entries := walkTags(ctx, c, "list", repository, list[listed]{
		entry:   listedTag,
		id:      func(l listed) string { return l.id },
		check:   listed.check,
		invalid: func(l listed) string { return l.invalid },
		manifests: &manifestMap[listed]{
			key: "manifest", entry: listedManifest, holds: func(l listed) bool { return l.isManifest },
		},
	})
	return rememberListed(c, repository, func(yield func(ListEntry, error) bool) {
		for l, err := range entries {
			if !yield(l.ListEntry, err) {
				return
			}
		}
	})
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

// A listed is an entry of List while it is checked.
type listed struct {
	ListEntry
	id         string // the tag or digest, as it is listed
	isManifest bool   // an entry of Google's map
	invalid    string // the name that is not valid, if err is not nil
	err        error
}

func (l listed) check() error { return l.err }

// refuse marks an entry as invalid because of a name.
func (l listed) refuse(name string, err error) listed {
	l.invalid, l.err = name, err
	return l
}

// listedTag decodes an element of the array of tags.
func listedTag(d *jsontext.Decoder) (listed, error) {
	name, err := page.String(d)
	l := listed{id: name}
	switch {
	case err != nil:
		return l, err
	case isDigest(name):
		l.Descriptor.Digest = Digest(name)
		return l, nil
	}
	l.Tags = []string{name}
	return l.refuse(name, grammar.Tag(name)), nil
}

// listedManifest decodes a member of Google's map of manifests. It reads the members of
// the value from a map, because encoding/json would ignore the case of their names.
func listedManifest(key string, d *jsontext.Decoder) (listed, error) {
	l := listed{id: key, isManifest: true}
	if err := grammar.Digest(Digest(key)); err != nil {
		return l.refuse(key, err), d.SkipValue()
	}
	l.Descriptor.Digest = Digest(key)
	value, err := page.Value[map[string]json.RawMessage](d)
	if err != nil {
		return l, err
	}
	if err := unmarshal(value["mediaType"], &l.Descriptor.MediaType); err != nil {
		return l, err
	}
	if err := unmarshal(value["tag"], &l.Tags); err != nil {
		return l, err
	}
	l.Created, l.Uploaded = milliseconds(value["timeCreatedMs"]), milliseconds(value["timeUploadedMs"])
	for _, tag := range l.Tags {
		if err := grammar.Tag(tag); err != nil {
			return l.refuse(tag, err), nil
		}
	}
	return l, nil
}

// unmarshal decodes a value, unless it is missing.
func unmarshal(raw json.RawMessage, into any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// milliseconds decodes a time as Google's registries write it: milliseconds since 1970, in
// a string, or as a number, which Artifact Registry has sent. The result is zero if the
// time is not known: see [ListEntry].
//
// See https://github.com/google/go-containerregistry/pull/667
func milliseconds(raw json.RawMessage) time.Time {
	const year10000 = 253402300800000 // the first time that JSON cannot have
	ms, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil || ms <= 0 || ms >= year10000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
