package regret

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A registry may send a reader to its storage; three hops are more than any
// does.
const maxRedirects = 3

// A redirector follows redirects of GET and HEAD. Credentials never leave the
// registry's origin, and once a chain has left it they stay off, even if it
// comes back. A redirected DELETE or PUT is an error: what is behind it is not
// what was asked for. See https://www.rfc-editor.org/rfc/rfc9110#section-15.4
type redirector struct {
	origin origin
	next   http.RoundTripper
}

// RoundTrip never returns an answer that is a redirect.
func (r *redirector) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	resp, err := r.next.RoundTrip(req)
	for hops := 0; err == nil && isRedirect(resp.StatusCode); hops++ {
		next, refusal := r.follow(ctx, req, resp.Header.Get("Location"), hops)
		discard(resp.Body)
		if refusal != nil {
			return nil, &Error{Kind: ErrRedirect, StatusCode: resp.StatusCode, Err: refusal}
		}
		req = next
		resp, err = r.next.RoundTrip(req)
	}
	return resp, err
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow builds the request for the next hop, or says why there is none.
func (r *redirector) follow(ctx context.Context, req *http.Request, location string, hops int) (*http.Request, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return nil, fmt.Errorf("a %s is never redirected", req.Method)
	}
	if hops == maxRedirects {
		return nil, fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if location == "" {
		return nil, errors.New("no Location")
	}
	target, err := req.URL.Parse(location)
	if err != nil {
		return nil, errors.New("malformed Location")
	}
	if err := r.permitted(req.URL, target); err != nil {
		return nil, err
	}
	next := req.Clone(ctx)
	next.URL, next.Host = target, ""
	// Header says whether this chain has left the origin before: it lost its
	// credentials there.
	if originOf(target) != r.origin {
		next.Header.Del("Authorization")
	}
	return next, nil
}

func (r *redirector) permitted(from, to *url.URL) error {
	switch {
	case to.Scheme != "https" && to.Scheme != "http":
		return fmt.Errorf("to the scheme %q", clip(to.Scheme))
	case checkHost(strings.ReplaceAll(to.Host, "_", "-")) != nil: // storage may have an underscore in its name
		return errors.New("to what is no host")
	case to.User != nil:
		return errors.New("to a URL with user information")
	case from.Scheme == "https" && to.Scheme == "http":
		return fmt.Errorf("from https to http at %s", clip(to.Host))
	}
	return nil
}
