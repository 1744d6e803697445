package fakeregistry

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// The error codes that the registry uses. All but UNKNOWN and PAGINATION_NUMBER_INVALID, which come
// from distribution, are listed in the specification.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
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

// errorDocument is the JSON body of an error response.
type errorDocument struct {
	Errors []errorDetail `json:"errors"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	Detail  any    `json:"detail,omitempty"`
}

// problem is the response to a request that is not served: an error document or, if errors is nil,
// any body.
type problem struct {
	status      int
	errors      []errorDetail
	contentType string // of body
	body        string
	header      []string // alternating names and values
}

// newProblem returns a problem with an error document of one error.
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

// unknownError is how distribution reports an error that it has no code for. The detail is the
// error encoded as JSON.
func unknownError(detail any) *problem {
	return newProblem(http.StatusInternalServerError, codeUnknown, "unknown error", detail)
}

// methodNotAllowed is the response of distribution to a method that an endpoint does not have.
func methodNotAllowed(allow string) *problem {
	return textProblem(http.StatusMethodNotAllowed, "Method not allowed\n").withHeader("Allow", allow, "X-Content-Type-Options", "nosniff")
}

func unsupported() *problem {
	return newProblem(http.StatusMethodNotAllowed, codeUnsupported, "The operation is unsupported.", nil)
}

// writeProblem writes p as the response. An error document ends with a newline, as in distribution.
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

// jsonType returns the media type of JSON responses other than manifests.
func (r *Registry) jsonType() string {
	if r.opts.distributionMajor == 2 || r.opts.charset {
		return "application/json; charset=utf-8"
	}
	return "application/json"
}

// writeJSON writes v as the response, followed by a newline. Encoding cannot fail in practice: the
// values are made in this package, of maps, strings and numbers.
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

// writeBytes writes a body and reports whether the client was still connected.
func writeBytes(w http.ResponseWriter, body []byte) bool {
	_, err := w.Write(body)
	return err == nil
}
