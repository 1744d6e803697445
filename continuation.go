package regret

import (
	"cmp"
	"context"
	"errors"
	"net/url"

	"github.com/seed-8cb7cc86/regret/internal/link"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// maxContinuations bounds how often one DELETE is continued. Cloudflare's
// registry removes a thousand tags at a time.
const maxContinuations = 1000

// codeManifestTags is how Cloudflare's serverless registry says that it has
// removed some tags of a manifest, and where to continue.
const codeManifestTags Code = "MANIFEST_TAGS"

// deleteWhole sends the DELETE, and sends it again with the query that the
// registry names for as long as it says that there are more tags to remove. That
// is one deletion in parts, to one path: only the query of the Link is used.
func (r *request) deleteWhole(ctx context.Context) (transport.Response, error) {
	var queries loopDetector
	for range maxContinuations {
		resp, failure := r.send(ctx)
		if failure == nil {
			return resp, nil
		}
		e := r.errorOf(failure)
		if !e.hasCode(codeManifestTags) {
			return resp, r.partlyDone(e, r.Query != "")
		}
		query, err := r.continuation(failure)
		if err != nil || queries.seen(query) {
			e.Err = cmp.Or(e.Err, err)
			return resp, r.partlyDone(e, true)
		}
		r.Query = query
	}
	return transport.Response{}, r.partlyDone(r.newError("", errors.New("the registry removes tags without end")), true)
}

// continuation returns the query with which to continue a deletion.
func (r *request) continuation(f *transport.Failure) (string, error) {
	here := &url.URL{Scheme: r.client.origin.Scheme, Host: r.client.origin.Host, Path: r.Path, RawQuery: r.Query}
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
func (r *request) partlyDone(e *Error, started bool) error {
	if started {
		e.Hint = joinHints(e.Hint, "some of its tags may be gone: delete it again to continue")
	}
	return e
}
