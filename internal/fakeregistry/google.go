package fakeregistry

import (
	"maps"
	"slices"
	"strconv"
	"time"

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

// manifestTimes are the times that Google's registries list for a manifest.
type manifestTimes struct{ created, uploaded time.Time }

// sampleTimes are the times of a manifest without [Registry.SetTimes].
func sampleTimes() manifestTimes {
	return manifestTimes{created: time.UnixMilli(1676090802558), uploaded: time.UnixMilli(1676582665070)}
}

// SetTimes sets when a manifest was created and uploaded, according to the list of tags with
// [WithGoogleTags]. The zero time is listed as "0". Container Registry does so for the creation of
// an index, and Artifact Registry has been seen to do so for that of every manifest. The times of
// other manifests are the same arbitrary ones.
//
// https://github.com/google/go-containerregistry/issues/1067
//
// https://github.com/marekaf/gcr-lifecycle-policy/issues/6
func (r *Registry) SetTimes(repository string, dgst digest.Digest, created, uploaded time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repository(repository).times[dgst] = manifestTimes{created, uploaded}
}

// milliseconds is a time as Google's registries write it.
func milliseconds(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
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
		times, ok := repo.times[dgst]
		if !ok {
			times = sampleTimes()
		}
		list.Manifest[dgst] = googleManifest{
			Size:      strconv.FormatInt(m.desc.Size, 10),
			MediaType: m.desc.MediaType,
			Tags:      append([]string{}, slices.Sorted(maps.Keys(repo.tagsByDigest[dgst]))...),
			Created:   milliseconds(times.created),
			Uploaded:  milliseconds(times.uploaded),
		}
	}
	return list
}
