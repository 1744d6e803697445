package fakeregistry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
)

// maxManifestSize is the size of the largest manifest that is accepted. The specification asks for
// at least 4 MB.
const maxManifestSize = 4 << 20

// getManifest serves a manifest by tag or by digest.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
func (r *Registry) getManifest(w http.ResponseWriter, req *http.Request, rt route) *problem {
	if req.Method == http.MethodHead && r.opts.headStatus != 0 {
		w.WriteHeader(r.opts.headStatus)
		return nil
	}
	if p := r.countPull(w, req); p != nil {
		return p
	}
	m, p := r.lookUpManifest(req, rt)
	if p != nil {
		return p
	}
	etag := `"` + m.desc.Digest.String() + `"`
	h := w.Header()
	if !r.opts.withoutEtag {
		h.Set("Etag", etag)
	}
	r.setDigestHeader(w, m.desc.Digest)
	if slices.Contains(req.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", m.desc.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(m.raw)))
	w.WriteHeader(http.StatusOK)
	writeBytes(w, m.raw)
	return nil
}

// lookUpManifest finds the manifest that the path names and negotiates its media type.
func (r *Registry) lookUpManifest(req *http.Request, rt route) (*manifest, *problem) {
	tag, dgst, p := parseReference(rt.ref)
	if p != nil {
		switch r.opts.distributionMajor {
		case 0:
			p = r.refusalFor(reasonMalformedDigest, requestInfo{req: req, route: rt}, p)
		case 2:
			p = unknownError(invalidPathDetail{tagPath(rt.name, rt.ref) + "/current/link", "filesystem"})
		}
		return nil, p
	}
	info := requestInfo{req: req, route: rt, tag: tag, dgst: dgst}
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[rt.name]
	if !ok && r.opts.distributionMajor == 0 {
		return nil, r.refusalFor(reasonUnknownRepository, info, nameUnknown(rt.name))
	}
	if ok && tag != "" {
		dgst = repo.tags[tag]
	}
	switch {
	case ok && repo.manifests[dgst] != nil:
		return r.negotiate(req, repo, rt.name, tag, repo.manifests[dgst])
	case ok && tag != "" && repo.tagCopies[dgst] != nil:
		return r.negotiate(req, repo, rt.name, tag, repo.tagCopies[dgst])
	case ok && r.opts.distributionMajor == 2 && repo.hasBlob(dgst):
		return nil, notAManifest(repo.blobs[dgst])
	case tag != "":
		return nil, r.unknownTag(repo, info)
	}
	return nil, r.refusalFor(reasonUnknownManifest, info, manifestUnknown(unknownReferenceDetail(rt.name, "", dgst)))
}

// invalidPathDetail is an error of distribution's storage driver, which distribution encodes as
// JSON.
type invalidPathDetail struct {
	Path       string
	DriverName string
}

// notAManifest is the response of distribution to the digest of a blob in place of that of a
// manifest. The detail is the offset at which the blob stops being JSON.
func notAManifest(blob []byte) *problem {
	err := json.Unmarshal(blob, &struct{}{})
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return unknownError(map[string]int64{"Offset": syntax.Offset})
	}
	return unknownError(map[string]string{})
}

// unknownReferenceDetail is the detail that distribution gives for an unknown tag or digest.
func unknownReferenceDetail(name, tag string, dgst digest.Digest) map[string]string {
	if tag != "" {
		return map[string]string{"Tag": tag}
	}
	return map[string]string{"Name": name, "Revision": dgst.String()}
}

func (r *Registry) setDigestHeader(w http.ResponseWriter, dgst digest.Digest) {
	if !r.opts.withoutDigest {
		w.Header().Set("Docker-Content-Digest", dgst.String())
	}
}

// putManifest stores a manifest under a tag or a digest. A tag may be accompanied by the query
// parameter digest, and a digest by any number of query parameters tag.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
func (r *Registry) putManifest(w http.ResponseWriter, req *http.Request, rt route) *problem {
	tag, dgst, p := parseReference(rt.ref)
	if p != nil {
		return p
	}
	query := req.URL.Query()
	if tag != "" && query.Has("digest") {
		if dgst, p = parseDigest(query.Get("digest")); p != nil {
			return p
		}
	}
	tags := query["tag"]
	if tag != "" {
		tags = []string{tag}
	}
	for _, t := range tags {
		if !validTag(t) {
			return manifestInvalid("invalid tag " + t)
		}
	}
	raw, p := readManifestBody(req)
	if p != nil {
		return p
	}
	m, p := r.parsePushedManifest(req, raw, dgst)
	if p != nil {
		return p
	}
	if p := r.storeManifest(rt.name, m, tags); p != nil {
		return p
	}
	h := w.Header()
	h.Set("Location", r.locationOrigin(req)+"/v2/"+rt.name+"/manifests/"+m.desc.Digest.String())
	r.setDigestHeader(w, m.desc.Digest)
	if m.subject != "" && !r.opts.withoutReferrers {
		h.Set("OCI-Subject", m.subject.String())
	}
	if tag == "" {
		for _, t := range tags {
			h.Add("OCI-Tag", t)
		}
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// locationOrigin returns the scheme and host that distribution puts before the path in Location.
// The specification does not require them, so without a version of distribution it is empty.
func (r *Registry) locationOrigin(req *http.Request) string {
	if r.opts.distributionMajor == 0 {
		return ""
	}
	return schemeOf(req) + "://" + req.Host
}

// readManifestBody reads a pushed manifest, up to maxManifestSize.
func readManifestBody(req *http.Request) ([]byte, *problem) {
	raw, err := io.ReadAll(io.LimitReader(req.Body, maxManifestSize+1))
	switch {
	case len(raw) > maxManifestSize:
		return nil, newProblem(http.StatusRequestEntityTooLarge, codeSizeInvalid, "manifest too large", nil)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, codeSizeInvalid, "provided length did not match content length", err.Error())
	}
	return raw, nil
}

// parsePushedManifest validates and parses a pushed manifest. It checks that the manifest agrees
// with its Content-Type, whose parameters it ignores, and with dgst unless that is empty.
func (r *Registry) parsePushedManifest(req *http.Request, raw []byte, dgst digest.Digest) (*manifest, *problem) {
	mediaType, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		if mediaType = mediaTypeField(raw); mediaType == "" {
			return nil, manifestInvalid("no Content-Type")
		}
	}
	if p := checkManifest(mediaType, raw); p != nil {
		if r.opts.distributionMajor > 0 && p.errors[0].Detail == detailWithoutConfig {
			p = digestInvalid(nil)
			p.errors = append(p.errors, errorDetail{codeManifestBlobUnknown, "blob unknown to registry", ""})
		}
		return nil, p
	}
	algorithm := digest.Canonical
	if dgst != "" {
		algorithm = dgst.Algorithm()
	}
	m := parseManifest(mediaType, raw, algorithm)
	if dgst != "" && (dgst != m.desc.Digest || r.opts.distributionMajor > 0 && algorithm != digest.Canonical) {
		return nil, digestInvalid(nil)
	}
	return m, nil
}

// mediaTypeField returns the mediaType field of a manifest, which is used if the client sends no
// Content-Type.
func mediaTypeField(raw []byte) string {
	var doc struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&doc); err != nil {
		return ""
	}
	return doc.MediaType
}

// storeManifest stores a manifest and its tags, unless it refers to missing content or a tag is
// immutable.
func (r *Registry) storeManifest(name string, m *manifest, tags []string) *problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo, ok := r.repositories[name]
	if !ok {
		repo = &repository{} // the repository is created only if the manifest is accepted
	}
	if unknown := repo.missingContent(m); len(unknown) > 0 {
		return r.refusalFor(reasonMissingContent, requestInfo{route: route{name: name}}, &problem{status: http.StatusBadRequest, errors: unknown})
	}
	for _, tag := range tags {
		if old, ok := repo.tags[tag]; ok && old != m.desc.Digest && r.opts.immutable[tag] {
			return r.refusalFor(reasonImmutable, requestInfo{route: route{name: name}, tag: tag, dgst: old, cause: tag}, tagImmutable(tag))
		}
	}
	repo = r.repository(name)
	repo.putManifest(m, tags)
	for _, tag := range tags {
		old := repo.manifests[repo.tags[tag]]
		repo.setTag(tag, m.desc.Digest)
		if old == nil || old.desc.Digest == m.desc.Digest {
			continue
		}
		if r.opts.pruneOnOverwrite {
			repo.prune(old)
		}
		r.afterUntag(repo, old, tag, r.opts.overwriteDeletes)
	}
	return nil
}
