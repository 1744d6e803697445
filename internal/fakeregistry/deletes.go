package fakeregistry

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// deleteManifest removes a tag, or a manifest with all its tags.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (r *Registry) deleteManifest(w http.ResponseWriter, req *http.Request, rt route) *problem {
	tag, dgst, malformed := parseReference(rt.ref)
	a := about{req: req, route: rt, tag: tag, dgst: dgst}
	switch {
	case r.spendThrottle():
		return r.say(throttled, a, tooManyRequests())
	case malformed != nil && r.opts.distribution == 3: // looked at before all else
		return r.say(malformedDigest, a, malformed)
	case r.opts.deleteDisabled:
		return r.say(deleteDisabled, a, unsupported())
	case r.opts.withoutTagDelete && dgst == "":
		return r.say(tagDelete, a, digestInvalid(nil))
	case malformed != nil:
		return r.say(malformedDigest, a, malformed)
	case r.opts.withoutDigestDelete && dgst != "":
		return r.say(digestDelete, a, unsupported())
	}
	done, p := r.remove(a)
	if p != nil {
		return p
	}
	return r.settle(w, a, done)
}

// removal is what a DELETE has come to.
type removal struct {
	left   []string // tags to be taken off yet
	failed bool     // to take off a tag
	last   string   // the last tag of this batch, if there are more
}

// remove deletes what a request names, except for tags that go by and by.
func (r *Registry) remove(a about) (removal, *problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo, ok := r.repositories[a.name]
	switch {
	case !ok && r.opts.distribution > 0:
		return removal{}, r.say(noRepository, a, manifestUnknown(nil))
	case !ok:
		return removal{}, r.say(noRepository, a, nameUnknown(a.name))
	case a.tag != "":
		return removal{}, r.removeTag(repo, a)
	}
	m := repo.manifests[a.dgst]
	tags := slices.Sorted(maps.Keys(repo.tagged[a.dgst]))
	switch {
	case m == nil && r.opts.blobDigestDelete && repo.hasBlob(a.dgst):
		delete(repo.blobs, a.dgst)
		return removal{}, nil
	case m == nil && r.opts.distribution > 0:
		return removal{}, r.say(noManifest, a, manifestUnknown(nil))
	case m == nil, r.opts.untaggedHidden && len(tags) == 0:
		return removal{}, r.say(noManifest, a, manifestUnknown(unknownReference(a.name, "", a.dgst)))
	}
	if p := r.protected(repo, a, tags); p != nil {
		return removal{}, p
	}
	if batch := r.opts.untagBatch; batch > 0 && len(tags) > batch {
		for _, tag := range tags[:batch] {
			repo.removeTag(tag)
		}
		return removal{last: tags[batch-1]}, nil
	}
	r.removeManifest(repo, m, tags)
	switch {
	case r.opts.tagsLeft:
		return removal{}, nil
	case r.opts.untagTime > 0:
		return removal{left: tags}, nil
	}
	return removal{failed: r.takeOff(repo, a.dgst, tags)}, nil
}

// protected says what keeps a manifest from being deleted.
func (r *Registry) protected(repo *repository, a about, tags []string) *problem {
	locked := slices.IndexFunc(tags, func(tag string) bool { return r.opts.immutable[tag] })
	switch {
	case locked >= 0:
		a.by = tags[locked]
		return r.say(immutable, a, tagImmutable(a.by))
	case r.opts.tagsFirst && len(tags) > 0:
		a.by = tags[0]
		return r.say(stillTagged, a, refuse(http.StatusBadRequest, "GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by tag: "+a.by, nil))
	case r.opts.childProtection && repo.parents[a.dgst] > 0:
		a.by = repo.parentOf(a.dgst).String()
		return r.say(referenced, a, refuse(http.StatusMethodNotAllowed, codeDenied, "requested access to the resource is denied", map[string]string{
			"description": "The access controller denied access for the operation on a resource.",
			"reference":   a.dgst.String(),
		}))
	}
	return nil
}

func (r *Registry) removeTag(repo *repository, a about) *problem {
	if _, ok := repo.tags[a.tag]; !ok {
		return r.sayNoTag(repo, a)
	}
	if r.opts.immutable[a.tag] {
		a.by = a.tag
		return r.say(immutable, a, tagImmutable(a.tag))
	}
	m := repo.manifests[repo.tags[a.tag]]
	repo.removeTag(a.tag)
	repo.expire(a.tag)
	if m != nil && r.opts.lastTagDeletes && len(repo.tagged[m.desc.Digest]) == 0 {
		repo.removeManifest(m)
	}
	return nil
}

// sayNoTag is about a tag that is not there, or no longer.
func (r *Registry) sayNoTag(repo *repository, a about) *problem {
	if repo != nil && repo.expired[a.tag] {
		a.by = a.tag
	}
	return r.say(noTag, a, manifestUnknown(unknownReference(a.name, a.tag, "")))
}

// removeManifest takes out a manifest and what goes with it. Its tags still point at it.
func (r *Registry) removeManifest(repo *repository, m *manifest, tags []string) {
	if r.opts.cascade {
		for _, dgst := range slices.Clone(repo.referrers[m.desc.Digest]) {
			r.removeWhole(repo, dgst)
		}
	}
	repo.removeManifest(m)
	for _, tag := range tags {
		repo.setTag(tag, m.desc.Digest)
	}
	if r.opts.cascade {
		for _, child := range m.children {
			if repo.parents[child.Digest] == 0 && len(repo.tagged[child.Digest]) == 0 {
				r.removeWhole(repo, child.Digest)
			}
		}
	}
}

func (r *Registry) removeWhole(repo *repository, dgst digest.Digest) {
	if m := repo.manifests[dgst]; m != nil {
		r.removeManifest(repo, m, nil)
	}
}

// settle takes off the tags that are left, and answers.
func (r *Registry) settle(w http.ResponseWriter, a about, done removal) *problem {
	if done.last != "" {
		next := url.URL{Scheme: schemeOf(a.req), Host: a.req.Host, Path: a.req.URL.Path, RawQuery: "last=" + url.QueryEscape(done.last)}
		return refuse(http.StatusBadRequest, "MANIFEST_TAGS", "a lot of manifest tags, use the Link header to keep iterating",
			"This error may be returned when deleting a manifest by hash and there is too many tags").
			with("Link", "<"+next.String()+`>; rel="next"`)
	}
	if len(done.left) > 0 {
		if !pause(a.req.Context(), r.opts.untagTime) {
			return nil // nobody is left to answer, and the tags stay
		}
		r.mu.Lock()
		done.failed = r.takeOff(r.repositories[a.name], a.dgst, done.left)
		r.mu.Unlock()
	}
	switch {
	case r.opts.backgroundDelete:
		return refuse(http.StatusInternalServerError, codeUnknown, "unknown error", nil)
	case done.failed:
		return refuse(http.StatusAccepted, codeUnknown, "unknown error", map[string]string{})
	}
	return accepted(w)
}

// parentOf is the first index that lists a manifest, in the order of their digests.
func (p *repository) parentOf(child digest.Digest) digest.Digest {
	for _, dgst := range slices.Sorted(maps.Keys(p.manifests)) {
		if slices.ContainsFunc(p.manifests[dgst].children, func(d ocispec.Descriptor) bool { return d.Digest == child }) {
			return dgst
		}
	}
	return ""
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// takeOff removes tags as far as they still point at the manifest. The caller holds the lock.
func (r *Registry) takeOff(repo *repository, dgst digest.Digest, tags []string) (failed bool) {
	for _, tag := range tags {
		switch {
		case repo.tags[tag] != dgst: // somebody was quicker
		case tag == r.opts.untagFailure:
			failed = true
		default:
			repo.removeTag(tag)
			repo.expire(tag)
		}
	}
	return failed
}

func (p *repository) expire(tag string) {
	if p.expired == nil {
		p.expired = map[string]bool{}
	}
	p.expired[tag] = true
}

// spendThrottle counts the requests that are still to be refused.
func (r *Registry) spendThrottle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.throttled == 0 {
		return false
	}
	r.opts.throttled--
	return true
}

func tooManyRequests() *problem {
	return refuse(http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests", nil).with("Retry-After", "1")
}

func tagImmutable(tag string) *problem {
	return refuse(http.StatusPreconditionFailed, "PRECONDITION", "the tag "+tag+" configured as immutable, cannot be deleted", nil)
}

func accepted(w http.ResponseWriter) *problem {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
	return nil
}
