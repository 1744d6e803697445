package fakeregistry

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// The codes of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes that the registry
// uses, and UNKNOWN and PAGINATION_NUMBER_INVALID of distribution, which that list lacks.
const (
	codeBlobUnknown         = "BLOB_UNKNOWN"
	codeBlobUploadInvalid   = "BLOB_UPLOAD_INVALID"
	codeBlobUploadUnknown   = "BLOB_UPLOAD_UNKNOWN"
	codeDenied              = "DENIED"
	codeDigestInvalid       = "DIGEST_INVALID"
	codeManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN"
	codeManifestInvalid     = "MANIFEST_INVALID"
	codeManifestUnknown     = "MANIFEST_UNKNOWN"
	codeNameInvalid         = "NAME_INVALID"
	codeNameUnknown         = "NAME_UNKNOWN"
	codePaginationInvalid   = "PAGINATION_NUMBER_INVALID"
	codeSizeInvalid         = "SIZE_INVALID"
	codeUnauthorized        = "UNAUTHORIZED"
	codeUnknown             = "UNKNOWN"
	codeUnsupported         = "UNSUPPORTED"
)

type errorDocument struct {
	Errors []errorDetail `json:"errors"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	Detail  any    `json:"detail,omitempty"`
}

// problem is why a request is refused: an error document, or without errors a text.
type problem struct {
	status      int
	errors      []errorDetail
	contentType string // of the text
	body        string
	header      []string // names and values in turn
}

func newProblem(status int, code, message string, detail any) *problem {
	return &problem{status: status, errors: []errorDetail{{code, message, detail}}}
}

func digestInvalid(detail any) *problem {
	return newProblem(http.StatusBadRequest, codeDigestInvalid, "provided digest did not match uploaded content", detail)
}

func manifestInvalid(reason string) *problem {
	return newProblem(http.StatusBadRequest, codeManifestInvalid, "manifest invalid", reason)
}

func manifestUnknown(detail any) *problem {
	return newProblem(http.StatusNotFound, codeManifestUnknown, "manifest unknown", detail)
}

func nameUnknown(name string) *problem {
	return newProblem(http.StatusNotFound, codeNameUnknown, "repository name not known to registry", map[string]string{"name": name})
}

func blobUnknown(dgst string) *problem {
	return newProblem(http.StatusNotFound, codeBlobUnknown, "blob unknown to registry", dgst)
}

// unknown is what distribution says when it did not expect what it met: the detail is the error as JSON.
func unknownError(detail any) *problem {
	return newProblem(http.StatusInternalServerError, codeUnknown, "unknown error", detail)
}

// methodNotAllowed is how distribution refuses a method.
func methodNotAllowed(allow string) *problem {
	return textProblem(http.StatusMethodNotAllowed, "Method not allowed\n").withHeader("Allow", allow, "X-Content-Type-Options", "nosniff")
}

func unsupported() *problem {
	return newProblem(http.StatusMethodNotAllowed, codeUnsupported, "The operation is unsupported.", nil)
}

// writeProblem answers with the error document, ended by a newline as distribution does.
func (r *Registry) writeProblem(w http.ResponseWriter, p *problem) {
	for pair := range slices.Chunk(p.header, 2) {
		w.Header().Add(pair[0], pair[1])
	}
	if p.errors != nil {
		writeJSON(w, p.status, r.jsonType(), errorDocument{p.errors})
		return
	}
	if p.contentType != "" {
		w.Header().Set("Content-Type", p.contentType)
	}
	if p.body != "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	}
	w.WriteHeader(p.status)
	writeBytes(w, []byte(p.body))
}

// jsonType is the media type of answers that are no manifests.
func (r *Registry) jsonType() string {
	if r.opts.distributionMajor == 2 || r.opts.charset {
		return "application/json; charset=utf-8"
	}
	return "application/json"
}

// writeJSON answers with v. Values are made here of maps, strings and numbers: they always encode.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body = append(body, '\n')
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	writeBytes(w, body)
}

// writeBytes sends a body and reports whether the caller was still there to take it.
func writeBytes(w http.ResponseWriter, body []byte) bool {
	_, err := w.Write(body)
	return err == nil
}
