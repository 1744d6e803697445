package transport

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/seed-8cb7cc86/regret/internal/body"
	"github.com/seed-8cb7cc86/regret/internal/origin"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// maxRedirects is more than any registry needs to send a reader to its storage.
const maxRedirects = 3

// follow sends a request and follows redirects of GET and HEAD. Credentials
// never leave the registry's origin; once a chain has left it they stay off,
// even if it comes back. A redirected write is an error: what the redirect
// leads to is not what the caller asked to change. No redirect is returned.
//
// See https://www.rfc-editor.org/rfc/rfc9110#section-15.4
func (c *call) follow(req *http.Request) (*http.Response, error) {
	write := isWrite(req.Method)
	resp, err := c.client.wire.roundTrip(c.ctx, c.request.Op, req, write)
	for hops := 0; err == nil && isRedirect(resp.StatusCode); hops++ {
		next, refusal := c.nextHop(req, resp.Header.Get("Location"), hops)
		body.Discard(resp.Body)
		if refusal != nil {
			return nil, &Fault{Problem: Redirected, resp: resp, err: refusal}
		}
		req = next
		resp, err = c.client.wire.roundTrip(c.ctx, c.request.Op, req, write)
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

// nextHop builds the request that a redirect asks for, or says why it is not
// sent.
func (c *call) nextHop(req *http.Request, location string, hops int) (*http.Request, error) {
	if isWrite(req.Method) {
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
	if err := permitted(req.URL, target); err != nil {
		return nil, err
	}
	next := req.Clone(c.ctx)
	next.URL = target
	if origin.Of(target) != c.client.origin {
		next.Header.Del("Authorization") // for the rest of the chain: the next hop copies this header
	}
	return next, nil
}

func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }

func permitted(from, to *url.URL) error {
	switch {
	case to.Scheme != "https" && to.Scheme != "http":
		return fmt.Errorf("to the scheme %q", redact.Clip(to.Scheme))
	case origin.CheckHost(to.Host) != nil:
		return errors.New("to an invalid host")
	case to.User != nil:
		return errors.New("to a URL with user information")
	case from.Scheme == "https" && to.Scheme == "http":
		return fmt.Errorf("from https to http at %s", redact.Clip(to.Host))
	}
	return nil
}
