package regret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/field"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/manifest"
)

// PutManifest stores a manifest or index under a tag or under its own digest:
// to restore what was deleted, or to point a tag elsewhere. A tag that exists is
// moved. What the manifest refers to must be in the repository. Some registries,
// such as zot, remove at once a manifest, with its children, that loses its last
// tag when the tag is moved.
//
// Raw must hash to Descriptor.Digest, and to the reference if that is a digest;
// otherwise nothing is sent. A PUT by digest is retried like a read; one by tag
// only if the first attempt certainly had no effect.
//
// Errors: [ErrInvalid], [ErrContentMissing] if what the manifest refers to is not
// in the repository, [ErrDigestMismatch] if the registry stored something else or
// under another digest, [ErrUnauthorized], [ErrForbidden], [ErrImmutable], [ErrReadOnly],
// [ErrOutcomeUnknown], [ErrRateLimited], [ErrUnavailable].
//
// Sends PUT /v2/<name>/manifests/<reference> ([end-7]).
//
// [end-7]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
func (c *Client) PutManifest(ctx context.Context, repository, reference string, m *Manifest) error {
	const op = "put manifest"
	repository, want, err := c.manifestName(op, repository, reference)
	if err != nil {
		return err
	}
	if err := m.check(want); err != nil {
		return invalid(op, repository, reference, "%w", err)
	}
	r := c.manifestRequest(op, http.MethodPut, repository, reference)
	r.scope.Action = "push"
	r.Header = http.Header{"Content-Type": {m.Descriptor.MediaType}}
	r.Body = m.Raw
	r.Repeatable = want != "" // a digest names content; a tag may be pushed anew between two attempts
	resp, err := r.do(ctx)
	switch {
	case err != nil && isAmbiguous(err) && want == "":
		return unknownOutcome(err, hintLook)
	case err != nil:
		return err
	case resp.StatusCode != http.StatusCreated:
		return r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a push"))
	}
	named, err := r.headerDigest(resp, m.Descriptor.Digest)
	if err != nil {
		return err
	}
	body.Discard(resp.Body)
	if want != "" && mayBeElsewhere(want, named) {
		if err := r.storedUnder(ctx, named); err != nil {
			return err
		}
	}
	c.seen.Add(repository, reference, m.Descriptor.Digest)
	return nil
}

// mayBeElsewhere reports whether a registry may have stored what was put under want
// under another digest: it named one in the response, or it named none and may have
// computed a sha256 digest.
func mayBeElsewhere(want, named Digest) bool {
	return named != want && (named != "" || want.Algorithm() != digest.Canonical)
}

// storedUnder looks whether a manifest is there under the digest that it was put
// under, although the registry named another one, or none: some store what is put
// under a sha512 digest under its sha256 digest only.
func (r *request) storedUnder(ctx context.Context, named Digest) error {
	_, err := r.lookAgain(ctx)
	switch {
	case errors.Is(err, errPresent):
		return nil
	case err == nil:
		return r.newError(ErrDigestMismatch, fmt.Errorf("the registry stored it under %s only", cmp.Or(named, "another digest")))
	}
	e := r.newError(ErrOutcomeUnknown, err)
	e.Hint = hintLook
	return e
}

// check compares a manifest with its descriptor and with the digest to put it under.
func (m *Manifest) check(want Digest) error {
	if m == nil || len(m.Raw) == 0 {
		return errors.New("the manifest is empty")
	}
	d := m.Descriptor
	if d.MediaType == "" || !field.IsPrintable(d.MediaType) {
		return fmt.Errorf("media type %q", clip(d.MediaType))
	}
	if err := grammar.Digest(d.Digest); err != nil {
		return err
	}
	if want != "" && want != d.Digest {
		return fmt.Errorf("the descriptor says %s, the reference %s", d.Digest, want)
	}
	content, err := manifest.Content(d.MediaType, m.Raw)
	if err != nil {
		return err
	}
	if actual := d.Digest.Algorithm().FromBytes(content); actual != d.Digest {
		return fmt.Errorf("the content has the digest %s, not %s", actual, d.Digest)
	}
	return nil
}
