package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

func digestOf(raw []byte) regret.Digest { return digest.FromBytes(raw) }

// rivals are other clients of the repository, and the registry's garbage collection.
type rivals struct {
	*world
	doomed    []regret.Digest // what the plan deletes; the rivals like it best
	collector *fakeregistry.Collector
}

// act lets other clients do something, or the registry collect garbage. The caller holds the mutex.
func (r *rivals) act(rng *rand.Rand) {
	if r.collector != nil && rng.IntN(8) == 0 {
		r.collect()
		return
	}
	for range 1 + rng.IntN(2) {
		switch rng.IntN(12) {
		case 0, 1, 2:
			r.move(rng)
		case 3, 4:
			r.tag(rng)
		case 5, 6, 7:
			r.pushIndex(rng)
		case 8, 9:
			r.pushReferrer(rng)
		case 10:
			r.pushImage(rng)
		case 11:
			r.remove(rng)
		}
	}
}

// collect collects garbage once.
func (r *rivals) collect() {
	r.counts.collections++
	before := r.state()
	_, err := r.registry.CollectGarbage(*r.collector)
	manifests, _ := r.note(change{by: collector}, before, r.state())
	r.say("collector: %s: gone: %q, error %v", r.collector.Name, r.namesOf(manifests), err)
}

// do sends a request of another client.
func (r *rivals) do(method, reference, mediaType string, raw []byte) {
	r.counts.pushes++
	req, err := http.NewRequest(method, "https://registry.example/v2/"+r.repository+"/manifests/"+reference, bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	before := r.state()
	resp, err := r.registry.OtherClient().RoundTrip(req)
	if err != nil {
		panic(err)
	}
	if err := resp.Body.Close(); err != nil {
		panic(err)
	}
	manifests, tags := r.note(change{by: others}, before, r.state())
	name := ""
	if raw != nil {
		name = " " + r.nameOf(digestOf(raw))
	}
	r.say("other client: %s %s%s: %d, gone: %q, tags gone: %q", method, r.readable(reference), name, resp.StatusCode, r.namesOf(manifests), tags)
}

// put pushes a manifest that is or was in the repository under a tag.
func (r *rivals) put(tag string, dgst regret.Digest) {
	r.do(http.MethodPut, tag, r.contents[dgst].mediaType, r.contents[dgst].raw)
}

// isOfClient reports whether a manifest is one that the client under test has made.
func (w *world) isOfClient(dgst regret.Digest) bool {
	name := w.nameOf(dgst)
	return strings.HasPrefix(name, "placeholder") || strings.HasPrefix(name, "joined")
}

// manifests returns what is in the repository, in an order that depends on nothing else.
func (r *rivals) manifests() []regret.Digest {
	var here []regret.Digest
	for dgst := range r.state().manifests {
		if !r.isOfClient(dgst) {
			here = append(here, dgst)
		}
	}
	slices.SortFunc(here, func(a, b regret.Digest) int { return strings.Compare(r.nameOf(a), r.nameOf(b)) })
	return here
}

// target returns a manifest of the repository, preferably one that the plan deletes.
func (r *rivals) target(rng *rand.Rand) (regret.Digest, bool) {
	here := r.manifests()
	doomed := slices.DeleteFunc(slices.Clone(here), func(dgst regret.Digest) bool { return !slices.Contains(r.doomed, dgst) })
	switch {
	case len(doomed) > 0 && rng.IntN(4) > 0:
		return pick(rng, doomed...), true
	case len(here) > 0:
		return pick(rng, here...), true
	}
	return "", false
}

// anyTag returns a tag of the repository that is none of the client under test.
func (r *rivals) anyTag(rng *rand.Rand) (string, bool) {
	tags := slices.DeleteFunc(sortedTags(r.state().tags), func(tag string) bool { return strings.HasPrefix(tag, "regret-") })
	if len(tags) == 0 {
		return "", false
	}
	return pick(rng, tags...), true
}

// newTag returns a tag that was never there. Some of them match the patterns of rules.
func (r *rivals) newTag(rng *rand.Rand) string {
	r.fresh++
	return fmt.Sprint(pick(rng, "pr-", "new-", "main-", "v2.0."), 100+r.fresh)
}

// move moves a tag to another manifest.
func (r *rivals) move(rng *rand.Rand) {
	tag, ok := r.anyTag(rng)
	to, there := r.target(rng)
	if ok && there {
		r.put(tag, to)
	}
}

// tag gives a manifest a new tag, also one that was deleted meanwhile.
func (r *rivals) tag(rng *rand.Rand) {
	to, ok := r.target(rng)
	if len(r.doomed) > 0 && rng.IntN(6) == 0 {
		to, ok = pick(rng, r.doomed...), true
	}
	if ok {
		r.put(r.newTag(rng), to)
	}
}

// pushIndex pushes an index that lists manifests of the repository.
func (r *rivals) pushIndex(rng *rand.Rand) {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for range 1 + rng.IntN(2) {
		if child, ok := r.target(rng); ok {
			index.Manifests = append(index.Manifests, r.descriptor(child))
		}
	}
	r.push(rng, &index, func(annotations map[string]string) { index.Annotations = annotations })
}

// pushReferrer pushes a manifest that refers to another. Where there is no API for referrers, it
// may also put it into the list that stands in for that.
func (r *rivals) pushReferrer(rng *rand.Rand) {
	subject, ok := r.target(rng)
	if !ok {
		return
	}
	desc := r.descriptor(subject)
	image := r.image("{}")
	image.Subject, image.ArtifactType = &desc, "application/vnd.example.sbom"
	pushed := r.push(rng, image, func(annotations map[string]string) { image.Annotations = annotations })
	if rng.IntN(3) > 0 {
		return
	}
	tag := "sha256-" + subject.Encoded()
	list := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{r.descriptor(pushed)}}
	if c := r.contents[r.state().tags[tag]]; c != nil {
		for _, listed := range c.lists {
			list.Manifests = append(list.Manifests, r.descriptor(listed))
		}
	}
	r.do(http.MethodPut, tag, ocispec.MediaTypeImageIndex, r.make("list", list))
}

// pushImage pushes an image that was never there.
func (r *rivals) pushImage(rng *rand.Rand) {
	image := r.image(fmt.Sprintf(`{"architecture":"amd64","os":"linux","n":%d}`, r.fresh))
	r.push(rng, image, func(annotations map[string]string) { image.Annotations = annotations })
}

func (r *rivals) image(config string) *ocispec.Manifest {
	blob := r.registry.PutBlob(r.repository, []byte(config))
	blob.MediaType = ocispec.MediaTypeImageConfig
	return &ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: blob, Layers: []ocispec.Descriptor{}}
}

// push pushes a document under a new tag, under one that is there, or under its digest.
func (r *rivals) push(rng *rand.Rand, document any, annotate func(map[string]string)) regret.Digest {
	r.fresh++
	annotate(map[string]string{"n": fmt.Sprint(r.fresh)})
	raw := r.make("new", document)
	dgst := digestOf(raw)
	reference := string(dgst)
	switch tag, ok := r.anyTag(rng); {
	case rng.IntN(4) == 0:
	case ok && rng.IntN(2) == 0:
		reference = tag
	default:
		reference = r.newTag(rng)
	}
	r.do(http.MethodPut, reference, r.contents[dgst].mediaType, raw)
	return dgst
}

// make encodes a document and remembers it.
func (r *rivals) make(name string, document any) []byte {
	raw, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	mediaType := ocispec.MediaTypeImageIndex
	if _, ok := document.(*ocispec.Manifest); ok {
		mediaType = ocispec.MediaTypeImageManifest
	}
	r.fresh++
	r.learn(fmt.Sprint(name, r.fresh), mediaType, raw)
	return raw
}

func (r *rivals) descriptor(dgst regret.Digest) ocispec.Descriptor {
	c := r.contents[dgst]
	return ocispec.Descriptor{MediaType: c.mediaType, Digest: dgst, Size: int64(len(c.raw))}
}

// remove deletes a tag or a manifest, as somebody else who cleans up.
func (r *rivals) remove(rng *rand.Rand) {
	if tag, ok := r.anyTag(rng); ok && rng.IntN(2) == 0 {
		r.do(http.MethodDelete, tag, "", nil)
	} else if dgst, ok := r.target(rng); ok {
		r.do(http.MethodDelete, string(dgst), "", nil)
	}
}
