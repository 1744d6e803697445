package fakeregistry

import (
	"maps"
	"time"

	"github.com/opencontainers/go-digest"
)

// deleteOptions are the options that change deletions.
type deleteOptions struct {
	immutable           map[string]bool
	tagsFirst           bool
	withoutDigestDelete bool
	tagsLeft            bool
	untaggedHidden      bool
	backgroundDelete    bool
	untagBatch          int
	untagTime           time.Duration
	throttled           int
	pushDisabled        bool
	pruneOnOverwrite    bool
	tagCopies           bool
	untagFailure        string
}

// WithImmutableTags refuses to move or delete the given tags and to delete the manifests they point
// to. The response is Harbor's 412 PRECONDITION, unless a profile has one of its own.
func WithImmutableTags(tags ...string) Option {
	return func(o *options) {
		locked := map[string]bool{}
		maps.Copy(locked, o.immutable)
		for _, tag := range tags {
			locked[tag] = true
		}
		o.immutable = locked
	}
}

// WithTagsFirst refuses to delete a manifest by digest while a tag points to it, as Google's
// registries and Docker Hub do. The response is Google's 400 GOOGLE_MANIFEST_DANGLING_TAG, unless a
// profile has one of its own.
func WithTagsFirst() Option {
	return func(o *options) { o.tagsFirst = true }
}

// WithoutDigestDelete responds with 405 UNSUPPORTED to a DELETE by digest, but allows a DELETE by
// tag, as Docker Hub did in 2023.
func WithoutDigestDelete() Option {
	return func(o *options) { o.withoutDigestDelete = true }
}

// WithTagsLeft keeps the tags of a deleted manifest, which then dangle, as Nexus has been seen to
// do.
func WithTagsLeft() Option {
	return func(o *options) { o.tagsLeft = true }
}

// WithTagCopies deletes a manifest only under its digest, and keeps serving it under its tags, as the
// in-process registry of go-containerregistry does (evidence R), which stores it once for each name.
func WithTagCopies() Option {
	return func(o *options) { o.tagCopies = true }
}

// WithUntaggedHidden responds with 404 to the deletion of a manifest without tags, although it can
// be read, as Quay does.
func WithUntaggedHidden() Option {
	return func(o *options) { o.untaggedHidden = true }
}

// WithBackgroundDelete responds with 500 to a deletion but carries it out, as Docker Hub may do
// according to its documentation.
func WithBackgroundDelete() Option {
	return func(o *options) { o.backgroundDelete = true }
}

// WithUntagBatch removes at most n tags with one DELETE of their manifest. While there are more,
// the response is 400 MANIFEST_TAGS with a Link to the URL of the next DELETE, as in Cloudflare's
// serverless registry, where n is 1000.
func WithUntagBatch(n int) Option {
	return func(o *options) { o.untagBatch = n }
}

// WithSlowUntag waits for d between the deletion of a manifest and the removal of its tags. If the
// client disconnects before that, the tags stay and dangle, as in distribution with many tags on
// slow storage.
func WithSlowUntag(d time.Duration) Option {
	return func(o *options) { o.untagTime = d }
}

// WithUntagFailure keeps the given tag when its manifest is deleted, and reports it in the body of
// a 202, as distribution 3 may do.
func WithUntagFailure(tag string) Option {
	return func(o *options) { o.untagFailure = tag }
}

// WithThrottledDeletes responds to the first n DELETE requests for tags and manifests with 429
// TOOMANYREQUESTS and Retry-After, unless a profile has a response of its own.
func WithThrottledDeletes(n int) Option {
	return func(o *options) { o.throttled = n }
}

// WithPruneOnOverwrite removes the manifest that a tag pointed to as soon as the tag is pushed with
// another manifest, and with an index its children, except what another tag still holds. zot does
// so (evidence R), also if the manifest was pushed by its digest before.
func WithPruneOnOverwrite() Option {
	return func(o *options) { o.pruneOnOverwrite = true }
}

// prune removes m and the manifests below it, except those that a tag holds, directly or through an
// index.
func (repo *repository) prune(m *manifest) {
	held := map[digest.Digest]bool{}
	for dgst := range repo.tagsByDigest {
		repo.visit(repo.manifests[dgst], held)
	}
	below := map[digest.Digest]bool{}
	repo.visit(m, below)
	for dgst := range below {
		if !held[dgst] {
			repo.removeManifest(repo.manifests[dgst])
		}
	}
}

// visit adds m and all manifests below it to visited.
func (repo *repository) visit(m *manifest, visited map[digest.Digest]bool) {
	if m == nil || visited[m.desc.Digest] {
		return
	}
	visited[m.desc.Digest] = true
	for _, child := range m.children {
		repo.visit(repo.manifests[child.Digest], visited)
	}
}
