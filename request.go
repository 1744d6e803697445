package regret

import (
	"context"
	"strings"

	"github.com/seed-8cb7cc86/regret/internal/auth"
	"github.com/seed-8cb7cc86/regret/internal/transport"
)

// A request is one request of an operation: what is sent, and the names that
// errors about it mention.
type request struct {
	client     *Client
	repository string
	reference  string     // tag or digest; empty for lists
	scope      auth.Scope // what a token must allow
	auth       auth.Authorization
	transport.Request
}

// newRequest prepares a request about a repository, or about the registry if
// that is empty. The path is made of segments.
func (c *Client) newRequest(op, method, repository, reference string, path ...string) *request {
	r := &request{client: c, repository: repository, reference: reference, scope: auth.Scope{Action: "pull"}}
	if repository != "" {
		r.scope.Type, r.scope.Name = "repository", repository
	}
	r.Request = transport.Request{Op: op, Repository: repository, Method: method, Path: strings.Join(path, "/"), Repeatable: true}
	return r
}

// manifestRequest prepares a request about a manifest.
func (c *Client) manifestRequest(op, method, repository, reference string) *request {
	return c.newRequest(op, method, repository, reference, "/v2", repository, "manifests", reference)
}

// acceptManifests asks for a manifest of whatever type.
func (r *request) acceptManifests() *request {
	r.Header = acceptManifests
	return r
}

// do sends the request. Every outcome but a response with a status of 2xx is an
// *Error.
func (r *request) do(ctx context.Context) (transport.Response, error) {
	resp, failure := r.send(ctx)
	if failure != nil {
		return resp, r.errorOf(failure)
	}
	return resp, nil
}

// send is do for callers who want the facts.
func (r *request) send(ctx context.Context) (transport.Response, *transport.Failure) {
	r.auth = r.client.auth.For(r.scope)
	r.Authorization = &r.auth
	return r.client.transport.Do(ctx, &r.Request)
}

// byDigest reports whether the request is about a digest, and not about a tag.
func (r *request) byDigest() bool { return strings.Contains(r.reference, ":") }

// url is where the request goes, as errors show it: without its query, and
// redacted like every other text.
func (r *request) url() string { return r.client.secrets.Redact(r.client.origin.String() + r.Path) }
