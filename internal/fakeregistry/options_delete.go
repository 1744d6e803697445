package fakeregistry

import (
	"maps"
	"time"
)

// deleting is how deletions deviate.
type deleteOptions struct {
	immutable           map[string]bool
	tagsFirst           bool
	withoutDigestDelete bool
	cascade             bool
	tagsLeft            bool
	untaggedHidden      bool
	backgroundDelete    bool
	untagBatch          int
	untagTime           time.Duration
	throttled           int
	pushDisabled        bool
	lastTagDeletes      bool
	untagFailure        string
}

// WithImmutableTags lets nobody move or delete these tags, nor delete the manifests they point at: 412 PRECONDITION, as
// Harbor says it; profiles say it in their own words.
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

// WithTagsFirst refuses to delete a manifest by digest while a tag points at it, as Google's registries and Docker Hub
// do: 400 GOOGLE_MANIFEST_DANGLING_TAG.
func WithTagsFirst() Option {
	return func(o *options) { o.tagsFirst = true }
}

// WithoutDigestDelete answers a DELETE by digest with 405 UNSUPPORTED and deletes by tag, as Docker Hub did in 2023.
func WithoutDigestDelete() Option {
	return func(o *options) { o.withoutDigestDelete = true }
}

// WithCascade deletes with an index those of its children that have no tag, and with any manifest its referrers, as
// Harbor does.
func WithCascade() Option {
	return func(o *options) { o.cascade = true }
}

// WithTagsLeft leaves the tags of a deleted manifest behind, pointing at nothing, as Nexus has done.
func WithTagsLeft() Option {
	return func(o *options) { o.tagsLeft = true }
}

// WithUntaggedHidden finds a manifest that has no tag when it is read, but not when it is to be deleted, as Quay does.
func WithUntaggedHidden() Option {
	return func(o *options) { o.untaggedHidden = true }
}

// WithBackgroundDelete answers 500 to a deletion and carries it out all the same, as Docker Hub says it may.
func WithBackgroundDelete() Option {
	return func(o *options) { o.backgroundDelete = true }
}

// WithUntagBatch removes at most n tags with one DELETE of their manifest, answers 400 MANIFEST_TAGS as long as there are
// more, and names in Link where to repeat the DELETE, as Cloudflare's serverless registry does with 1000.
func WithUntagBatch(n int) Option {
	return func(o *options) { o.untagBatch = n }
}

// WithSlowUntag takes d to remove the tags of a manifest that is deleted already. Whoever hangs up before leaves them
// behind, pointing at nothing, as distribution does with many tags on slow storage.
func WithSlowUntag(d time.Duration) Option {
	return func(o *options) { o.untagTime = d }
}

// WithUntagFailure leaves one tag behind when its manifest is deleted, and says so in the body of a 202, as distribution
// 3 may.
func WithUntagFailure(tag string) Option {
	return func(o *options) { o.untagFailure = tag }
}

// WithThrottledDeletes refuses the first n DELETE requests because there were too many: 429 TOOMANYREQUESTS with
// Retry-After, which profiles say in their own dialect.
func WithThrottledDeletes(n int) Option {
	return func(o *options) { o.throttled = n }
}

// WithLastTagDeletes deletes a manifest with its last tag, as ECR does.
func WithLastTagDeletes() Option {
	return func(o *options) { o.lastTagDeletes = true }
}
