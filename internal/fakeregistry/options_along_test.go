package fakeregistry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// family is a repository whose manifests have names.
type family struct {
	t       *testing.T
	c       *client
	digests map[string]digest.Digest
}

func newFamily(t *testing.T, p fakeregistry.Profile, overlays ...fakeregistry.Option) *family {
	t.Helper()
	reg := p.New(overlays...)
	return &family{t, newClient(t, reg, "https://registry.example.com", reg), map[string]digest.Digest{}}
}

// image stores an image whose name is also its content.
func (f *family) image(name string, tags ...string) ocispec.Descriptor {
	desc := f.c.reg.PutImage("a", name, tags...)
	f.digests[name] = desc.Digest
	return desc
}

// index stores an index of manifests that are stored already.
func (f *family) index(name, tag string, children ...ocispec.Descriptor) ocispec.Descriptor {
	desc := f.c.reg.PutManifest("a", tag, ocispec.MediaTypeImageIndex, marshal(f.t, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
		Annotations: map[string]string{"name": name},
	}))
	f.digests[name] = desc.Digest
	return desc
}

func (f *family) referrer(name string, subject ocispec.Descriptor, tags ...string) ocispec.Descriptor {
	desc := f.c.reg.PutReferrer("a", subject, "application/vnd.example", name)
	for _, tag := range tags {
		f.c.reg.SetTag("a", tag, desc.Digest)
	}
	f.digests[name] = desc.Digest
	return desc
}

// cosign stores what cosign stores about a subject, under the tag that is named after it.
func (f *family) cosign(name string, subject ocispec.Descriptor, suffix, layerType string) ocispec.Descriptor {
	config, layer := f.c.reg.PutBlob("a", []byte("{}")), f.c.reg.PutBlob("a", []byte(name))
	config.MediaType, layer.MediaType = ocispec.MediaTypeImageConfig, layerType
	tag := strings.Replace(subject.Digest.String(), ":", "-", 1) + suffix
	desc := f.c.reg.PutManifest("a", tag, ocispec.MediaTypeImageManifest, marshal(f.t, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{layer},
	}))
	f.digests[name] = desc.Digest
	return desc
}

// delete sends a DELETE for a tag, or for the digest of a name.
func (f *family) delete(reference string) response {
	f.t.Helper()
	if dgst, ok := f.digests[reference]; ok {
		reference = dgst.String()
	}
	return f.c.do("DELETE", "/v2/a/manifests/"+reference, "")
}

// push pushes what a name stands for under a tag.
func (f *family) push(name, tag string) response {
	f.t.Helper()
	reg := fakeregistry.New()
	raw := reg.PutImage("a", name)
	body := newClient(f.t, reg, "https://registry.example.com", reg).do("GET", "/v2/a/manifests/"+raw.Digest.String(), "").body
	return f.c.do("PUT", "/v2/a/manifests/"+tag, body, "Content-Type", raw.MediaType)
}

// wantGone checks which of the manifests are gone.
func (f *family) wantGone(want ...string) {
	f.t.Helper()
	var gone []string
	for name, dgst := range f.digests {
		if !f.c.reg.HasManifest("a", dgst) {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	slices.Sort(want)
	if diff := cmp.Diff(want, gone); diff != "" {
		f.t.Errorf("gone (-want +got):\n%s", diff)
	}
}

const cosignLayer = "application/vnd.dev.cosign.simplesigning.v1+json"

func TestDeletionsTakeAlong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		profile fakeregistry.Profile
		play    func(t *testing.T, f *family)
	}{
		{"at Harbor referrers go with their tags, to any depth, and the signature of cosign", fakeregistry.Harbor(), func(_ *testing.T, f *family) {
			image := f.image("image", "v1")
			sbom := f.referrer("sbom", image, "sbom-1", "sbom-2")
			f.referrer("signature of the sbom", sbom)
			f.cosign("signature", image, ".sig", cosignLayer)
			f.cosign("attestation", image, ".att", cosignLayer)
			other := f.image("other", "v2")
			f.cosign("no signature", other, ".sig", "text/plain")
			f.delete("image").want(f.t, 202)
			f.wantGone("image", "sbom", "signature of the sbom", "signature")
			f.delete("other").want(f.t, 202)
			f.wantGone("image", "sbom", "signature of the sbom", "signature", "other")
		}},
		{"at Harbor the children of an index go without a tag of their own, if no other index lists them", fakeregistry.Harbor(), func(_ *testing.T, f *family) {
			plain, tagged, shared := f.image("plain"), f.image("tagged", "t"), f.image("shared")
			f.referrer("sbom of plain", plain)
			inner := f.index("inner", "", plain, tagged)
			f.index("outer", "outer", inner, shared)
			f.index("other", "other", shared)
			f.delete("outer").want(f.t, 202)
			f.wantGone("outer", "inner", "plain", "sbom of plain")
		}},
		{"at Harbor nothing goes if an index lists one of the referrers", fakeregistry.Harbor(), func(_ *testing.T, f *family) {
			image := f.image("image", "v1")
			sbom := f.referrer("sbom", image)
			f.index("list", "list", f.referrer("signature of the sbom", sbom))
			f.delete("image").wantCodes(f.t, 412, "VIOLATE_FOREIGN_KEY_CONSTRAINT")
			f.wantGone()
			f.delete("list").want(f.t, 202)
			f.delete("image").want(f.t, 202)
			f.wantGone("list", "signature of the sbom", "image", "sbom")
		}},
		{"at ACR referrers go, to any depth, but not the children of an index", fakeregistry.ACR(), func(_ *testing.T, f *family) {
			child := f.image("child")
			index := f.index("index", "multi", child)
			f.referrer("signature of the sbom", f.referrer("sbom", index, "sbom"))
			f.referrer("sbom of the child", child)
			f.delete("index").want(f.t, 202)
			f.wantGone("index", "sbom", "signature of the sbom")
		}},
		{"at Google referrers go", fakeregistry.Google(), func(_ *testing.T, f *family) {
			f.referrer("sbom", f.image("image", "v1"))
			f.delete("image").wantCodes(f.t, 400, "GOOGLE_MANIFEST_DANGLING_TAG")
			f.delete("v1").want(f.t, 202)
			f.delete("image").want(f.t, 202)
			f.wantGone("image", "sbom")
		}},
		{"at Gitea what a tag pointed to goes with a push to it, unless another tag or its own push by digest holds it", fakeregistry.Gitea(), func(_ *testing.T, f *family) {
			f.image("one", "v1")
			f.image("two", "v2", "v3")
			f.image("three")
			f.c.reg.SetTag("a", "v4", f.digests["three"])
			f.image("new", "new")
			for _, tag := range []string{"v1", "v2", "v4"} {
				f.push("new", tag).want(f.t, 201)
				f.push("new", tag).want(f.t, 201) // with the same manifest, nothing goes
			}
			f.wantGone("one")
		}},
		{"at Gitea blobs go at once with the last manifest that refers to them", fakeregistry.Gitea(), func(_ *testing.T, f *family) {
			f.image("image", "v1")
			shared := f.c.imageManifest("a", "image", nil) // another config, the same layer
			f.c.pushManifest("a", "shared", ocispec.MediaTypeImageManifest, shared)
			f.delete("v1").want(f.t, 202)
			f.c.do("HEAD", "/v2/a/blobs/"+digestOf("image"), "").want(f.t, 200)
			f.delete("shared").want(f.t, 202)
			f.c.do("HEAD", "/v2/a/blobs/"+digestOf("image"), "").want(f.t, 404)
			f.push("image", "v1").want(f.t, 404)
		}},
		{"at ECR the last tag of a child cannot be deleted, nor can the child", fakeregistry.ECR(), func(_ *testing.T, f *family) {
			f.index("index", "multi", f.image("child", "v1", "v2"))
			f.delete("v1").want(f.t, 202)
			f.delete("v2").wantCodes(f.t, 400, "UNKNOWN")
			f.delete("child").wantCodes(f.t, 400, "UNKNOWN")
			f.wantGone()
			f.delete("multi").want(f.t, 202)
			f.delete("v2").want(f.t, 202)
			f.wantGone("index", "child")
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			test.play(t, newFamily(t, test.profile))
		})
	}
}

func TestQuayServesWhatSomethingHolds(t *testing.T) {
	t.Parallel()
	quay := fakeregistry.Quay()
	t.Run("a manifest is gone with its last tag, deleted or moved, unless it was pushed by its digest", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, quay)
		f.image("deleted", "v1", "v2")
		f.image("moved", "v3")
		f.image("pushed by digest")
		f.c.reg.SetTag("a", "v4", f.digests["pushed by digest"])
		f.image("new", "new")
		f.delete("v1").want(t, 202)
		f.wantGone()
		f.delete("v2").want(t, 202)
		f.push("new", "v3").want(t, 201)
		f.delete("v4").want(t, 202)
		f.wantGone("deleted", "moved")
		f.push("deleted", "v1").want(t, 201) // the time machine has kept the blobs
	})
	t.Run("a deletion by digest removes only tags", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, quay)
		child := f.image("child", "v1")
		f.index("index", "multi", child)
		f.delete("child").want(t, 202)
		f.delete("child").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		f.wantGone()
		f.delete("index").want(t, 202)
		f.wantGone("index", "child")
	})
	t.Run("a push by digest holds an image until garbage is collected, and a referrer for ever", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, quay)
		f.index("index", "multi", f.image("child"))
		f.referrer("sbom", f.image("image", "v1"))
		f.delete("multi").want(t, 202)
		f.wantGone("index")
		f.delete("image").want(t, 202)
		f.delete("sbom").wantCodes(t, 404, "MANIFEST_UNKNOWN")
		f.wantGone("index", "image")
		f.collect(quay.Collectors[0])
		f.wantGone("index", "image", "child")
	})
	t.Run("the tags of cosign go with the last other tag of their subject", func(t *testing.T) {
		t.Parallel()
		f := newFamily(t, quay)
		image := f.image("image", "v1", "v2")
		signature := f.cosign("signature", image, ".sig", cosignLayer)
		f.cosign("attestation", image, ".att", cosignLayer)
		f.cosign("bill", image, ".sbom", cosignLayer)
		f.cosign("other", image, ".other", cosignLayer)
		f.cosign("signature of the signature", signature, ".sig", cosignLayer)
		f.image("new", "new")
		f.push("new", "v1").want(t, 201)
		f.wantGone()
		f.delete("v2").want(t, 202)
		f.wantGone("image", "signature", "attestation", "bill")
	})
	t.Run("an immutable tag of cosign stays", func(t *testing.T) {
		t.Parallel()
		image := newFamily(t, quay).image("image")
		f := newFamily(t, quay, fakeregistry.WithImmutableTags(strings.Replace(image.Digest.String(), ":", "-", 1)+".sig"))
		f.cosign("signature", f.image("image", "v1"), ".sig", cosignLayer)
		f.delete("image").want(t, 202)
		f.wantGone("image")
	})
}

func TestOlaregAcceptsAnIndexOfDeletedManifestsUntilGarbageIsCollected(t *testing.T) {
	t.Parallel()
	olareg := fakeregistry.Olareg()
	f := newFamily(t, olareg)
	image := f.image("image", "v1")
	raw := string(marshal(t, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{image}}))
	f.delete("image").want(t, 202)
	f.c.do("PUT", "/v2/a/manifests/list", raw, "Content-Type", ocispec.MediaTypeImageIndex).want(t, 201)
	f.delete(digestOf(raw)).want(t, 202)
	f.collect(olareg.Collectors[0])
	f.c.do("PUT", "/v2/a/manifests/list", raw, "Content-Type", ocispec.MediaTypeImageIndex).want(t, 400)
}

func TestRestartOfOlareg(t *testing.T) {
	t.Parallel()
	f := newFamily(t, fakeregistry.Olareg())
	image := f.image("image", "v1")
	f.referrer("about image", image)
	f.index("deleted outer index", "gone", f.index("inner index", "", f.image("grandchild"), f.image("tagged grandchild", "c1")))
	f.index("index", "multi", f.image("deleted child"))
	for _, name := range []string{"image", "deleted outer index", "deleted child"} {
		f.delete(name).want(t, 202)
	}
	f.wantGone("image", "deleted outer index", "deleted child")
	f.c.reg.Restart()
	f.wantGone("image", "deleted outer index", "inner index", "grandchild")
	f.c.do("HEAD", "/v2/a/blobs/"+digestOf("grandchild"), "").want(t, 200)

	other := newFamily(t, fakeregistry.Zot())
	other.index("index", "multi", other.image("child"))
	other.delete("index").want(t, 202)
	other.c.reg.Restart()
	other.wantGone("index")
}
