package trash

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/grammar"
)

// An Image is an image that is in the trash, or goes there, and the tags that it had.
type Image struct {
	Digest regret.Digest
	Tags   []string
}

// An Index keeps the tags of images. It lists nothing, so that it holds nothing; its
// annotations say which tags pointed to which image.
type Index struct {
	Tag      string
	Manifest *regret.Manifest
}

// maxIndex is the size of the largest index that is written. Registries take manifests of up
// to 4 MiB, but some read or show large ones slowly.
//
// See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
const maxIndex = 1 << 20

// Annotations of an index.
const (
	annotationTag  = "com.github.seed-8cb7cc86.regret.trash"  // the tag of the index, so that no two are the same manifest
	annotationTags = "com.github.seed-8cb7cc86.regret.names/" // and a digest: the tags that pointed to it, separated by spaces
	description    = "names of the images in the trash, to restore them"
)

// Write returns indexes that keep the tags of images, for the plan and day of a tag. The
// same images, in the same order, make the same indexes. The names of an image are in one index,
// unless they are too many for one.
func Write(t Tag, images []Image) ([]Index, error) {
	w := writer{tag: t}
	for _, image := range images {
		if size := sizeOf(image); w.size > 0 && size <= maxNames && w.size+size > maxNames {
			if err := w.flush(); err != nil {
				return nil, err
			}
		}
		for _, tag := range image.Tags {
			if err := w.add(image.Digest, tag); err != nil {
				return nil, err
			}
		}
	}
	return w.indexes, w.flush()
}

// A writer fills one index after the other.
type writer struct {
	tag     Tag
	tags    map[regret.Digest][]string // in the index that is being filled
	size    int                        // of these, as annotations
	indexes []Index
}

// maxNames is the size of the names that are in one index at most. Everything else in it takes less
// than 1 KiB.
const maxNames = maxIndex - 1<<10

// sizeOf returns how much the names of an image take.
func sizeOf(image Image) int {
	size := sizeOfKey(image.Digest)
	for _, tag := range image.Tags {
		size += len(tag) + len(" ")
	}
	return size
}

func sizeOfKey(dgst regret.Digest) int { return len(annotationTags) + len(dgst) + len(`"":"",`) }

func (w *writer) add(dgst regret.Digest, tag string) error {
	size := len(tag) + len(" ")
	if len(w.tags[dgst]) > 0 && w.size+size <= maxNames {
		w.size += size
		w.tags[dgst] = append(w.tags[dgst], tag)
		return nil
	}
	size += sizeOfKey(dgst)
	if len(w.tags[dgst]) > 0 || w.size+size > maxNames {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if w.tags == nil {
		w.tags = make(map[regret.Digest][]string)
	}
	w.size += size
	w.tags[dgst] = []string{tag}
	return nil
}

// flush ends the index that is being filled.
func (w *writer) flush() error {
	if len(w.tags) == 0 {
		return nil
	}
	name := w.tag.Names(strconv.Itoa(len(w.indexes) + 1)).String()
	annotations := map[string]string{annotationTag: name, ocispec.AnnotationDescription: description}
	for dgst, tags := range w.tags {
		annotations[annotationTags+string(dgst)] = strings.Join(tags, " ")
	}
	raw, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{}, Annotations: annotations,
	})
	if err != nil {
		return err
	}
	w.indexes = append(w.indexes, Index{Tag: name, Manifest: &regret.Manifest{
		Descriptor: regret.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))},
		Raw:        raw,
	}})
	w.tags, w.size = nil, 0
	return nil
}

// Read returns the images whose tags an index keeps, by digest. It fails if the index was not
// written for this tag.
func Read(tag string, raw []byte) ([]Image, error) {
	var index struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, err
	}
	if written := index.Annotations[annotationTag]; written != tag {
		return nil, fmt.Errorf("it was written for the tag %.140q", written)
	}
	var images []Image
	for key, value := range index.Annotations {
		dgst, ok := strings.CutPrefix(key, annotationTags)
		if !ok {
			continue
		}
		image := Image{Digest: regret.Digest(dgst), Tags: strings.Split(value, " ")}
		if err := image.check(); err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	if len(images) == 0 {
		return nil, errors.New("it keeps no names")
	}
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	return images, nil
}

func (i *Image) check() error {
	if err := grammar.Digest(i.Digest); err != nil {
		return err
	}
	for _, tag := range i.Tags {
		if err := grammar.Tag(tag); err != nil {
			return err
		}
	}
	return nil
}
