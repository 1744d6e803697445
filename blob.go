package regret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// Blob reads a small blob, such as the configuration of an image, into memory and
// proves that its bytes hash to the digest. A blob of more than limit bytes is an
// error and never cut; limit must be positive.
//
// Registries may redirect the request to their storage. The credentials stay with
// the registry. A connection that is lost in the middle of the content is a failed
// attempt like any other and retried.
//
// Errors: [ErrInvalid], [ErrNotFound], [ErrTooLarge], [ErrDigestMismatch],
// [ErrUnauthorized], [ErrForbidden], [ErrRedirect], [ErrNotRegistry],
// [ErrRateLimited], [ErrUnavailable].
//
// Sends GET /v2/<name>/blobs/<digest> ([end-2]).
//
// [end-2]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs
func (c *Client) Blob(ctx context.Context, repository string, dgst Digest, limit int64) ([]byte, error) {
	const op = "blob"
	repository, err := c.blobName(op, repository, dgst)
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		return nil, invalid(op, repository, string(dgst), "the limit of %d bytes is not positive", limit)
	}
	r := c.blobRequest(op, http.MethodGet, repository, dgst)
	r.Limit = limit
	resp, err := r.do(ctx)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a pull"))
	}
	named, err := r.headerDigest(resp, dgst)
	if err != nil {
		return nil, err
	}
	for _, claimed := range []Digest{dgst, named} {
		if claimed == "" {
			continue
		}
		if actual := claimed.Algorithm().FromBytes(resp.Content); actual != claimed {
			if err := r.notHTML(resp); err != nil {
				return nil, err
			}
			return nil, r.refuse(resp, ErrDigestMismatch, fmt.Errorf("the content has the digest %s, not %s", actual, claimed))
		}
	}
	return resp.Content, nil
}

// HasBlob reports whether a repository has a blob. It is false if the registry says
// that it does not know the blob or the repository. A 404 without an error code may
// be that of a proxy and is an error.
//
// A response to HEAD has no body and so no error code. Where HEAD does not serve (400,
// 403, 404, 405, 406, 410, 501), one GET for the first byte of the blob decides. A
// registry that ignores the Range field starts to send the whole blob; HasBlob then
// closes the connection after 4 KiB at most. The same GET decides where the response to
// HEAD names neither digest nor length. Redirects to storage are followed. Storage names
// no digest, so that its 200 is believed unless it is an HTML page or has no content.
//
// Errors: as [Client.Blob], without [ErrNotFound] and [ErrTooLarge].
//
// Sends HEAD /v2/<name>/blobs/<digest> ([end-2]), and GET if need be.
//
// [end-2]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#checking-if-content-exists-in-the-registry
func (c *Client) HasBlob(ctx context.Context, repository string, dgst Digest) (bool, error) {
	const op = "has blob"
	repository, err := c.blobName(op, repository, dgst)
	if err != nil {
		return false, err
	}
	return c.hasBlob(ctx, op, repository, dgst)
}

func (c *Client) hasBlob(ctx context.Context, op, repository string, dgst Digest) (bool, error) {
	served, err := c.blobRequest(op, http.MethodHead, repository, dgst).headBlob(ctx, dgst, anySize)
	if served || err != nil {
		return served, err
	}
	r := c.blobRequest(op, http.MethodGet, repository, dgst)
	if !isEmpty(dgst) { // empty content has no first byte, and servers may answer 416
		r.Header = firstByte
	}
	resp, err := r.do(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent:
		return false, r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a pull"))
	}
	named, err := r.blobDigest(resp, dgst)
	if err != nil {
		return false, err
	}
	if named == "" && resp.ContentLength == 0 && !isEmpty(dgst) {
		return false, r.refuse(resp, ErrNotRegistry, errors.New("a blob without content"))
	}
	body.Discard(resp.Body)
	return true, nil
}

func isEmpty(dgst Digest) bool { return dgst == dgst.Algorithm().FromBytes(nil) }

// firstByte is the header of a request that is to transfer as little as possible.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-14.2
var firstByte = http.Header{"Range": {"bytes=0-0"}}

// anySize is the size of a blob that is not known.
const anySize = -1

// headBlob sends a HEAD. It returns served = false where only a GET can decide, or
// where the response names neither the digest nor the size of the blob.
func (r *request) headBlob(ctx context.Context, dgst Digest, size int64) (served bool, err error) {
	resp, err := r.do(ctx)
	switch {
	case err != nil && headUnserved(err):
		return false, nil
	case err != nil:
		return false, err
	case resp.StatusCode != http.StatusOK:
		return false, r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a pull"))
	}
	named, err := r.blobDigest(resp, dgst)
	if err != nil {
		return false, err
	}
	if size == anySize {
		return named != "" || resp.ContentLength > 0 || isEmpty(dgst), nil
	}
	return named != "" || resp.ContentLength == size, nil
}

// blobDigest returns the digest in the header of a response about a blob, if there is
// one. A header about another digest is an error, and so is a web page without one.
func (r *request) blobDigest(resp transport.Response, dgst Digest) (Digest, error) {
	named, err := r.headerDigest(resp, dgst)
	if named == "" && err == nil {
		err = r.notHTML(resp)
	}
	return named, err
}

// notHTML refuses a web page, such as that of a proxy or of a portal.
func (r *request) notHTML(resp transport.Response) error {
	if t := mediaType(resp.Header); t == "text/html" {
		return r.refuse(resp, ErrNotRegistry, fmt.Errorf("content type %q", t))
	}
	return nil
}

// PutBlob stores a small blob, such as the configuration of an image, unless the
// repository has it. Data must hash to the digest; otherwise nothing is sent.
//
// The content is sent whole, in one PUT, which every registry must accept; there is no
// fallback to an upload in chunks. It goes to the Location that the registry names, but
// only at the origin of the registry, under whatever path and query. Another origin is
// [ErrRedirect] and receives nothing, even if only the port or the scheme differs: the
// content and the credentials are for the registry that the caller named. A Location
// that is the path of a manifest is [ErrRedirect], too.
//
// An upload that the registry no longer knows (BLOB_UPLOAD_UNKNOWN) is begun again once.
// So is one whose PUT may have arrived although no response confirmed it, if the
// repository still does not have the blob. What an upload leaves behind, the registry
// removes in time.
//
// Errors: [ErrInvalid], [ErrNotFound] if the repository must be created first,
// [ErrDigestMismatch] if the registry stored something else, [ErrUnauthorized],
// [ErrForbidden], [ErrReadOnly], [ErrRedirect], [ErrNotRegistry], [ErrOutcomeUnknown],
// [ErrRateLimited], [ErrUnavailable].
//
// Sends HEAD /v2/<name>/blobs/<digest> (end-2), POST /v2/<name>/blobs/uploads/ (end-4a)
// and PUT <location>?digest=<digest> (end-6); see [POST then PUT].
//
// [POST then PUT]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put
func (c *Client) PutBlob(ctx context.Context, repository string, dgst Digest, data []byte) error {
	const op = "put blob"
	repository, err := c.blobName(op, repository, dgst)
	if err != nil {
		return err
	}
	if actual := dgst.Algorithm().FromBytes(data); actual != dgst {
		return invalid(op, repository, string(dgst), "the content has the digest %s", actual)
	}
	r := c.blobRequest(op, http.MethodHead, repository, dgst)
	r.scope.Action = "push" // so that one token allows all three requests
	if served, err := r.headBlob(ctx, dgst, int64(len(data))); served || err != nil {
		return err
	}
	again, err := c.upload(ctx, op, repository, dgst, data)
	if again {
		_, err = c.upload(ctx, op, repository, dgst, data)
	}
	return err
}

// upload sends a blob in one upload. If it fails, it reports whether another upload may
// succeed.
func (c *Client) upload(ctx context.Context, op, repository string, dgst Digest, data []byte) (again bool, err error) {
	r, err := c.beginUpload(ctx, op, repository, dgst)
	if err != nil {
		return false, err
	}
	r.Header = http.Header{"Content-Type": {"application/octet-stream"}}
	r.Body = data
	r.Repeatable = false // a server may append the content to what it has of an attempt before
	resp, err := r.do(ctx)
	switch {
	case err != nil && isAmbiguous(err):
		stored, unknown := c.hasBlob(ctx, op, repository, dgst)
		switch {
		case stored:
			return false, nil
		case unknown != nil:
			return false, annotate(unknownOutcome(err, hintHasBlob), func(e *Error) {
				if ended := ctx.Err(); ended != nil {
					e.Err = ended // why the look failed
				}
			})
		}
		return true, err
	case err != nil:
		return errors.Is(err, CodeBlobUploadUnknown), err
	case resp.StatusCode != http.StatusCreated:
		return false, r.refuse(resp, ErrNotRegistry, errors.New("not the status that answers a push"))
	}
	named, err := r.headerDigest(resp, dgst)
	if err != nil {
		return false, err
	}
	body.Discard(resp.Body)
	if mayBeElsewhere(dgst, named) {
		return false, r.blobStoredUnder(ctx, dgst, named)
	}
	return false, nil
}

// hintHasBlob is what to do about a push with an unknown outcome.
const hintHasBlob = "call HasBlob to see, or PutBlob again, which does no harm"

// blobStoredUnder looks whether the blob is there under the digest that it was put
// under, although the registry named one of another algorithm, or none.
func (r *request) blobStoredUnder(ctx context.Context, dgst, named Digest) error {
	stored, err := r.client.hasBlob(ctx, r.Op, r.repository, dgst)
	switch {
	case stored:
		return nil
	case err == nil:
		return r.newError(ErrDigestMismatch, fmt.Errorf("the registry stored it under %s only", cmp.Or(named, "another digest")))
	}
	e := r.newError(ErrOutcomeUnknown, err)
	e.Hint = hintHasBlob
	return e
}

// beginUpload opens an upload and returns the request that sends its content, without
// the content. A POST that is retried leaves an upload behind, which does no harm.
func (c *Client) beginUpload(ctx context.Context, op, repository string, dgst Digest) (*request, error) {
	r := c.newRequest(op, http.MethodPost, repository, string(dgst), "/v2", repository, "blobs", "uploads", "")
	r.scope.Action = "push"
	resp, err := r.do(ctx)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusAccepted {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("not the status that begins an upload"))
	}
	location, err := r.uploadLocation(resp)
	if err != nil {
		return nil, err
	}
	body.Discard(resp.Body)
	put := c.newRequest(op, http.MethodPut, repository, string(dgst), location.Path)
	put.scope, put.RawPath = r.scope, location.RawPath
	if put.Query = "digest=" + url.QueryEscape(string(dgst)); location.RawQuery != "" {
		put.Query = location.RawQuery + "&" + put.Query
	}
	return put, nil
}

// uploadLocation returns where the registry wants the content, relative to the request
// or absolute. The server chooses it, so that it must be at the registry's origin, and
// no path under which the content would become a manifest.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2
func (r *request) uploadLocation(resp transport.Response) (*url.URL, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("no Location to upload to"))
	}
	here := url.URL{Scheme: r.client.origin.Scheme, Host: r.client.origin.Host, Path: r.Path}
	target, err := here.Parse(location)
	if err != nil || strings.ContainsFunc(target.Path, unicode.IsControl) || strings.ContainsFunc(location, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }) {
		return nil, r.refuse(resp, ErrNotRegistry, errors.New("malformed Location"))
	}
	switch to := origin.Of(target); {
	case target.User != nil:
		return nil, r.refuse(resp, ErrRedirect, errors.New("a Location with user information"))
	case to != r.client.origin:
		e := r.refuse(resp, ErrRedirect, fmt.Errorf("nothing is uploaded to %s", clip(to.String())))
		e.Hint = hintUploadOrigin
		return nil, e
	case isManifestPath(target.Path):
		return nil, r.refuse(resp, ErrRedirect, errors.New("the Location is the path of a manifest"))
	}
	return target, nil
}

// isManifestPath reports whether a path may be that of a manifest, also for a server
// that ignores case or what follows a semicolon.
func isManifestPath(p string) bool {
	segment, _, _ := strings.Cut(path.Base(path.Dir(path.Clean(p))), ";")
	return strings.EqualFold(segment, "manifests")
}

// hintUploadOrigin is what to do about a registry that names another address than its own.
const hintUploadOrigin = "if that is the registry, too: make the proxy before it pass on the host and the scheme of requests " +
	"(Host, X-Forwarded-Proto), or set the registry's external URL; in distribution http.host, or http.relativeurls: true"

// blobName checks the names of a blob before any request.
func (c *Client) blobName(op, repository string, dgst Digest) (string, error) {
	name, err := c.repository(op, repository)
	if err != nil {
		return "", err
	}
	if err := grammar.Digest(dgst); err != nil {
		return "", invalid(op, name, clip(string(dgst)), "%w", err)
	}
	return name, nil
}

// blobRequest prepares a request about a blob.
func (c *Client) blobRequest(op, method, repository string, dgst Digest) *request {
	return c.newRequest(op, method, repository, string(dgst), "/v2", repository, "blobs", string(dgst))
}
