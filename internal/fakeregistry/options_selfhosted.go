package fakeregistry

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
)

// selfHostedOptions are options that imitate what was measured at zot, Gitea and olareg.
type selfHostedOptions struct {
	withoutListHead     bool
	blobProtection      bool
	unknownBlobAccepted bool
	collisionDetection  bool
	anonymousPolicy     bool
	catalogLinkAlways   bool
	linkEchoes          bool
	tagCaseIgnored      bool
	challengeScope      string
	numberIgnored       bool
}

// WithoutListHead responds with 405 to HEAD of /v2/, of the tags and of the catalog, as zot does.
func WithoutListHead() Option {
	return func(o *options) { o.withoutListHead = true }
}

// WithBlobProtection responds with 405 DENIED to the deletion of a blob that a manifest refers to, as
// zot does.
func WithBlobProtection() Option {
	return func(o *options) { o.blobProtection = true }
}

// WithUnknownBlobAccepted responds with 202 to the deletion of a blob that does not exist, as Gitea
// does.
func WithUnknownBlobAccepted() Option {
	return func(o *options) { o.unknownBlobAccepted = true }
}

// WithCollisionDetection responds with 409 MANIFEST_INVALID to the deletion of a digest with more
// than one tag, as zot does with the policy detectManifestCollision.
func WithCollisionDetection() Option {
	return func(o *options) { o.collisionDetection = true }
}

// WithAnonymousPolicy responds to clients without credentials with 200 to /v2/, together with a
// challenge, and with an empty catalog, as zot does if any repository has an anonymous policy.
func WithAnonymousPolicy() Option {
	return func(o *options) { o.anonymousPolicy = true }
}

// isAnonymousRead reports whether WithAnonymousPolicy allows a request, and sets the challenge.
func (r *Registry) isAnonymousRead(w http.ResponseWriter, req *http.Request, rt route) bool {
	if !r.opts.anonymousPolicy || req.Header.Get("Authorization") != "" {
		return false
	}
	if rt.endpoint == endpointBase {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+r.opts.basicRealm+`"`)
	}
	return rt.endpoint == endpointBase || rt.endpoint == endpointCatalog
}

// WithCatalogLinkAlways adds a Link to every page of the catalog that is not empty, also if it is
// all there is, and does not escape the slash in it. zot does so.
func WithCatalogLinkAlways() Option {
	return func(o *options) { o.catalogLinkAlways = true }
}

// WithLinkEchoes repeats the n of the request in the Link of a page of tags, and leaves it out if the
// request has none, as Gitea does.
func WithLinkEchoes() Option {
	return func(o *options) { o.linkEchoes = true }
}

// WithTagCaseIgnored treats tags that differ only in case as the same tag, as Gitea does.
func WithTagCaseIgnored() Option {
	return func(o *options) { o.tagCaseIgnored = true }
}

// existingTag returns the name under which a tag exists, if the registry ignores case.
func (r *Registry) existingTag(name, ref string) string {
	if !r.opts.tagCaseIgnored || strings.Contains(ref, ":") {
		return ref
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if repo, ok := r.repositories[name]; ok {
		for tag := range repo.tags {
			if strings.EqualFold(tag, ref) {
				return tag
			}
		}
	}
	return ref
}

// WithChallengeScope sets the scope of every Bearer challenge. In Gitea it is "*".
func WithChallengeScope(scope string) Option {
	return func(o *options) { o.challengeScope = scope }
}

// WithInvalidNumberIgnored treats a parameter n that is not a number like a missing one, as Gitea
// does.
func WithInvalidNumberIgnored() Option {
	return func(o *options) { o.numberIgnored = true }
}

// isBlobInUse reports whether a manifest refers to a blob. The caller holds the lock.
func (repo *repository) isBlobInUse(dgst digest.Digest) bool {
	for _, m := range repo.manifests {
		for _, blob := range m.blobs {
			if blob.Digest == dgst {
				return true
			}
		}
	}
	return false
}
