package fakeregistry

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// accepts reports whether Accept lists a media type. It ignores wildcards and weights, as does
// distribution 2.x, whose behaviour depends on Accept.
func accepts(req *http.Request, mediaType string) bool {
	for _, line := range req.Header.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			if t, _, err := mime.ParseMediaType(item); err == nil && t == mediaType {
				return true
			}
		}
	}
	return false
}

// negotiate returns the manifest to serve for m. Without options that is m, regardless of Accept.
// tag is empty for a request by digest, which never gets a different manifest. The caller holds the
// lock.
func (r *Registry) negotiate(req *http.Request, repo *repository, name, tag string, m *manifest) (*manifest, *problem) {
	mediaType := m.desc.MediaType
	if r.opts.acceptedOnly && len(req.Header.Values("Accept")) > 0 && !accepts(req, mediaType) && !accepts(req, "*/*") {
		return r.firstAcceptedChild(req, repo, tag, m)
	}
	if p := r.checkStrictAccept(req, repo, name, m); p != nil {
		return nil, p
	}
	if (r.opts.ociHidden || r.opts.ociImageHidden && mediaType == ocispec.MediaTypeImageManifest) && !accepts(req, mediaType) {
		switch mediaType {
		case ocispec.MediaTypeImageManifest:
			return nil, newProblem(http.StatusNotFound, codeManifestUnknown,
				"OCI manifest found, but accept header does not support OCI manifests", nil)
		case ocispec.MediaTypeImageIndex:
			return nil, newProblem(http.StatusNotFound, codeManifestUnknown,
				"OCI index found, but accept header does not support OCI indexes", nil)
		}
	}
	if tag == "" {
		return m, nil
	}
	if r.opts.childForList && mediaType == mediaTypeDockerList && !accepts(req, mediaTypeDockerList) {
		child := defaultChild(m)
		if m = repo.manifests[child]; m == nil {
			return nil, manifestUnknown(unknownReferenceDetail(name, "", child))
		}
	}
	if r.opts.distributionMajor == 3 && mediaType == mediaTypeDockerList && m.desc.MediaType == mediaTypeDockerManifest && !accepts(req, mediaTypeDockerManifest) {
		return nil, newProblem(http.StatusBadRequest, codeManifestInvalid, "Schema 2 manifest not supported by client", nil)
	}
	if r.opts.schema1Conversion && m.desc.MediaType == mediaTypeDockerManifest && !accepts(req, mediaTypeDockerManifest) {
		return repo.convertToSchema1(m, name, tag)
	}
	return m, nil
}

// firstAcceptedChild returns the first child of an index that the client accepts, as olareg does
// for a request by tag.
func (r *Registry) firstAcceptedChild(req *http.Request, repo *repository, tag string, m *manifest) (*manifest, *problem) {
	for _, child := range m.children {
		if stored := repo.manifests[child.Digest]; tag != "" && stored != nil && accepts(req, stored.desc.MediaType) {
			return stored, nil
		}
	}
	fallback := manifestUnknown("requested media type not found, available media type is " + m.desc.MediaType)
	return nil, r.refusalFor(reasonNotAcceptable, requestInfo{req: req, tag: tag, cause: m.desc.MediaType}, fallback)
}

// checkStrictAccept returns Keppel's response if the client does not accept the media type of m: a
// redirect to the first child of the index that the client accepts, or else 406.
func (r *Registry) checkStrictAccept(req *http.Request, repo *repository, name string, m *manifest) *problem {
	if !r.opts.strictAccept || len(req.Header.Values("Accept")) == 0 || accepts(req, m.desc.MediaType) || accepts(req, "*/*") {
		return nil
	}
	for _, child := range m.children {
		if stored := repo.manifests[child.Digest]; stored != nil && accepts(req, stored.desc.MediaType) {
			return (&problem{status: http.StatusTemporaryRedirect}).withHeader(
				"Location", "/v2/"+name+"/manifests/"+child.Digest.String(), "Docker-Content-Digest", child.Digest.String())
		}
	}
	return newProblem(http.StatusNotAcceptable, codeManifestUnknown, "manifest type not acceptable", nil)
}

// defaultChild returns the digest of the linux/amd64 manifest in a list, or "" if there is none.
func defaultChild(list *manifest) digest.Digest {
	for _, child := range list.children {
		if child.Platform != nil && child.Platform.OS == "linux" && child.Platform.Architecture == "amd64" {
			return child.Digest
		}
	}
	return ""
}

// convertToSchema1 converts a schema2 manifest to a signed schema1 manifest, which is not stored.
func (repo *repository) convertToSchema1(m *manifest, name, tag string) (*manifest, *problem) {
	var config map[string]any
	if len(m.blobs) == 0 || json.Unmarshal(repo.blobs[m.blobs[0].Digest], &config) != nil ||
		config["rootfs"] == nil || config["history"] == nil {
		return nil, newProblem(http.StatusBadRequest, codeManifestInvalid, "manifest invalid", map[string]string{})
	}
	layers := make([]digest.Digest, 0, len(m.blobs))
	for _, layer := range m.blobs[1:] {
		layers = append(layers, layer.Digest)
	}
	raw := signSchema1(schema1Document(name, tag, config, layers))
	return parseManifest(mediaTypeSchema1Signed, raw, digest.Canonical), nil
}
