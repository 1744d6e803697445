package fakeregistry

import (
	"bytes"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"
)

// getBlob serves a blob or the requested ranges of it.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs
func (r *Registry) getBlob(w http.ResponseWriter, req *http.Request, rt route) *problem {
	dgst, p := parseDigest(rt.ref)
	if p != nil {
		return p
	}
	content, p := r.blob(rt.name, dgst)
	if p != nil {
		return r.refusalFor(reasonUnknownBlob, requestInfo{req: req, route: rt}, p)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if !r.opts.withoutEtag {
		w.Header().Set("Etag", `"`+dgst.String()+`"`)
	}
	r.setDigestHeader(w, dgst)
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(content))
	return nil
}

// blob returns the content of a blob in the repository called name.
func (r *Registry) blob(name string, dgst digest.Digest) ([]byte, *problem) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[name]
	if !ok && r.opts.distributionMajor == 0 {
		return nil, nameUnknown(name)
	}
	if !ok || !repo.hasBlob(dgst) {
		return nil, blobUnknown(dgst.String())
	}
	return repo.blobs[dgst], nil
}

// deleteBlob removes a blob from a repository, even if manifests still refer to it.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-blobs
func (r *Registry) deleteBlob(w http.ResponseWriter, req *http.Request, rt route) *problem {
	info := requestInfo{req: req, route: rt}
	if r.opts.deleteDisabled {
		return r.refusalFor(reasonDeleteDisabled, info, unsupported())
	}
	dgst, p := parseDigest(rt.ref)
	if p != nil {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	repo, ok := r.repositories[rt.name]
	switch {
	case !ok && r.opts.distributionMajor == 0:
		return nameUnknown(rt.name)
	case r.opts.distributionMajor > 0 && (!ok || !repo.hasBlob(dgst)):
		return newProblem(http.StatusNotFound, codeBlobUnknown, "blob unknown to registry", nil)
	case !repo.hasBlob(dgst) && r.opts.unknownBlobAccepted:
		return writeAccepted(w)
	case r.opts.blobProtection && repo.isBlobInUse(dgst):
		return newProblem(http.StatusMethodNotAllowed, codeDenied, "requested access to the resource is denied", nil)
	case !repo.hasBlob(dgst):
		return r.refusalFor(reasonUnknownBlob, info, blobUnknown(dgst.String()))
	}
	repo.removeBlob(dgst)
	return writeAccepted(w)
}
