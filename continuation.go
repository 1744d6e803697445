package regret

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/seed-8cb7cc86/regret/internal/link"
)

// maxContinuations bounds how often one DELETE is continued: Cloudflare takes
// off a thousand tags at a time.
const maxContinuations = 1000

// codeManifestTags is how Cloudflare's serverless registry says that it has
// taken off some tags of a manifest, and where to go on.
const codeManifestTags Code = "MANIFEST_TAGS"

// A continuation is where a registry wants a DELETE repeated that it has
// carried out in part.
type continuation struct {
	query string
	err   error // why what the registry wants cannot be done
}

// deleteWhole sends the DELETE, and sends it again with the query that the
// registry names as long as it says that there is more of the same to do. That
// is one deletion in parts, to one path: a Link that leads anywhere else is an
// error.
func (x *exchange) deleteWhole(ctx context.Context) (*http.Response, error) {
	var loop loopDetector
	for range maxContinuations {
		x.next = nil
		resp, err := x.do(ctx)
		if x.next == nil || x.next.query == "" || loop.seen(x.next.query) {
			return resp, x.halfway(err)
		}
		x.query, x.attempts = x.next.query, 0 // each part is a request of its own
	}
	return nil, x.halfway(x.newError("", errors.New("the registry takes off tags without end")))
}

// halfway says of a failure after a part was done that it was, and what is
// wrong with the Link if that is why.
func (x *exchange) halfway(err error) error {
	if x.query == "" && x.next == nil {
		return err
	}
	return told(err, func(e *Error) {
		e.Hint = hints(e.Hint, "some of its tags may be gone: delete it again to go on")
		if x.next != nil {
			e.Err = cmp.Or(e.Err, x.next.err)
		}
	})
}

// noteContinuation reads where to go on.
func (x *exchange) noteContinuation(resp *http.Response) {
	if resp.Request == nil || x.method != http.MethodDelete {
		return
	}
	here := &url.URL{Scheme: x.transport.origin.scheme, Host: x.transport.origin.host, Path: resp.Request.URL.Path, RawQuery: x.query}
	target, err := link.Next(resp.Header, here)
	x.next = &continuation{}
	switch {
	case err != nil:
		x.next.err = err
	case target == nil:
		x.next.err = errors.New("there is no Link to go on at")
	default:
		x.next.query = target.RawQuery
	}
}
