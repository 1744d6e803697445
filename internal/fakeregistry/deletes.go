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

// deleteManifest deletes a tag, or a manifest together with all its tags.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
func (r *Registry) deleteManifest(w http.ResponseWriter, req *http.Request, rt route) *problem {
	tag, dgst, malformed := parseReference(rt.ref)
	info := requestInfo{req: req, route: rt, tag: tag, dgst: dgst}
	switch {
	case r.consumeThrottle():
		return r.refusalFor(reasonThrottled, info, tooManyRequests())
	case malformed != nil && r.opts.distributionMajor == 3: // distribution 3 checks this first
		return r.refusalFor(reasonMalformedDigest, info, malformed)
	case r.opts.deleteDisabled:
		return r.refusalFor(reasonDeleteDisabled, info, unsupported())
	case r.opts.withoutTagDelete && dgst == "":
		return r.refusalFor(reasonTagDelete, info, digestInvalid(nil))
	case malformed != nil:
		return r.refusalFor(reasonMalformedDigest, info, malformed)
	case r.opts.withoutDigestDelete && dgst != "":
		return r.refusalFor(reasonDigestDelete, info, unsupported())
	}
	done, p := r.remove(info)
	if p != nil {
		return p
	}
	return r.finishDelete(w, info, done)
}

// removal is the outcome of remove: what is left to do and to report.
type removal struct {
	pendingTags []string // tags still to be removed
	untagFailed bool     // a tag could not be removed
	lastTag     string   // last tag of the batch that was removed; empty if no more tags remain
}

// remove deletes the tag or manifest that the request names. With WithSlowUntag it leaves the tags
// of the manifest to finishDelete.
func (r *Registry) remove(info requestInfo) (removal, *problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo, ok := r.repositories[info.name]
	switch {
	case !ok && r.opts.distributionMajor > 0:
		return removal{}, r.refusalFor(reasonUnknownRepository, info, manifestUnknown(nil))
	case !ok:
		return removal{}, r.refusalFor(reasonUnknownRepository, info, nameUnknown(info.name))
	case info.tag != "":
		return removal{}, r.removeTag(repo, info)
	}
	m := repo.manifests[info.dgst]
	tags := slices.Sorted(maps.Keys(repo.tagsByDigest[info.dgst]))
	switch {
	case m == nil && r.opts.blobDigestDelete && repo.hasBlob(info.dgst):
		repo.removeBlob(info.dgst)
		return removal{}, nil
	case m == nil && r.opts.distributionMajor > 0:
		return removal{}, r.refusalFor(reasonUnknownManifest, info, manifestUnknown(nil))
	case m == nil, r.opts.untaggedHidden && len(tags) == 0:
		return removal{}, r.refusalFor(reasonUnknownManifest, info, manifestUnknown(unknownReferenceDetail(info.name, "", info.dgst)))
	}
	if p := r.checkProtection(repo, info, tags); p != nil {
		return removal{}, p
	}
	if batch := r.opts.untagBatch; batch > 0 && len(tags) > batch {
		for _, tag := range tags[:batch] {
			repo.removeTag(tag)
		}
		return removal{lastTag: tags[batch-1]}, nil
	}
	if r.opts.heldByTags {
		r.removeTags(repo, info.dgst, tags)
		r.afterUntag(repo, m, tags[max(0, slices.IndexFunc(tags, func(tag string) bool { return !isCosignTag(tag) }))], false)
		return removal{}, nil
	}
	r.removeManifest(repo, m, tags)
	switch {
	case r.opts.tagCopies:
		repo.tagCopies[info.dgst] = m
		return removal{}, nil
	case r.opts.tagsLeft:
		return removal{}, nil
	case r.opts.untagTime > 0:
		return removal{pendingTags: tags}, nil
	}
	return removal{untagFailed: r.removeTags(repo, info.dgst, tags)}, nil
}

// checkProtection returns a problem if an immutable tag, any tag, or an index that lists it
// protects the manifest from deletion.
func (r *Registry) checkProtection(repo *repository, info requestInfo, tags []string) *problem {
	locked := slices.IndexFunc(tags, func(tag string) bool { return r.opts.immutable[tag] })
	switch {
	case locked >= 0:
		info.cause = tags[locked]
		return r.refusalFor(reasonImmutable, info, tagImmutable(info.cause))
	case r.opts.collisionDetection && len(tags) > 1:
		return newProblem(http.StatusConflict, codeManifestInvalid, "manifest invalid", map[string]string{"reference": info.dgst.String()})
	case r.opts.tagsFirst && len(tags) > 0:
		info.cause = tags[0]
		return r.refusalFor(reasonTagged, info, newProblem(http.StatusBadRequest, "GOOGLE_MANIFEST_DANGLING_TAG", "Manifest is still referenced by tag: "+info.cause, nil))
	}
	if r.opts.childProtection && repo.parentCount[info.dgst] > 0 {
		return r.referenced(repo, info, info.dgst)
	}
	if listed, ok := r.listedAccessory(repo, info.dgst); ok && r.opts.childProtection {
		return r.referenced(repo, info, listed)
	}
	return nil
}

// referenced returns the refusal of a deletion that would delete a manifest that an index lists.
func (r *Registry) referenced(repo *repository, info requestInfo, child digest.Digest) *problem {
	info.cause = repo.parentOf(child).String()
	return r.refusalFor(reasonReferenced, info, newProblem(http.StatusMethodNotAllowed, codeDenied, "requested access to the resource is denied", map[string]string{
		"description": "The access controller denied access for the operation on a resource.",
		"reference":   child.String(),
	}))
}

// removeTag deletes the tag that the request names. The caller holds the lock.
func (r *Registry) removeTag(repo *repository, info requestInfo) *problem {
	if _, ok := repo.tags[info.tag]; !ok {
		return r.unknownTag(repo, info)
	}
	if r.opts.immutable[info.tag] {
		info.cause = info.tag
		return r.refusalFor(reasonImmutable, info, tagImmutable(info.tag))
	}
	dgst := repo.tags[info.tag]
	if r.opts.lastTagDeletes && r.opts.childProtection && len(repo.tagsByDigest[dgst]) == 1 && repo.parentCount[dgst] > 0 {
		return r.referenced(repo, info, dgst)
	}
	repo.removeTag(info.tag)
	repo.markExpired(info.tag)
	r.afterUntag(repo, repo.manifests[dgst], info.tag, r.opts.lastTagDeletes)
	return nil
}

// unknownTag returns the response for a tag that does not exist. Its cause is set if the tag
// existed once, because Quay distinguishes the two.
func (r *Registry) unknownTag(repo *repository, info requestInfo) *problem {
	if repo != nil && repo.expiredTags[info.tag] {
		info.cause = info.tag
	}
	return r.refusalFor(reasonUnknownTag, info, manifestUnknown(unknownReferenceDetail(info.name, info.tag, "")))
}

// removeManifest deletes a manifest and then restores the given tags, which still point to its
// digest. It also deletes what goes along, see WithCascade and WithReferrerCascade.
func (r *Registry) removeManifest(repo *repository, m *manifest, tags []string) {
	for _, dgst := range r.accessories(repo, m.desc.Digest) {
		r.removeByDigest(repo, dgst)
	}
	repo.removeManifest(m)
	for _, tag := range tags {
		repo.setTag(tag, m.desc.Digest)
	}
	if !r.opts.cascadeChildren {
		return
	}
	for _, child := range m.children {
		if repo.parentCount[child.Digest] == 0 && len(repo.tagsByDigest[child.Digest]) == 0 {
			r.removeByDigest(repo, child.Digest)
		}
	}
}

// removeByDigest deletes the manifest with the given digest, if it exists, together with its tags.
func (r *Registry) removeByDigest(repo *repository, dgst digest.Digest) {
	if m := repo.manifests[dgst]; m != nil {
		r.removeManifest(repo, m, nil)
	}
}

// finishDelete removes the remaining tags and writes the response.
func (r *Registry) finishDelete(w http.ResponseWriter, info requestInfo, done removal) *problem {
	if done.lastTag != "" {
		next := url.URL{Scheme: schemeOf(info.req), Host: info.req.Host, Path: info.req.URL.Path, RawQuery: "last=" + url.QueryEscape(done.lastTag)}
		return newProblem(http.StatusBadRequest, "MANIFEST_TAGS", "a lot of manifest tags, use the Link header to keep iterating",
			"This error may be returned when deleting a manifest by hash and there is too many tags").
			withHeader("Link", "<"+next.String()+`>; rel="next"`)
	}
	if len(done.pendingTags) > 0 {
		if !pause(info.req.Context(), r.opts.untagTime) {
			return nil // the client has gone; the tags stay behind
		}
		r.mu.Lock()
		done.untagFailed = r.removeTags(r.repositories[info.name], info.dgst, done.pendingTags)
		r.mu.Unlock()
	}
	switch {
	case r.opts.backgroundDelete:
		return newProblem(http.StatusInternalServerError, codeUnknown, "unknown error", nil)
	case done.untagFailed:
		return newProblem(http.StatusAccepted, codeUnknown, "unknown error", map[string]string{})
	}
	return writeAccepted(w)
}

// parentOf returns the index with the lowest digest that lists child.
func (repo *repository) parentOf(child digest.Digest) digest.Digest {
	for _, dgst := range slices.Sorted(maps.Keys(repo.manifests)) {
		if slices.ContainsFunc(repo.manifests[dgst].children, func(d ocispec.Descriptor) bool { return d.Digest == child }) {
			return dgst
		}
	}
	return ""
}

// pause waits for d and reports false if ctx ends first.
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

// removeTags removes those tags that still point to dgst. It reports whether the removal of one
// failed, see WithUntagFailure. The caller holds the lock.
func (r *Registry) removeTags(repo *repository, dgst digest.Digest, tags []string) (failed bool) {
	for _, tag := range tags {
		switch {
		case repo.tags[tag] != dgst: // moved or deleted in the meantime
		case tag == r.opts.untagFailure:
			failed = true
		default:
			repo.removeTag(tag)
			repo.markExpired(tag)
		}
	}
	return failed
}

// markExpired records that tag existed and was deleted.
func (repo *repository) markExpired(tag string) {
	if repo.expiredTags == nil {
		repo.expiredTags = map[string]bool{}
	}
	repo.expiredTags[tag] = true
}

// consumeThrottle reports whether WithThrottledDeletes refuses this request, and counts it if so.
func (r *Registry) consumeThrottle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.throttled == 0 {
		return false
	}
	r.opts.throttled--
	return true
}

// tooManyRequests is the response to a throttled request, unless a profile has one of its own.
func tooManyRequests() *problem {
	return newProblem(http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests", nil).withHeader("Retry-After", "1")
}

// tagImmutable is Harbor's response to the deletion of an immutable tag. It is also used if the tag
// would be moved.
func tagImmutable(tag string) *problem {
	return newProblem(http.StatusPreconditionFailed, "PRECONDITION", "the tag "+tag+" configured as immutable, cannot be deleted", nil)
}

func writeAccepted(w http.ResponseWriter) *problem {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
	return nil
}
