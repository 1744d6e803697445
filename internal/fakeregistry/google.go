package fakeregistry

import (
	"maps"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
)

// googleTagList is the response of Google's registries to a request for the tags. Numbers are
// encoded as strings.
type googleTagList struct {
	Child    []string                         `json:"child"`
	Manifest map[digest.Digest]googleManifest `json:"manifest"`
	Name     string                           `json:"name"`
	Tags     []string                         `json:"tags"`
}

type googleManifest struct {
	Size      string   `json:"imageSizeBytes"`
	LayerID   string   `json:"layerId"`
	MediaType string   `json:"mediaType"`
	Tags      []string `json:"tag"`
	Created   string   `json:"timeCreatedMs"`
	Uploaded  string   `json:"timeUploadedMs"`
}

func (r *Registry) googleTags(name string, tags []string) googleTagList {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := googleTagList{Child: []string{}, Manifest: map[digest.Digest]googleManifest{}, Name: name, Tags: tags}
	if tags == nil {
		list.Tags = []string{}
	}
	repo := r.repositories[name]
	for dgst, m := range repo.manifests {
		list.Manifest[dgst] = googleManifest{
			Size:      strconv.FormatInt(m.desc.Size, 10),
			MediaType: m.desc.MediaType,
			Tags:      append([]string{}, slices.Sorted(maps.Keys(repo.tagsByDigest[dgst]))...),
			Created:   "1676090802558",
			Uploaded:  "1676582665070",
		}
	}
	return list
}
