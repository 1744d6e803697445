package regret

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// DeleteManifest deletes the manifest with this digest, and with it every tag
// of the repository that points at it. What it refers to (children of an index,
// layers) stays, and so does disk usage until the registry collects garbage.
// Deleting a child of an index breaks the index.
//
// A digest that this client has not yet seen served as a manifest of the
// repository is asked for first: some registries accept the digest of a layer
// here, and the layer is gone. A repeated attempt that finds the manifest gone
// after an attempt without an answer is a success. Where a registry takes off
// the tags in parts and says where to go on, the DELETE goes on there, at the
// same path. Redirects are not followed.
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
	if err := checkDigest(dgst); err != nil {
		refusal := invalid(op, repository, clip(string(dgst)), "%w", err)
		if checkTag(string(dgst)) == nil {
			refusal.Hint = "a tag is resolved first, with ResolveDigest"
		}
		return refusal
	}
	if _, seen := c.manifests.Get(imageName{repository, string(dgst)}); !seen {
		if _, err := c.Resolve(ctx, repository, string(dgst)); err != nil {
			return preflightFailure(err, op)
		}
	}
	x := c.deleteExchange(op, repository, string(dgst), repeatSafe)
	resp, err := x.deleteWhole(ctx)
	if err == nil {
		err = c.confirm(ctx, x, resp)
	} else {
		_, err = c.settle(ctx, x, err)
	}
	if err == nil {
		c.forget(repository, dgst)
	}
	return err
}

// Untag removes one tag. The manifest stays, under its digest and its other
// tags. It is one DELETE by tag and never anything else: a registry that does
// not delete by tag answers with an error, and nothing has changed.
//
// The DELETE is repeated only where the first certainly had no effect. After an
// attempt without an answer the tag is resolved again: gone is success; if it
// is what this client last resolved it to, the DELETE is repeated once;
// anything else may have been pushed meanwhile and is left alone.
//
// Errors: [ErrInvalid], [ErrTagDeleteUnsupported], otherwise as
// [Client.DeleteManifest].
//
// Sends DELETE /v2/<name>/manifests/<tag> ([end-9]).
//
// [end-9]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
func (c *Client) Untag(ctx context.Context, repository, tag string) error {
	const op = "untag"
	repository, err := c.repository(op, repository)
	if err != nil {
		return err
	}
	if err := checkTag(tag); err != nil {
		refusal := invalid(op, repository, clip(tag), "%w", err)
		if checkDigest(Digest(tag)) == nil {
			refusal.Hint = "a digest is deleted with DeleteManifest"
		}
		return refusal
	}
	key := imageName{repository, tag}
	before, known := c.tags.Get(key)
	after, err := c.untag(ctx, op, key)
	if known && after == before {
		_, err = c.untag(ctx, op, key)
		if errors.Is(err, ErrNotFound) { // gone: by the first DELETE after all
			err = nil
		}
	}
	if err == nil {
		c.tags.Delete(key)
	}
	return err
}

// untag sends the one DELETE. If there was no answer, it looks, and says what
// stands under the tag; what it saw itself, for others may resolve the tag too.
func (c *Client) untag(ctx context.Context, op string, key imageName) (stands Digest, err error) {
	x := c.deleteExchange(op, key.repository, key.reference, repeatUntouched)
	resp, err := x.do(ctx)
	if err == nil {
		return "", c.confirm(ctx, x, resp)
	}
	return c.settle(ctx, x, err)
}

// CheckDelete asks whether this registry, with these credentials, would delete
// a manifest of the repository. It deletes nothing: it sends the DELETE for a
// digest drawn at random, which nobody has, and an answer that it is not known
// means that deleting is allowed. What it cannot foresee are rules about single
// images: immutable tags, references, the last tag.
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
	nobodys := digest.FromString(rand.Text())
	x := c.deleteExchange(op, repository, string(nobodys), repeatSafe)
	resp, err := x.do(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return x.refuse(resp, "", errors.New("the registry accepted to delete a digest that nobody has: its success says nothing"))
}

func (c *Client) deleteExchange(op, repository, reference string, repeat repeat) *exchange {
	x := c.exchange(op, http.MethodDelete, repository, reference)
	x.path = escapePath("/v2", repository, "manifests", reference)
	x.action = "delete"
	x.repeat = repeat
	return x
}

// confirm looks at a 2xx answer to a DELETE. 202 is what the specification
// says; a body with errors contradicts it. 200 and 204 are often a proxy's or a
// portal's, and count only if the manifest or tag is gone.
func (c *Client) confirm(ctx context.Context, x *exchange, resp *http.Response) error {
	details, legible := x.deleteAnswer(resp)
	echoed := Digest(resp.Header.Get("Docker-Content-Digest"))
	contradiction := len(details) > 0 || echoed != "" && x.byDigest() && string(echoed) != x.reference
	if resp.StatusCode == http.StatusAccepted && !contradiction && legible && !c.config.verify {
		return nil
	}
	said := x.newError("", nil)
	said.StatusCode, said.RequestID, said.Details = resp.StatusCode, x.requestID(resp.Header), details
	switch resp.StatusCode {
	case http.StatusAccepted, http.StatusOK, http.StatusNoContent:
	default:
		said.Kind, said.Err = ErrNotRegistry, errors.New("not a status that answers a deletion")
		return said
	}
	_, err := c.verify(ctx, x)
	switch {
	case errors.Is(err, errStands):
		said.Kind = ErrStillPresent
		if !x.byDigest() {
			said.Hint = "or it was pushed anew meanwhile"
		}
	case err != nil:
		said.Kind, said.Err = ErrOutcomeUnknown, err
	case contradiction:
		said.Kind, said.Err = ErrOutcomeUnknown, errors.New("it is gone, but the answer speaks of errors or of another digest")
		said.Hint = "look at the tags: some may be left without a manifest"
	case c.config.verify && x.byDigest():
		return c.survivors(ctx, x)
	default:
		return nil
	}
	return said
}

// deleteAnswer reads what came with a 2xx: nothing, or errors. What cannot be
// read to its end, or only begins like JSON, may have been errors.
func (x *exchange) deleteAnswer(resp *http.Response) (details []Detail, legible bool) {
	if resp.Body == http.NoBody {
		return nil, true
	}
	body, whole := readErrorBody(resp, x.transport.config.limits.ErrorBytes)
	details = decodeErrors(body, whole, &x.transport.auth.secrets)
	if enveloped(body) || coded(details) {
		return details, true
	}
	trimmed := bytes.TrimSpace(body) // a page of text beside a success says nothing
	return nil, whole && (len(trimmed) == 0 || trimmed[0] != '{' || json.Valid(trimmed))
}

// settle decides what a failed DELETE came to. It looks, and returns the digest
// of what it saw to be there, after an attempt that may have had an effect, and
// where the registry does not know a manifest that was there a moment ago. Any
// other failure stands as it is.
func (c *Client) settle(ctx context.Context, x *exchange, failure error) (stands Digest, err error) {
	missing := errors.Is(failure, ErrNotFound)
	if !x.ambiguous && !(missing && x.byDigest()) {
		return "", failure
	}
	stands, err = c.verify(ctx, x)
	there := errors.Is(err, errStands)
	switch {
	case err == nil && x.ambiguous:
		return "", nil // gone: by the attempt that brought no answer, or by somebody else
	case err == nil:
		return "", failure // missing, as the registry says
	case there && missing && x.byDigest():
		return stands, denied(failure)
	case there && x.byDigest():
		return stands, failure
	case there:
		return stands, unknown(failure, "the tag is there, but may have been pushed anew")
	}
	hint := hintLook
	if missing && !x.ambiguous {
		hint = "the registry says so of what it has served, and nobody could look: " + hint
	}
	return "", told(unknown(failure, hint), func(e *Error) {
		e.Err = cmp.Or(ctx.Err(), e.Err) // why nobody could look, if that is why
	})
}

// hintLook is what to do about a write that may or may not have happened.
const hintLook = "resolve it again to see"

// errStands says that what was to be deleted is there.
var errStands = errors.New("it is there")

// verify asks once whether a manifest or tag is gone: nil if the registry says
// so in its own words, errStands if it is served, otherwise why that could not
// be told.
func (c *Client) verify(ctx context.Context, x *exchange) (Digest, error) {
	there, err := c.ResolveDigest(ctx, x.repository, x.reference)
	switch {
	case err == nil:
		return there, errStands
	case errors.Is(err, ErrNotFound):
		return "", nil
	}
	return "", err
}

func (x *exchange) byDigest() bool { return strings.Contains(x.reference, ":") }

// unknown is the error for a write that may or may not have happened.
func unknown(failure error, hint string) error {
	return told(failure, func(e *Error) { e.Kind, e.Hint = ErrOutcomeUnknown, hint })
}

// preflightFailure is what the question before a deletion came to, under the
// name of the operation that it was for.
func preflightFailure(err error, op string) error {
	return told(err, func(e *Error) {
		e.Op = op
		if e.StatusCode >= http.StatusInternalServerError && e.Hint == "" {
			e.Hint = "nothing was deleted; some registries answer so about the digest of a layer or a configuration"
		}
	})
}

// told is a failure with something more to say.
func told(failure error, say func(*Error)) error {
	e, ok := errors.AsType[*Error](failure)
	if !ok {
		return failure
	}
	more := *e
	say(&more)
	return &more
}

// hints joins what there is to do.
func hints(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(hint string) bool { return hint == "" }), "; ")
}
