package fakeregistry

import (
	"maps"
	"net/http"

	"github.com/opencontainers/go-digest"
)

// reason is why a request is refused, independent of how a particular registry responds.
type reason int

const (
	reasonUnknownRepository reason = iota + 1 // the repository does not exist
	reasonInvalidName                         // the repository name is not valid
	reasonUnknownManifest                     // the manifest does not exist
	reasonUnknownTag                          // the tag does not exist
	reasonNotAcceptable                       // the client does not accept the manifest's media type
	reasonUnknownBlob                         // the blob does not exist
	reasonTagDelete                           // the registry does not delete by tag
	reasonDigestDelete                        // the registry does not delete by digest
	reasonDeleteDisabled                      // deletion is disabled
	reasonMalformedDigest                     // the reference contains a colon but is not a digest
	reasonReferenced                          // an index lists the manifest
	reasonTagged                              // a tag points to the manifest
	reasonImmutable                           // the tag, or a tag that points to the manifest, is immutable
	reasonReadOnly                            // the registry is in read-only mode
	reasonUnauthenticated                     // the request has no valid credentials
	reasonForbidden                           // the user does not have the required access
	reasonThrottled                           // too many requests
	reasonMissingContent                      // what a pushed manifest refers to does not exist
	reasonInvalidNumber                       // the parameter n of a list is not a number
)

// requestInfo describes the refused request for the function that makes the response.
type requestInfo struct {
	req *http.Request
	route
	tag  string
	dgst digest.Digest

	// cause depends on the reason: it is the tag or the index that protects a manifest, the media
	// type that the client does not accept, or the name of a tag that existed once.
	cause string
}

// refusals are the responses of a particular registry. For a reason without an entry the registry
// responds as distribution does.
type refusals map[reason]func(requestInfo) *problem

// refusalFor returns the registry's own response for a reason, or fallback if it has none.
func (r *Registry) refusalFor(why reason, info requestInfo, fallback *problem) *problem {
	if respond, ok := r.opts.refusals[why]; ok {
		return respond(info)
	}
	return fallback
}

// withRefusals adds responses to those of the registry and replaces those for the same reasons.
func withRefusals(more refusals) Option {
	return func(o *options) {
		if o.refusals == nil {
			o.refusals = refusals{}
		}
		maps.Copy(o.refusals, more)
	}
}

// jsonProblem returns a problem whose body is the given JSON, followed by a newline. It is for
// registries whose JSON differs from that of an error document, if only in the order of keys.
func jsonProblem(status int, body string) *problem {
	return &problem{status: status, contentType: "application/json", body: body + "\n"}
}

// textProblem returns a problem with a body in plain text.
func textProblem(status int, body string) *problem {
	return &problem{status: status, contentType: "text/plain; charset=utf-8", body: body}
}

// always returns a function that returns p for every request.
func always(p *problem) func(requestInfo) *problem {
	return func(requestInfo) *problem { return p }
}

// withHeader returns a copy of p with header fields added, given as alternating names and values.
func (p *problem) withHeader(header ...string) *problem {
	q := *p
	q.header = append(q.header, header...)
	return &q
}
