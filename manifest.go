package regret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
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

// manifestTypes are all asked for whenever a manifest is, and the set cannot be
// changed: it decides which digest comes back. Leave one out and registries
// convert, pick a platform's child, or deny that there is anything.
var (
	manifestTypes = []string{
		ocispec.MediaTypeImageIndex,
		ocispec.MediaTypeImageManifest,
		MediaTypeDockerManifestList,
		MediaTypeDockerManifest,
		MediaTypeDockerSchema1JWS,
		MediaTypeDockerSchema1,
	}
	acceptManifests = []string{strings.Join(manifestTypes, ", ")}
)

// A Manifest is a manifest or index as the registry stores it.
type Manifest struct {
	Descriptor Descriptor
	// Raw is the content, byte for byte. It hashes to Descriptor.Digest; of a
	// signed schema1 manifest its payload does.
	Raw []byte
}

// ResolveDigest tells which digest a tag stands for, as the registry stores it:
// the digest to give to [Client.DeleteManifest]. A digest as reference is
// confirmed to be a manifest of the repository.
//
// All manifest types are accepted, so that the registry neither converts the
// manifest nor picks one platform's. Where HEAD does not serve (400, 404, 405,
// 406, 501, no digest, an odd type) one GET decides: the digest is then that of
// the bytes received, and must agree with the header.
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

// Resolve is [Client.ResolveDigest] with media type and size. The size is what
// the registry announced, 0 if it did not; only [Client.Manifest] has counted.
func (c *Client) Resolve(ctx context.Context, repository, reference string) (Descriptor, error) {
	const op = "resolve"
	repository, want, err := c.manifestName(op, repository, reference)
	if err != nil {
		return Descriptor{}, err
	}
	x := c.manifestExchange(op, http.MethodHead, repository, reference)
	resp, err := x.do(ctx)
	if err == nil {
		discard(resp.Body)
		if err := x.switched(resp, want); err != nil {
			return Descriptor{}, err
		}
		d, served, err := x.headDescriptor(resp, want)
		if err != nil {
			return Descriptor{}, err
		}
		if served {
			c.remember(repository, reference, d.Digest)
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

// Manifest reads a manifest or index and proves that its bytes are what its
// digest says. Its content is not interpreted beyond what tells its type.
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

// manifestName validates what names a manifest, before any request.
func (c *Client) manifestName(op, repository, reference string) (string, Digest, error) {
	name, err := c.repository(op, repository)
	if err != nil {
		return "", "", err
	}
	want, err := checkReference(reference)
	if err != nil {
		return "", "", invalid(op, name, clip(reference), "%w", err)
	}
	return name, want, nil
}

func (c *Client) manifestExchange(op, method, repository, reference string) *exchange {
	x := c.exchange(op, method, repository, reference)
	x.path = escapePath("/v2", repository, "manifests", reference)
	x.pulls = true
	return x
}

// switched refuses what a redirect led to if that is another manifest of the
// repository: Keppel sends who does not accept an index to one of its children,
// and to delete that would break the index. What is asked for by digest is held
// against the digest.
func (x *exchange) switched(resp *http.Response, want Digest) error {
	u := resp.Request.URL
	if want != "" || u.Path == x.path { // as nearly always
		return nil
	}
	path := u.EscapedPath()
	if path == x.path || originOf(u) != x.transport.origin || !strings.HasPrefix(path, escapePath("/v2", x.repository, "manifests")+"/") {
		return nil
	}
	return x.refuse(resp, ErrRedirect, errors.New("the answer is about another manifest than the tag's"))
}

// headDescriptor reads the answer to a HEAD. It reports served = false where
// only the content can tell.
func (x *exchange) headDescriptor(resp *http.Response, want Digest) (d Descriptor, served bool, err error) {
	dgst, err := x.headerDigest(resp, want)
	if err != nil {
		return Descriptor{}, false, err
	}
	t := mediaType(resp.Header)
	if resp.StatusCode != http.StatusOK || dgst == "" || want != "" && dgst != want || !slices.Contains(manifestTypes, t) {
		return Descriptor{}, false, nil
	}
	return Descriptor{MediaType: t, Digest: dgst, Size: max(resp.ContentLength, 0)}, true, nil
}

// headerDigest is the one digest that the header names; empty if it names none.
// One that contradicts itself or the request is an error. It may be of another
// algorithm than the one asked for: whether both are right, the content tells.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
func (x *exchange) headerDigest(resp *http.Response, want Digest) (Digest, error) {
	values := resp.Header["Docker-Content-Digest"]
	if len(values) == 0 {
		return "", nil
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return "", x.refuse(resp, ErrDigestMismatch, errors.New("the answer names two digests"))
		}
	}
	dgst := Digest(values[0])
	if err := checkDigest(dgst); err != nil {
		return "", x.refuse(resp, ErrNotRegistry, fmt.Errorf("Docker-Content-Digest: %w", err))
	}
	if want != "" && dgst != want && dgst.Algorithm() == want.Algorithm() {
		return "", x.refuse(resp, ErrDigestMismatch, fmt.Errorf("the answer is about %s", dgst))
	}
	return dgst, nil
}

// headUnserved says that HEAD was refused in a way that leaves the answer to
// GET. HEAD has no body: without GET, a missing manifest could not be told from
// a missing repository, or from a proxy that does not pass HEAD on.
func headUnserved(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Method != http.MethodHead { // or it was the token service that refused
		return false
	}
	switch e.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusNotAcceptable, http.StatusNotImplemented:
		return true
	}
	return false
}

// fetchManifest GETs a manifest and proves its digest.
func (c *Client) fetchManifest(ctx context.Context, op, repository, reference string, want Digest) (*Manifest, error) {
	x := c.manifestExchange(op, http.MethodGet, repository, reference)
	x.limit = c.config.limits.ManifestBytes
	resp, err := x.do(ctx)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, x.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a pull"))
	}
	if err := x.switched(resp, want); err != nil {
		return nil, err
	}
	raw := x.content
	named, err := x.headerDigest(resp, want)
	if err != nil {
		return nil, err
	}
	t, err := typeOf(resp.Header, raw)
	if err != nil {
		return nil, x.refuse(resp, ErrNotRegistry, err)
	}
	content, err := hashed(t, raw)
	if err != nil {
		return nil, x.refuse(resp, ErrNotRegistry, err)
	}
	for _, claimed := range []Digest{want, named} {
		if claimed == "" {
			continue
		}
		if actual := claimed.Algorithm().FromBytes(content); actual != claimed {
			return nil, x.refuse(resp, ErrDigestMismatch, fmt.Errorf("the content has the digest %s, not %s", actual, claimed))
		}
	}
	dgst := cmp.Or(want, named, digest.FromBytes(content))
	c.remember(repository, reference, dgst)
	return &Manifest{Descriptor: Descriptor{MediaType: t, Digest: dgst, Size: int64(len(raw))}, Raw: raw}, nil
}

// remember keeps that a digest was served as a manifest, and what a tag stood
// for.
func (c *Client) remember(repository, reference string, dgst Digest) {
	served, tag := imageName{repository, string(dgst)}, reference
	if reference == string(dgst) {
		tag, _ = c.manifests.Get(served)
	} else {
		c.tags.Set(imageName{repository, tag}, dgst)
	}
	c.manifests.Set(served, tag)
}

// forget keeps nothing of a manifest that is deleted: who deletes a million
// images one after the other does not fill the memory with their names.
func (c *Client) forget(repository string, dgst Digest) {
	served := imageName{repository, string(dgst)}
	if tag, _ := c.manifests.Get(served); tag != "" {
		key := imageName{repository, tag}
		if now, _ := c.tags.Get(key); now == dgst {
			c.tags.Delete(key)
		}
	}
	c.manifests.Delete(served)
}

// mediaType is the type in Content-Type, without its parameters.
func mediaType(h http.Header) string {
	value := h.Get("Content-Type")
	if slices.Contains(manifestTypes, value) { // by far the most frequent, and free
		return value
	}
	t, _, err := mime.ParseMediaType(value)
	if err != nil {
		return ""
	}
	return t
}
