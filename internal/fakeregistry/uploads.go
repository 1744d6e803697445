package fakeregistry

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// upload is an open upload session.
type upload struct {
	id      string
	name    string // of the repository
	content []byte
}

// postUpload opens an upload session, stores a complete blob, or mounts one from another
// repository.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
func (r *Registry) postUpload(w http.ResponseWriter, req *http.Request, rt route) *problem {
	query := req.URL.Query()
	switch {
	case query.Has("mount"):
		dgst, p := parseDigest(query.Get("mount"))
		if p != nil {
			return p
		}
		if r.mount(rt.name, query.Get("from"), dgst) {
			return r.writeBlobCreated(w, rt.name, dgst)
		}
	case query.Has("digest"):
		dgst, p := parseDigest(query.Get("digest"))
		if p != nil {
			return p
		}
		content, p := readContent(req)
		if p != nil {
			return p
		}
		return r.storeBlob(w, rt.name, dgst, content)
	}
	r.mu.Lock()
	r.uploadCount++
	u := &upload{id: uploadID(r.uploadCount), name: rt.name}
	r.uploads[u.id] = u
	r.mu.Unlock()
	return writeUploadStatus(w, http.StatusAccepted, u, 0)
}

// mount makes a blob of another repository available in the repository called name. If from is
// empty, it searches all repositories, unless the registry requires credentials, because the user
// may not have access to all of them. distribution never searches.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#mounting-a-blob-from-another-repository
func (r *Registry) mount(name, from string, dgst digest.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from == "" && (r.opts.distributionMajor > 0 || r.opts.tokens != nil || len(r.opts.basic) > 0) {
		return false
	}
	for other, repo := range r.repositories {
		if content, ok := repo.blobs[dgst]; ok && (from == "" || from == other) {
			r.repository(name).putBlob(dgst, content)
			return true
		}
	}
	return false
}

// uploadID returns a UUID derived from n, so that the same sequence of requests always gets the
// same IDs.
func uploadID(n int) string {
	sum := sha256.Sum256([]byte("upload " + strconv.Itoa(n)))
	sum[6] = sum[6]&0x0f | 0x80 // version 8, custom
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// findUpload returns the upload session that the path names. The caller holds the lock.
func (r *Registry) findUpload(rt route) (*upload, *problem) {
	u, ok := r.uploads[rt.ref]
	if !ok || u.name != rt.name {
		return nil, newProblem(http.StatusNotFound, codeBlobUploadUnknown, "blob upload unknown to registry", nil)
	}
	return u, nil
}

// getUpload returns the progress of an upload session.
func (r *Registry) getUpload(w http.ResponseWriter, _ *http.Request, rt route) *problem {
	r.mu.Lock()
	u, p := r.findUpload(rt)
	if p != nil {
		r.mu.Unlock()
		return p
	}
	size := len(u.content)
	r.mu.Unlock()
	return writeUploadStatus(w, http.StatusNoContent, u, size)
}

// deleteUpload cancels an upload session.
func (r *Registry) deleteUpload(w http.ResponseWriter, _ *http.Request, rt route) *problem {
	r.mu.Lock()
	defer r.mu.Unlock()
	u, p := r.findUpload(rt)
	if p != nil {
		return p
	}
	delete(r.uploads, u.id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// patchUpload appends a chunk to an upload session. Without Content-Range the body is a stream.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
func (r *Registry) patchUpload(w http.ResponseWriter, req *http.Request, rt route) *problem {
	u, size, p := r.appendChunk(w, req, rt)
	if p != nil {
		return p
	}
	return writeUploadStatus(w, http.StatusAccepted, u, size)
}

// putUpload closes an upload session and stores the blob. The request may contain the last chunk.
func (r *Registry) putUpload(w http.ResponseWriter, req *http.Request, rt route) *problem {
	dgst, p := parseDigest(req.URL.Query().Get("digest"))
	if p != nil {
		return p
	}
	u, _, p := r.appendChunk(w, req, rt)
	if p != nil {
		return p
	}
	r.mu.Lock()
	delete(r.uploads, u.id)
	content := u.content
	r.mu.Unlock()
	return r.storeBlob(w, rt.name, dgst, content)
}

// appendChunk appends the body of a request to its upload session and returns the new size. The
// chunk must start where the previous one ended.
func (r *Registry) appendChunk(w http.ResponseWriter, req *http.Request, rt route) (*upload, int, *problem) {
	chunk, p := readContent(req)
	if p != nil {
		return nil, 0, p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	u, p := r.findUpload(rt)
	if p != nil {
		return nil, 0, p
	}
	if value := req.Header.Get("Content-Range"); value != "" {
		first, last, ok := parseRange(value)
		switch {
		case !ok:
			return nil, 0, newProblem(http.StatusBadRequest, codeBlobUploadInvalid, "blob upload invalid", "Content-Range: "+value)
		case first != len(u.content):
			setUploadHeaders(w, u, len(u.content))
			return nil, 0, newProblem(http.StatusRequestedRangeNotSatisfiable, codeBlobUploadInvalid, "blob upload invalid",
				fmt.Sprintf("chunk starts at %d, want %d", first, len(u.content)))
		case last-first+1 != len(chunk):
			return nil, 0, sizeInvalid(fmt.Sprintf("range of %d bytes, body of %d", last-first+1, len(chunk)))
		}
	}
	u.content = append(u.content, chunk...)
	return u, len(u.content), nil
}

// parseRange parses "first-last", where both are inclusive.
func parseRange(value string) (first, last int, ok bool) {
	a, b, found := strings.Cut(value, "-")
	first, errFirst := strconv.Atoi(a)
	last, errLast := strconv.Atoi(b)
	return first, last, found && errFirst == nil && errLast == nil && first <= last && a[0] != '+' && b[0] != '+'
}

func readContent(req *http.Request) ([]byte, *problem) {
	content, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, sizeInvalid(err.Error())
	}
	return content, nil
}

func sizeInvalid(detail string) *problem {
	return newProblem(http.StatusBadRequest, codeSizeInvalid, "provided length did not match content length", detail)
}

// storeBlob stores a blob if its content has the given digest.
func (r *Registry) storeBlob(w http.ResponseWriter, name string, dgst digest.Digest, content []byte) *problem {
	if dgst.Algorithm().FromBytes(content) != dgst {
		return digestInvalid(map[string]string{"digest": dgst.String()})
	}
	r.mu.Lock()
	r.repository(name).putBlob(dgst, content)
	r.mu.Unlock()
	return r.writeBlobCreated(w, name, dgst)
}

func (r *Registry) writeBlobCreated(w http.ResponseWriter, name string, dgst digest.Digest) *problem {
	w.Header().Set("Location", "/v2/"+name+"/blobs/"+dgst.String())
	r.setDigestHeader(w, dgst)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusCreated)
	return nil
}

// writeUploadStatus writes the location and the range of an upload session. The range of an empty
// session is 0-0, as in distribution; the specification does not define it.
func writeUploadStatus(w http.ResponseWriter, status int, u *upload, size int) *problem {
	setUploadHeaders(w, u, size)
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
	return nil
}

// setUploadHeaders sets the header fields that describe an upload session of the given size.
func setUploadHeaders(w http.ResponseWriter, u *upload, size int) {
	w.Header().Set("Location", "/v2/"+u.name+"/blobs/uploads/"+u.id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
	w.Header().Set("Docker-Upload-Uuid", u.id)
}
