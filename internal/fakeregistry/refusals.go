package fakeregistry

import (
	"net/http"

	"github.com/opencontainers/go-digest"
)

// reason is why a request is refused, however a registry puts it.
type reason int

const (
	reasonUnknownRepository reason = iota + 1 // nobody has heard of the repository
	reasonInvalidName                         // it cannot be there
	reasonUnknownManifest                     // it has no such manifest
	reasonUnknownTag                          // it has no such tag
	reasonNotAcceptable                       // it has one of a type that the client does not accept
	reasonUnknownBlob                         // it has no such blob
	reasonTagDelete                           // tags are not deleted
	reasonDigestDelete                        // manifests are not deleted by digest
	reasonDeleteDisabled                      // nothing is deleted
	reasonMalformedDigest                     // what has a colon is no digest
	reasonReferenced                          // an index lists the manifest
	reasonTagged                              // a tag points at the manifest
	reasonImmutable                           // a tag that must not change is concerned
	reasonReadOnly                            // nothing is written for the time being
	reasonUnauthenticated                     // nobody has said who is asking
	reasonForbidden                           // who is asking may not
	reasonThrottled                           // too many requests
)

// about is what a refusal speaks of.
type requestInfo struct {
	req *http.Request
	route
	tag   string
	dgst  digest.Digest
	cause string // what is in the way: a tag, or the digest of an index
}

// words are how a registry puts its refusals. What is not among them is put as distribution puts it.
type refusals map[reason]func(requestInfo) *problem

// say puts a refusal into the words of the registry, or else into the usual ones.
func (r *Registry) refusalFor(why reason, info requestInfo, usual *problem) *problem {
	if word, ok := r.opts.refusals[why]; ok {
		return word(info)
	}
	return usual
}

// withWords adds to what a registry says.
func withRefusals(more refusals) Option {
	return func(o *options) {
		if o.refusals == nil {
			o.refusals = refusals{}
		}
		for why, word := range more {
			o.refusals[why] = word
		}
	}
}

// jsonText is a refusal with the body as it is, as JSON, ended by a newline.
func jsonProblem(status int, body string) *problem {
	return &problem{status: status, contentType: "application/json", body: body + "\n"}
}

// plainText is a refusal in words.
func textProblem(status int, body string) *problem {
	return &problem{status: status, contentType: "text/plain; charset=utf-8", body: body}
}

// always is the same refusal, whatever it is about.
func always(p *problem) func(requestInfo) *problem {
	return func(requestInfo) *problem { return p }
}

// with adds headers to a refusal.
func (p *problem) withHeader(header ...string) *problem {
	q := *p
	q.header = append(q.header, header...)
	return &q
}
