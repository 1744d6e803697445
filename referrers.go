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

	"github.com/go-json-experiment/json/jsontext"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
	"github.com/seed-8cb7cc86/regret/internal/page"
)

// Referrers lists the manifests that refer to a subject: signatures, SBOMs,
// attestations. If artifactTypes are given, it lists only manifests of those types.
// The list is empty if nothing refers to the subject or the subject does not exist.
//
// A registry without the referrers API responds with 404. Only then does Referrers
// read the index under the fallback tag ("sha256-<hex>") instead. As with
// [Client.Tags], a sequence that ends without an error is complete, and an entry
// whose digest is invalid, or of an algorithm that this library does not know, is
// left out and named in [ErrInvalidEntries] at the end.
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
			entry: descriptor,
			id:    func(d Descriptor) string { return string(d.Digest) },
			check: func(d Descriptor) error { return grammar.Digest(d.Digest) },
			keep: func(d Descriptor) bool {
				return len(artifactTypes) == 0 || slices.Contains(artifactTypes, d.ArtifactType)
			},
		}
		if len(artifactTypes) == 1 { // the API filters by one type only; keep filters by several
			l.query = "artifactType=" + url.QueryEscape(artifactTypes[0])
		}
		l.missing = func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.StatusCode != http.StatusNotFound || e.URL != l.request("").url() { // the 404 of a token service does not count
				return false
			}
			c.fallbackReferrers(ctx, &l, subject, yield)
			return true
		}
		l.walk(ctx, yield)
	}
}

// HasReferrers reports whether the registry has the referrers API, not whether the
// subject has referrers. It is false only if the response is 404, with or without an
// error code: a registry with the API must not send that, not even about a subject that
// it does not have. Ask about a repository that exists; for any other the specification
// requires no particular response.
//
// Errors: [ErrInvalid], [ErrUnauthorized], [ErrForbidden], [ErrRedirect],
// [ErrNotRegistry], [ErrRateLimited], [ErrUnavailable].
//
// Sends GET /v2/<name>/referrers/<digest> ([end-12a]).
//
// [end-12a]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
func (c *Client) HasReferrers(ctx context.Context, repository string, subject Digest) (bool, error) {
	const op = "has referrers"
	name, err := c.repository(op, repository)
	if err != nil {
		return false, err
	}
	if err := grammar.Digest(subject); err != nil {
		return false, invalid(op, name, clip(string(subject)), "%w", err)
	}
	return c.hasReferrersAPI(ctx, op, name, subject)
}

// hasReferrersAPI reports whether the registry has the referrers API. Only a 404 means
// that it does not.
func (c *Client) hasReferrersAPI(ctx context.Context, op, repository string, subject Digest) (bool, error) {
	r := c.newRequest(op, http.MethodGet, repository, "", "/v2", repository, "referrers", string(subject))
	resp, err := r.do(ctx)
	e, failed := errors.AsType[*Error](err)
	switch {
	case failed && e.StatusCode == http.StatusNotFound && e.URL == r.url(): // the 404 of a token service does not count
		return false, nil
	case err != nil:
		return false, err
	case resp.StatusCode != http.StatusOK:
		return false, r.refuse(resp, ErrNotRegistry, errors.New("a response with a list must have status 200"))
	}
	if err := r.notHTML(resp); err != nil {
		return false, err
	}
	if resp.ContentLength == 0 {
		return false, r.refuse(resp, ErrNotRegistry, errors.New("no list"))
	}
	body.Discard(resp.Body)
	return true, nil
}

// fallbackReferrers reads the index that clients maintain under the fallback tag at
// a registry without the referrers API.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api
func (c *Client) fallbackReferrers(ctx context.Context, l *list[Descriptor], subject Digest, yield func(Descriptor, error) bool) {
	tag := fallbackTag(subject)
	m, err := c.fetchManifest(ctx, l.op, l.repository, tag, "")
	if errors.Is(err, ErrNotFound) && !errors.Is(err, CodeNameUnknown) { // an unknown repository may be a typing error
		return
	}
	if err != nil {
		yield(Descriptor{}, err)
		return
	}
	if !manifest.IsIndex(m.Descriptor.MediaType) {
		yield(Descriptor{}, &Error{Op: l.op, Repository: l.repository, Reference: tag, Kind: ErrNotRegistry,
			Err: errNoReferrersIndex})
		return
	}
	p := progress{pages: 1, seed: maphash.MakeSeed()}
	err = l.read(bytes.NewReader(m.Raw), func(d Descriptor) error { return l.take(&p, d, yield) })
	if errors.Is(err, errStopped) {
		return
	}
	r := c.manifestRequest(l.op, http.MethodGet, l.repository, tag)
	if err != nil {
		yield(Descriptor{}, r.listError(err))
	} else if err := p.invalid.error(r); err != nil {
		yield(Descriptor{}, err)
	}
}

// descriptor decodes an entry of an index. An object without a digest is no
// descriptor, so the page is not one of this API.
func descriptor(d *jsontext.Decoder) (Descriptor, error) {
	entry, err := page.Value[Descriptor](d)
	if err == nil && entry.Digest == "" {
		err = errors.New("an entry without a digest")
	}
	return entry, err
}

// errNoReferrersIndex is the error if the manifest under the fallback tag is not an index.
var errNoReferrersIndex = errors.New("the manifest under the fallback tag of the referrers is not an index")

// fallbackTag returns the digest in the form of a tag, with both parts truncated as
// the specification requires.
func fallbackTag(subject Digest) string {
	algorithm, encoded := string(subject.Algorithm()), subject.Encoded()
	return algorithm[:min(len(algorithm), 32)] + "-" + encoded[:min(len(encoded), 64)]
}
