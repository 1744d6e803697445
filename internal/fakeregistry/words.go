package fakeregistry

import (
	"net/http"

	"github.com/opencontainers/go-digest"
)

// reason is why a request is refused, however a registry puts it.
type reason int

const (
	noRepository    reason = iota + 1 // nobody has heard of the repository
	invalidName                       // it cannot be there
	noManifest                        // it has no such manifest
	noTag                             // it has no such tag
	unaccepted                        // it has one of a type that the client does not accept
	noBlob                            // it has no such blob
	tagDelete                         // tags are not deleted
	digestDelete                      // manifests are not deleted by digest
	deleteDisabled                    // nothing is deleted
	malformedDigest                   // what has a colon is no digest
	referenced                        // an index lists the manifest
	stillTagged                       // a tag points at the manifest
	immutable                         // a tag that must not change is concerned
	readOnly                          // nothing is written for the time being
	unauthenticated                   // nobody has said who is asking
	forbidden                         // who is asking may not
	throttled                         // too many requests
)

// about is what a refusal speaks of.
type about struct {
	req *http.Request
	route
	tag  string
	dgst digest.Digest
	by   string // what is in the way: a tag, or the digest of an index
}

// words are how a registry puts its refusals. What is not among them is put as distribution puts it.
type words map[reason]func(about) *problem

// say puts a refusal into the words of the registry, or else into the usual ones.
func (r *Registry) say(why reason, a about, usual *problem) *problem {
	if word, ok := r.opts.words[why]; ok {
		return word(a)
	}
	return usual
}

// withWords adds to what a registry says.
func withWords(more words) Option {
	return func(o *options) {
		if o.words == nil {
			o.words = words{}
		}
		for why, word := range more {
			o.words[why] = word
		}
	}
}

// jsonText is a refusal with the body as it is, as JSON, ended by a newline.
func jsonText(status int, body string) *problem {
	return &problem{status: status, contentType: "application/json", text: body + "\n"}
}

// plainText is a refusal in words.
func plainText(status int, body string) *problem {
	return &problem{status: status, contentType: "text/plain; charset=utf-8", text: body}
}

// always is the same refusal, whatever it is about.
func always(p *problem) func(about) *problem {
	return func(about) *problem { return p }
}

// with adds headers to a refusal.
func (p *problem) with(header ...string) *problem {
	q := *p
	q.header = append(q.header, header...)
	return &q
}
