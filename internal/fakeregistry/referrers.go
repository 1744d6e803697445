package fakeregistry

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// getReferrers lists the manifests whose subject has a given digest, in order of arrival.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
func (r *Registry) getReferrers(w http.ResponseWriter, req *http.Request, rt route) *problem {
	dgst, p := parseDigest(rt.ref)
	if p != nil {
		return p
	}
	list := r.referrersOf(rt.name, dgst)
	query := req.URL.Query()
	if artifactType := query.Get("artifactType"); artifactType != "" {
		list = slices.DeleteFunc(list, func(d ocispec.Descriptor) bool { return d.ArtifactType != artifactType })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	if last := query.Get("last"); last != "" {
		i := slices.IndexFunc(list, func(d ocispec.Descriptor) bool { return d.Digest.String() == last })
		list = list[i+1:]
	}
	if limit := r.opts.pageCap; limit > 0 && limit < len(list) {
		list = list[:limit]
		next := url.Values{"last": {list[limit-1].Digest.String()}}
		if query.Has("artifactType") {
			next.Set("artifactType", query.Get("artifactType"))
		}
		r.setNextLink(w, req, next)
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: list}
	// olareg ends an empty list with a newline, but no other list.
	if len(list) == 0 && (r.opts.nullReferrers || r.opts.withoutNewline) {
		if r.opts.nullReferrers {
			index.Manifests = nil
		}
		writeJSON(w, http.StatusOK, ocispec.MediaTypeImageIndex, index)
		return nil
	}
	r.writeList(w, ocispec.MediaTypeImageIndex, index)
	return nil
}

// referrersOf returns the referrers of subject. The list is never nil, even if the repository does
// not exist, because nil would be encoded as null.
func (r *Registry) referrersOf(name string, subject digest.Digest) []ocispec.Descriptor {
	list := []ocispec.Descriptor{}
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo, ok := r.repositories[name]
	if !ok {
		return list
	}
	for _, dgst := range repo.referrers[subject] {
		list = append(list, repo.manifests[dgst].desc)
	}
	return list
}
