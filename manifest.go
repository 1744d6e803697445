package regret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// Media types of Docker's manifests, which the image specification does not
// name as constants.
//
// See https://distribution.github.io/distribution/spec/manifest-v2-2/ and
// https://distribution.github.io/distribution/spec/deprecated-schema-v1/
const (
	MediaTypeDockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerSchema1      = "application/vnd.docker.distribution.manifest.v1+json"
	MediaTypeDockerSchema1JWS   = "application/vnd.docker.distribution.manifest.v1+prettyjws"
)

// acceptManifests is the header of every request for a manifest.
var acceptManifests = http.Header{"Accept": {strings.Join(manifest.MediaTypes(), ", ")}}

// A Manifest is a manifest or index as the registry stores it.
type Manifest struct {
	Descriptor Descriptor
	// Raw is the content, byte for byte. It hashes to Descriptor.Digest; of a
	// signed schema1 manifest its payload does.
	Raw []byte
}

// ResolveDigest returns the digest of the manifest that a tag points to, as the
// registry stores it: the digest to pass to [Client.DeleteManifest]. If the
// reference is a digest, ResolveDigest confirms that it is a manifest of the
// repository.
//
// All manifest types are accepted, so that the registry neither converts the
// manifest nor selects one platform's. Where HEAD does not serve (400, 403, 404,
// 405, 406, 410, 501, no digest, another media type) one GET decides: the digest is then
// that of the bytes received, and must agree with the header.
//
// Errors: [ErrInvalid], [ErrNotFound], [ErrUnauthorized], [ErrForbidden],
// [ErrDigestMismatch], [ErrNotRegistry], [ErrTooLarge], [ErrRateLimited],
// [ErrUnavailable].
//
// Sends HEAD /v2/<name>/manifests/<reference> ([end-3]), and GET if need be.
//
// [end-3]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#checking-if-content-exists-in-the-registry
func (c *Client) ResolveDigest(ctx context.Context, repository, reference string) (Digest, error) {
	d, err := c.Resolve(ctx, repository, reference)
	return d.Digest, err
}

// Resolve is [Client.ResolveDigest] with media type and size. The size is the one
// in the response's header, 0 if there is none; [Client.Manifest] counts.
func (c *Client) Resolve(ctx context.Context, repository, reference string) (Descriptor, error) {
	const op = "resolve"
	repository, want, err := c.manifestName(op, repository, reference)
	if err != nil {
		return Descriptor{}, err
	}
	r := c.manifestRequest(op, http.MethodHead, repository, reference).acceptManifests()
	resp, err := r.do(ctx)
	if err == nil {
		body.Discard(resp.Body)
		d, served, err := r.headDescriptor(resp, want)
		if err != nil {
			return Descriptor{}, err
		}
		if served {
			c.seen.Add(repository, reference, d.Digest)
			return d, nil
		}
	} else if !headUnserved(err) {
		return Descriptor{}, err
	}
	m, err := c.fetchManifest(ctx, op, repository, reference, want)
	if err != nil {
		return Descriptor{}, err
	}
	return m.Descriptor, nil
}

// Manifest reads a manifest or index and proves that its bytes hash to its
// digest. It interprets no more of the content than determines its media type.
//
// Errors: as [Client.ResolveDigest].
//
// Sends GET /v2/<name>/manifests/<reference> ([end-3]).
//
// [end-3]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
func (c *Client) Manifest(ctx context.Context, repository, reference string) (*Manifest, error) {
	const op = "manifest"
	repository, want, err := c.manifestName(op, repository, reference)
	if err != nil {
		return nil, err
	}
	return c.fetchManifest(ctx, op, repository, reference, want)
}

// manifestName checks the names of a manifest before any request.
func (c *Client) manifestName(op, repository, reference string) (string, Digest, error) {
	name, err := c.repository(op, repository)
	if err != nil {
		return "", "", err
	}
	want, err := grammar.Reference(reference)
	if err != nil {
		return "", "", invalid(op, name, clip(reference), "%w", err)
	}
	return name, want, nil
}

// sameManifest refuses the response of a redirect that led to another manifest
// of the repository: Keppel sends a client that does not accept an index to one
// of its children, and deleting that would break the index. A manifest that is
// asked for by digest is compared with the digest instead.
func (r *request) sameManifest(resp transport.Response, want Digest) error {
	u := resp.Request.URL
	if want != "" || u.Path == r.Path || origin.Of(u) != r.client.origin || !strings.HasPrefix(u.Path, "/v2/"+r.repository+"/manifests/") {
		return nil
	}
	return r.refuse(resp, ErrRedirect, errors.New("the response is about another manifest than the tag's"))
}

// headDescriptor reads the response to a HEAD. It returns served = false where
// only the content can decide.
func (r *request) headDescriptor(resp transport.Response, want Digest) (d Descriptor, served bool, err error) {
	if err := r.sameManifest(resp, want); err != nil {
		return Descriptor{}, false, err
	}
	dgst, err := r.headerDigest(resp, want)
	if err != nil {
		return Descriptor{}, false, err
	}
	t := mediaType(resp.Header)
	if resp.StatusCode != http.StatusOK || dgst == "" || readDigestHeader(resp.Header).malformed || want != "" && dgst != want || !manifest.IsMediaType(t) {
		return Descriptor{}, false, nil
	}
	return Descriptor{MediaType: t, Digest: dgst, Size: max(resp.ContentLength, 0)}, true, nil
}

// headerDigest returns the digest in the header; empty if there is none, or none
// that is well-formed: then the content decides. A header that contradicts itself
// or the request is an error. The digest may be of another algorithm than the one
// asked for: whether both are right, the content decides.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
func (r *request) headerDigest(resp transport.Response, want Digest) (Digest, error) {
	named := readDigestHeader(resp.Header)
	switch {
	case named.several:
		return "", r.refuse(resp, ErrDigestMismatch, errors.New("the response names two digests"))
	case named.first != "" && want != "" && named.first != want && named.first.Algorithm() == want.Algorithm():
		return "", r.refuse(resp, ErrDigestMismatch, fmt.Errorf("the response is about %s", named.first))
	}
	return named.first, nil
}

// A digestHeader is what Docker-Content-Digest says.
type digestHeader struct {
	first     Digest // the first one that is well-formed; empty if there is none
	several   bool   // there are different ones
	malformed bool   // there are values that are no digests
}

func readDigestHeader(h http.Header) (n digestHeader) {
	for _, value := range h["Docker-Content-Digest"] {
		switch d := Digest(value); {
		case grammar.Digest(d) != nil:
			n.malformed = true
		case n.first == "":
			n.first = d
		case d != n.first:
			n.several = true
		}
	}
	return n
}

// headUnserved reports whether HEAD was refused in a way that leaves the decision
// to GET. A response to HEAD has no body: without GET, a missing manifest could
// not be told from a missing repository, or from a proxy that does not pass HEAD
// on.
func headUnserved(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Method != http.MethodHead { // or the token service refused
		return false
	}
	switch e.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusNotAcceptable, http.StatusGone, http.StatusNotImplemented:
		return true
	}
	return false
}

// fetchManifest GETs a manifest and proves its digest.
func (c *Client) fetchManifest(ctx context.Context, op, repository, reference string, want Digest) (*Manifest, error) {
	r := c.manifestRequest(op, http.MethodGet, repository, reference).acceptManifests()
	r.Limit = c.config.limits.ManifestBytes
	resp, err := r.do(ctx)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a pull"))
	}
	if err := r.sameManifest(resp, want); err != nil {
		return nil, err
	}
	m, err := r.provenManifest(resp, want)
	if err != nil {
		return nil, err
	}
	c.seen.Add(repository, reference, m.Descriptor.Digest)
	return m, nil
}

// provenManifest compares the content with the digest that was asked for and
// with that of the header.
func (r *request) provenManifest(resp transport.Response, want Digest) (*Manifest, error) {
	named, err := r.headerDigest(resp, want)
	if err != nil {
		return nil, err
	}
	raw := resp.Content
	t, err := manifest.TypeOf(resp.Header.Get("Content-Type"), raw)
	if err != nil {
		return nil, r.refuse(resp, ErrNotRegistry, err)
	}
	content, err := manifest.Content(t, raw)
	if err != nil {
		return nil, r.refuse(resp, ErrNotRegistry, err)
	}
	for _, claimed := range []Digest{want, named} {
		if claimed == "" {
			continue
		}
		if actual := claimed.Algorithm().FromBytes(content); actual != claimed {
			return nil, r.refuse(resp, ErrDigestMismatch, fmt.Errorf("the content has the digest %s, not %s", actual, claimed))
		}
	}
	dgst := cmp.Or(want, named, digest.FromBytes(content))
	return &Manifest{Descriptor: Descriptor{MediaType: t, Digest: dgst, Size: int64(len(raw))}, Raw: raw}, nil
}

// mediaType is the media type in Content-Type, without its parameters.
func mediaType(h http.Header) string { return manifest.MediaType(h.Get("Content-Type")) }
