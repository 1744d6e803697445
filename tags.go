package regret

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
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
// that cuts pages at a size of its own and sends no Link, as Artifact Registry does at
// 10,000 tags; [Client.List] detects that one. A registry may skip tags if some are
// deleted while it lists: collect the list first, then delete.
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

// rememberListed returns the same list. With WithVerification, the client remembers that
// the caller has listed the tags of the repository.
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

// walkTags walks the list of tags of a repository. The caller sets the fields of l that
// depend on the type of the entries.
func walkTags[T any](ctx context.Context, c *Client, op, repository string, l list[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		name, err := c.repository(op, repository)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		l := l // the sequence may be ranged over several times at once
		l.client, l.op, l.repository, l.path = c, op, name, "/v2/"+name+"/tags/list"
		l.name, l.key, l.paged = name, "tags", true
		l.scope = auth.Scope{Type: "repository", Name: name, Action: "pull"}
		l.walk(ctx, yield)
	}
}

// A ListEntry is one entry of a list of the contents of a repository: a tag, a manifest,
// or both. A field is zero if the list does not have it. [Client.List] reads such a list
// with the registry API. Others can be made from the API of a registry's vendor.
type ListEntry struct {
	Tags       []string   // tags that point to the manifest, or a single tag; nil for an untagged manifest
	Descriptor Descriptor // digest, media type and size of the manifest
	Created    time.Time  // when the image was built, according to the image
	Uploaded   time.Time  // when the manifest was pushed
	Pulled     time.Time  // when the manifest was last pulled; List never sets it
	// NeverPulled reports that nobody has pulled the manifest since it was pushed. If it
	// is false and Pulled is zero, the time of the last pull is unknown. List never sets
	// it.
	NeverPulled bool
}

// List lists everything that the registry's list of tags contains, in the registry's
// order. Each tag is an entry with that tag and nothing else.
//
// Google's registries also list every manifest there, even those without a tag. Each is
// an entry with its digest, media type, tags and times, in addition to the entries of its
// tags. A time that is missing, "0" or malformed is unknown; Artifact Registry has sent
// "0" as the time of creation of every manifest. The size of the manifest is unknown:
// the size in the list is that of the image. Each digest that Artifactory lists among
// the tags is an entry with that digest and nothing else.
//
// A sequence that ends without an error is complete, as with [Client.Tags]. A manifest
// that is on several pages is an entry for each; twice on one page, it is an error.
// Artifact Registry cuts lists at 10,000 manifests or tags without any sign, so that a
// list of exactly that length is [ErrIncompleteList]. List streams each page, and keeps
// only hashes of up to two pages of entries in memory.
//
// Invalid entries are left out and named at the end, as with [Client.Tags]. A manifest
// is invalid if its digest or one of its tags is: without that tag it could look as if
// it had none. The error then names that digest or tag.
//
// Errors: as [Client.Tags].
//
// Sends the same requests as [Client.Tags].
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

// A listed is an entry of List before it is checked.
type listed struct {
	ListEntry
	id         string // the tag or digest as listed
	isManifest bool   // the entry is one of Google's map
	invalid    string // if err is not nil, the name that is not valid
	err        error
}

func (l listed) check() error { return l.err }

// refuse returns the entry with the error of one of its names, which may be nil.
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

// listedManifest decodes a member of Google's map of manifests. It decodes the value into
// a map because encoding/json ignores the case of keys when it decodes into a struct.
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
	if len(l.Tags) == 0 {
		l.Tags = nil
	}
	return l, nil
}

// unmarshal decodes a value unless it is missing.
func unmarshal(raw json.RawMessage, into any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// milliseconds decodes a time in milliseconds since 1970. Container Registry sends it as
// a string; Artifact Registry has also sent a number. The result is zero if the time is
// unknown.
//
// See https://github.com/google/go-containerregistry/pull/667
func milliseconds(raw json.RawMessage) time.Time {
	const year10000 = 253402300800000 // time.Time cannot be encoded as JSON from then on
	ms, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil || ms <= 0 || ms >= year10000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// A manifestMap describes the JSON object in which Google's registries list manifests,
// with their digests as keys.
type manifestMap[T any] struct {
	key   string // name of the object
	entry func(key string, value *jsontext.Decoder) (T, error)
	holds func(T) bool // reports whether an entry is one of the object
}

// compareManifest is compare for a member of the manifestMap. A manifest may be on two
// pages, because tags on both may point to it. Twice on one page, it is ambiguous: some
// readers take the first member with a key, others the last one.
func (p *progress) compareManifest(id string) error {
	hash := maphash.String(p.manifestSeed, id)
	again := p.seenBefore(hash)
	if p.current.manifests++; p.probing && again != p.current.repeat {
		return errRepeats()
	}
	if _, duplicate := p.current.hashes[hash]; duplicate {
		return fmt.Errorf("%w: duplicate key %q", page.ErrMalformed, clip(id))
	}
	p.current.add(hash)
	return nil
}

// googleLimit is the number of manifests or tags at which Artifact Registry cuts a list,
// without a Link or any other sign.
//
// See https://cloud.google.com/artifact-registry/quotas
const googleLimit = 10_000

// mayBeCut reports whether a page of one of Google's registries has exactly as many
// entries as the registry lists at most.
func (h *pageHashes) mayBeCut() bool {
	return h.manifests > 0 && (h.manifests == googleLimit || h.count == googleLimit)
}

func errMayBeCut() error {
	return &Error{
		Kind: ErrIncompleteList, Err: fmt.Errorf("the list has exactly %d manifests or tags, so that more may be missing", googleLimit),
		Hint: "Artifact Registry cuts longer lists without saying so; only its own API lists more",
	}
}
