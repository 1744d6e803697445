package regret

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/errorbody"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/link"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// DeleteManifest deletes the manifest with this digest, and with it every tag
// of the repository that points to it. What the manifest refers to (children of
// an index, layers) stays on most registries, and disk usage with it until the
// registry collects garbage. Deleting a child of an index breaks the index.
//
// A digest that this client has not yet seen served as a manifest of the
// repository is resolved first: some registries accept the digest of a layer
// here and delete the layer. If an attempt gets no response and the next one
// finds the manifest gone, that is success. Where a registry removes the tags in
// parts and says where to continue, the DELETE continues there, at the same
// path. Redirects are not followed.
//
// Errors: [ErrInvalid] (a tag is not a digest: resolve it first),
// [ErrNotFound], [ErrDeleteDisabled], [ErrReferenced], [ErrStillTagged],
// [ErrImmutable], [ErrReadOnly], [ErrForbidden], [ErrUnauthorized],
// [ErrStillPresent], [ErrOutcomeUnknown], [ErrRateLimited], [ErrUnavailable],
// [ErrRedirect].
//
// Sends DELETE /v2/<name>/manifests/<digest> ([end-9]).
//
// [end-9]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (c *Client) DeleteManifest(ctx context.Context, repository string, dgst Digest) error {
	const op = "delete manifest"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	if err := grammar.Digest(dgst); err != nil {
		refusal := invalid(op, repository, clip(string(dgst)), "%w", err)
		if grammar.Tag(string(dgst)) == nil {
			refusal.Hint = "resolve a tag first, with ResolveDigest"
		}
		return refusal
	}
	if !c.seen.IsManifest(repository, dgst) {
		if _, err := c.Resolve(ctx, repository, string(dgst)); err != nil {
			return notDeleted(err, op)
		}
	}
	d := c.newDeletion(op, repository, string(dgst))
	resp, err := d.sendWhole(ctx)
	if err == nil {
		err = d.confirm(ctx, resp)
	} else {
		_, err = d.settle(ctx, err)
	}
	if err == nil {
		c.seen.DropManifest(repository, dgst)
	}
	return err
}

// notDeleted adds to the error of the look-up before a deletion which operation
// it was for.
func notDeleted(err error, op string) error {
	return annotate(err, func(e *Error) {
		e.Op = op
		if e.StatusCode >= http.StatusInternalServerError && e.Hint == "" {
			e.Hint = "nothing was deleted; some registries answer so about the digest of a layer or a configuration"
		}
	})
}

// CheckDelete asks whether this registry, with these credentials, would delete
// a manifest of the repository. It deletes nothing: it sends the DELETE for a
// random digest that does not exist, and takes the response that it is unknown
// for permission. It cannot foresee rules about single images: immutable tags,
// references, the last tag.
//
// Errors: [ErrDeleteDisabled], [ErrReadOnly], [ErrForbidden],
// [ErrUnauthorized], otherwise what the registry answered.
//
// Sends DELETE /v2/<name>/manifests/<digest> ([end-9]).
//
// [end-9]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (c *Client) CheckDelete(ctx context.Context, repository string) error {
	const op = "check delete"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	d := c.newDeletion(op, repository, string(digest.FromString(rand.Text())))
	return d.check(ctx, "the registry accepted to delete a digest that does not exist: its success says nothing")
}

// check sends the DELETE of something that does not exist. Accepted is what a
// response that accepts it means.
func (d deletion) check(ctx context.Context, accepted string) error {
	resp, err := d.do(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return d.refuse(resp, "", errors.New(accepted))
}

// A deletion is the DELETE of a digest or a tag, and what its outcome means.
type deletion struct{ *request }

func (c *Client) newDeletion(op, repository, reference string) deletion {
	r := c.manifestRequest(op, http.MethodDelete, repository, reference)
	r.scope.Action = "delete"
	r.Repeatable = r.byDigest() // a digest names content; a tag may be pushed anew between two attempts
	return deletion{r}
}

// confirm checks a 2xx response to a DELETE. 202 is what the specification says;
// a body with errors contradicts it, and so does another digest. 200 and 204 are often those of a proxy or a
// portal, and count only if the manifest or tag is gone.
func (d deletion) confirm(ctx context.Context, resp transport.Response) error {
	details, readable := d.errorsIn(resp)
	echoed := readDigestHeader(resp.Header)
	contradiction := len(details) > 0 || echoed.several || d.byDigest() && echoed.first != "" && string(echoed.first) != d.reference
	verify := d.client.config.verify
	if resp.StatusCode == http.StatusAccepted && !contradiction && !echoed.malformed && readable && !verify {
		return nil
	}
	e := d.about(resp, "", nil)
	e.Details = details
	switch resp.StatusCode {
	case http.StatusAccepted, http.StatusOK, http.StatusNoContent:
	default:
		e.Kind, e.Err = ErrNotRegistry, errors.New("not a status that answers a deletion")
		return e
	}
	_, err := d.lookAgain(ctx)
	switch {
	case errors.Is(err, errPresent):
		e.Kind = ErrStillPresent
		if !d.byDigest() {
			e.Hint = "or it was pushed anew meanwhile"
		}
	case err != nil:
		e.Kind, e.Err = ErrOutcomeUnknown, err
	case contradiction:
		e.Kind, e.Err = ErrOutcomeUnknown, errors.New("it is gone, but the response contains errors or another digest")
		e.Hint = "look at the tags: some may be left without a manifest"
	case verify && d.byDigest():
		return d.survivors(ctx)
	default:
		return nil
	}
	return e
}

// errorsIn reads the body of a 2xx response to a DELETE: nothing, or errors.
// A body that cannot be read to its end, or that only begins like JSON, may have
// been errors: it is not readable.
func (d deletion) errorsIn(resp transport.Response) (details []Detail, readable bool) {
	if resp.Body == http.NoBody {
		return nil, true
	}
	raw, whole := body.ReadError(resp.Body, d.client.config.limits.ErrorBytes)
	details = d.client.details(raw, whole)
	if errorbody.IsEnvelope(raw) || isRegistryError(details) {
		return details, true
	}
	trimmed := bytes.TrimSpace(raw) // text that comes with a success means nothing
	switch {
	case len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[':
		return nil, whole
	case trimmed[0] == '[':
		return nil, false // perhaps errors without the object around them
	}
	return nil, whole && json.Valid(trimmed)
}

// settle decides what a failed DELETE means. It looks again after an attempt that
// may have had an effect, and where the registry does not know a manifest that
// it has served before, and returns the digest that it found. Any other failure
// stays as it is.
func (d deletion) settle(ctx context.Context, failure error) (found Digest, err error) {
	ambiguous, missing := isAmbiguous(failure), errors.Is(failure, ErrNotFound)
	if !ambiguous && !(missing && d.byDigest()) {
		return "", failure
	}
	found, err = d.lookAgain(ctx)
	present := errors.Is(err, errPresent)
	switch {
	case err == nil && (ambiguous || d.Query != ""):
		return "", nil // gone: by the attempt without a response, by a part before, or by another client
	case err == nil:
		return "", failure // missing, as the registry says
	case present && missing && d.byDigest():
		return found, deniedButServed(failure)
	case present && d.byDigest():
		return found, failure
	case present:
		return found, unknownOutcome(failure, "the tag is there, but may have been pushed anew")
	}
	hint := hintLook
	if missing && !ambiguous {
		hint = "the registry says so of what it has served, and a look failed: " + hint
	}
	return "", annotate(unknownOutcome(failure, hint), func(e *Error) {
		e.Err = cmp.Or(ctx.Err(), e.Err) // why the look failed, if that is why
	})
}

// deniedButServed is the failure where a registry denies to know what it
// serves: Quay reads a manifest without a tag, but does not delete it. "Not
// found" would be taken for "gone".
func deniedButServed(failure error) error {
	return annotate(failure, func(e *Error) {
		e.Kind, e.Err = "", errors.New("the registry serves the manifest, yet does not delete it")
		e.Hint = "Quay answers so where nothing but an index points to the manifest, or nothing at all: it deletes by way of tags"
	})
}

// errPresent says that what was to be deleted is there.
var errPresent = errors.New("it is there")

// lookAgain asks once whether the manifest or tag is gone: nil if the registry
// itself says so, errPresent if it is served, otherwise why that is unknown.
func (r *request) lookAgain(ctx context.Context) (Digest, error) {
	found, err := r.client.ResolveDigest(ctx, r.repository, r.reference)
	switch {
	case err == nil:
		return found, errPresent
	case errors.Is(err, ErrNotFound):
		return "", nil
	}
	return "", err
}

// maxContinuations bounds how often one DELETE is continued. Cloudflare's
// registry removes a thousand tags at a time.
const maxContinuations = 1000

// codeManifestTags is how Cloudflare's serverless registry says that it has
// removed some tags of a manifest, and where to continue.
const codeManifestTags Code = "MANIFEST_TAGS"

// sendWhole sends the DELETE, and sends it again with the query that the
// registry names for as long as it says that there are more tags to remove. That
// is one deletion in parts, to one path: only the query of the Link is used.
func (d deletion) sendWhole(ctx context.Context) (transport.Response, error) {
	var queries loopDetector
	for range maxContinuations {
		resp, failure := d.send(ctx)
		if failure == nil {
			return resp, nil
		}
		e := d.errorOf(failure)
		if !e.hasCode(codeManifestTags) {
			return resp, d.partlyDone(e, d.Query != "")
		}
		query, err := d.continuation(failure)
		if err != nil || queries.seen(query) {
			e.Err = cmp.Or(e.Err, err)
			return resp, d.partlyDone(e, true)
		}
		d.Query = query
	}
	return transport.Response{}, d.partlyDone(d.newError("", errors.New("the registry removes tags without end")), true)
}

// continuation returns the query with which to continue a deletion.
func (d deletion) continuation(f *transport.Failure) (string, error) {
	here := &url.URL{Scheme: d.client.origin.Scheme, Host: d.client.origin.Host, Path: d.Path, RawQuery: d.Query}
	next, err := link.Next(f.Header, here)
	switch {
	case err != nil:
		return "", err
	case next == nil || next.RawQuery == "":
		return "", errors.New("there is no Link to continue at")
	}
	return next.RawQuery, nil
}

// partlyDone adds to a failure after a first part that some tags may be gone.
func (d deletion) partlyDone(e *Error, started bool) error {
	if started {
		e.Hint = joinHints(e.Hint, "some of its tags may be gone: delete it again to continue")
	}
	return e
}
