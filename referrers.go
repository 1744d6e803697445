package regret

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"net/http"
	"net/url"
	"slices"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
	"github.com/seed-8cb7cc86/regret/internal/page"
)

// Referrers lists the manifests that refer to a subject: signatures, SBOMs,
// attestations. If artifact types are named, only those. A subject that nobody
// refers to, or that does not exist, has none.
//
// A registry without the referrers API answers 404; then, and only then, the
// index under the fallback tag ("sha256-<hex>") is read instead. Completeness
// is as with [Client.Tags].
//
// Errors: as [Client.Tags], and those of [Client.Manifest] for the fallback.
//
// Sends GET /v2/<name>/referrers/<digest> ([end-12a]).
//
// [end-12a]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
func (c *Client) Referrers(ctx context.Context, repository string, subject Digest, artifactTypes ...string) iter.Seq2[Descriptor, error] {
	const op = "referrers"
	return func(yield func(Descriptor, error) bool) {
		name, err := c.repository(op, repository)
		if err != nil {
			yield(Descriptor{}, err)
			return
		}
		if err := grammar.Digest(subject); err != nil {
			yield(Descriptor{}, invalid(op, name, clip(string(subject)), "%w", err))
			return
		}
		l := list[Descriptor]{
			client: c,
			op:     op, repository: name, path: "/v2/" + name + "/referrers/" + string(subject),
			key: "manifests", scope: auth.Scope{Type: "repository", Name: name, Action: "pull"},
			entry: page.Value[Descriptor],
			id:    func(d Descriptor) string { return string(d.Digest) },
			check: func(d Descriptor) error { return grammar.Digest(d.Digest) },
			keep: func(d Descriptor) bool {
				return len(artifactTypes) == 0 || slices.Contains(artifactTypes, d.ArtifactType)
			},
		}
		if len(artifactTypes) == 1 { // the API filters by one; the rest is ours
			l.query = "artifactType=" + url.QueryEscape(artifactTypes[0])
		}
		l.missing = func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.StatusCode != http.StatusNotFound || e.URL != c.origin.String()+l.path { // or the token service answered 404
				return false
			}
			c.fallbackReferrers(ctx, &l, subject, yield)
			return true
		}
		l.walk(ctx, yield)
	}
}

// fallbackReferrers reads the index that clients keep under a tag where the
// registry keeps no referrers itself.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api
func (c *Client) fallbackReferrers(ctx context.Context, l *list[Descriptor], subject Digest, yield func(Descriptor, error) bool) {
	tag := fallbackTag(subject)
	m, err := c.fetchManifest(ctx, l.op, l.repository, tag, "")
	if errors.Is(err, ErrNotFound) && !errors.Is(err, CodeNameUnknown) { // a repository that is missing may be a mistyped one
		return
	}
	if err != nil {
		yield(Descriptor{}, err)
		return
	}
	if !manifest.IsIndex(m.Descriptor.MediaType) {
		yield(Descriptor{}, &Error{Op: l.op, Repository: l.repository, Reference: tag, Kind: ErrNotRegistry,
			Err: errors.New("the fallback tag of the referrers does not hold an index")})
		return
	}
	p := progress{pages: 1, seed: maphash.MakeSeed()}
	err = l.read(bytes.NewReader(m.Raw), func(d Descriptor) error { return l.take(&p, d, yield) })
	if err == nil || errors.Is(err, errStopped) {
		return
	}
	r := c.manifestRequest(l.op, http.MethodGet, l.repository, tag)
	yield(Descriptor{}, r.listError(err))
}

// fallbackTag is the digest in the form of a tag, both parts cut to the length
// that fits one.
func fallbackTag(subject Digest) string {
	algorithm, encoded := string(subject.Algorithm()), subject.Encoded()
	return algorithm[:min(len(algorithm), 32)] + "-" + encoded[:min(len(encoded), 64)]
}
