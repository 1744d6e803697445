package fakeregistry

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// alongOptions are the options for what goes along with a manifest or a tag.
type alongOptions struct {
	cascadeReferrers bool
	cascadeChildren  bool
	cosignSignatures bool
	cosignSiblings   bool
	lastTagDeletes   bool
	digestPins       bool
	overwriteDeletes bool
	heldByTags       bool
	blobsAtOnce      bool
	ociLayout        bool
}

// WithCascade makes the deletion of an index delete its children that have no tag and are in no
// other index, and the deletion of any manifest delete its referrers, with their tags, and the cosign
// signature under the tag that is named after it, as Harbor does (evidence S). If an index lists one
// of the referrers, nothing is deleted, and the response is that to the deletion of a child.
//
// https://github.com/goharbor/harbor/blob/main/src/controller/artifact/controller.go
//
// https://github.com/goharbor/harbor/blob/main/src/server/middleware/cosign/cosign.go
func WithCascade() Option {
	return func(o *options) { o.cascadeReferrers, o.cascadeChildren, o.cosignSignatures = true, true, true }
}

// WithReferrerCascade makes the deletion of a manifest delete its referrers, with their tags, but not
// its children. ACR documents that, and Google's registries are reported to do so.
//
// https://learn.microsoft.com/azure/container-registry/container-registry-manage-artifact#deleting-all-artifacts-in-the-graph
//
// https://github.com/GoogleCloudPlatform/service-extensions/pull/257
func WithReferrerCascade() Option {
	return func(o *options) { o.cascadeReferrers = true }
}

// WithCosignSiblings deletes the tags of cosign that are named after a manifest when the last other tag
// is deleted from it or moved to another manifest. Quay does so since August 2026 (evidence S).
func WithCosignSiblings() Option {
	return func(o *options) { o.cosignSiblings = true }
}

// WithLastTagDeletes deletes a manifest when its last tag is deleted, as ECR does. Together with
// [WithChildProtection] the last tag of a manifest that an index lists cannot be deleted, as has been
// reported of public ECR.
//
// https://github.com/aws/containers-roadmap/issues/1567
func WithLastTagDeletes() Option {
	return func(o *options) { o.lastTagDeletes = true }
}

// WithDigestPins keeps a manifest that was pushed by its digest when its last tag is deleted. Gitea
// does so; without that push it deletes the manifest, as with [WithLastTagDeletes].
func WithDigestPins() Option {
	return func(o *options) { o.lastTagDeletes, o.digestPins = true, true }
}

// WithOverwriteDeletes deletes a manifest when its last tag is pushed with another manifest, unless
// [WithDigestPins] keeps it. Gitea does so (evidence S): a tag is a version of a package, and a push
// replaces it.
//
// https://github.com/go-gitea/gitea/blob/main/routers/api/packages/container/manifest.go
func WithOverwriteDeletes() Option {
	return func(o *options) { o.overwriteDeletes = true }
}

// WithHeldByTags serves a manifest only while something holds it: a tag, an index that is served and
// lists it, or its own push by digest. A deletion by digest removes the tags and nothing else; without
// tags it gets 404, although the manifest is served. Quay does so (evidence S). There, a push by digest
// holds an image for an hour, which ends with [Registry.CollectGarbage], and a referrer for ever.
//
// https://github.com/quay/quay/blob/master/data/model/oci/manifest.py
func WithHeldByTags() Option {
	return func(o *options) { o.untaggedHidden, o.heldByTags = true, true }
}

// WithBlobsAtOnce deletes a blob together with the last manifest in its repository that refers to it,
// as Gitea does (evidence R).
func WithBlobsAtOnce() Option {
	return func(o *options) { o.blobsAtOnce = true }
}

// afterUntag deletes what goes with a tag that has been removed from m, or moved. deletes tells whether
// the registry then deletes a manifest without tags.
func (r *Registry) afterUntag(repo *repository, m *manifest, tag string, deletes bool) {
	if m == nil || repo.manifests[m.desc.Digest] == nil {
		return
	}
	dgst := m.desc.Digest
	switch untagged := len(repo.tagsByDigest[dgst]) == 0; {
	case r.opts.heldByTags:
		repo.release(m)
	case untagged && deletes && !(r.opts.digestPins && repo.pinned[dgst]):
		repo.removeManifest(m)
	}
	if r.opts.cosignSiblings && !isCosignTag(tag) {
		r.removeCosignSiblings(repo, dgst)
	}
}

// release removes a manifest that nothing holds any more, see WithHeldByTags, and what only it held.
func (repo *repository) release(m *manifest) {
	dgst := m.desc.Digest
	if repo.manifests[dgst] == nil || len(repo.tagsByDigest[dgst]) > 0 || repo.pinned[dgst] || repo.parentCount[dgst] > 0 {
		return
	}
	repo.removeManifest(m)
	for _, child := range m.children {
		if c := repo.manifests[child.Digest]; c != nil {
			repo.release(c)
		}
	}
}

// The suffixes of the tags under which cosign stores signatures, attestations and SBOMs.
var cosignSuffixes = [...]string{".sig", ".att", ".sbom"}

// cosignSignatureLayer is the media type of a signature of cosign.
const cosignSignatureLayer = "application/vnd.dev.cosign.simplesigning.v1+json"

// cosignTag returns the tag under which cosign stores something about a manifest.
func cosignTag(dgst digest.Digest, suffix string) string {
	return dgst.Algorithm().String() + "-" + dgst.Encoded() + suffix
}

// isCosignTag reports whether cosign has named a tag.
func isCosignTag(tag string) bool {
	_, ok := cosignSubject(tag)
	return ok
}

// cosignSubject returns the digest that a tag of cosign is named after.
func cosignSubject(tag string) (digest.Digest, bool) {
	for _, suffix := range cosignSuffixes {
		if rest, ok := strings.CutSuffix(tag, suffix); ok {
			dgst := digest.Digest(strings.Replace(rest, "-", ":", 1))
			return dgst, dgst.Validate() == nil
		}
	}
	return "", false
}

// removeCosignSiblings deletes the tags of cosign that are named after a manifest, unless it has
// another tag.
func (r *Registry) removeCosignSiblings(repo *repository, dgst digest.Digest) {
	for tag := range repo.tagsByDigest[dgst] {
		if !isCosignTag(tag) {
			return
		}
	}
	for _, suffix := range cosignSuffixes {
		tag := cosignTag(dgst, suffix)
		target, ok := repo.tags[tag]
		if !ok || r.opts.immutable[tag] {
			continue
		}
		repo.removeTag(tag)
		repo.markExpired(tag)
		r.afterUntag(repo, repo.manifests[target], tag, r.opts.lastTagDeletes)
	}
}

// accessories returns the manifests that WithCascade and WithReferrerCascade delete along with one.
func (r *Registry) accessories(repo *repository, dgst digest.Digest) []digest.Digest {
	var all []digest.Digest
	if r.opts.cascadeReferrers {
		all = slices.Clone(repo.referrers[dgst])
	}
	if r.opts.cosignSignatures {
		signature := repo.manifests[repo.tags[cosignTag(dgst, ".sig")]]
		if signature != nil && slices.ContainsFunc(signature.blobs, func(d ocispec.Descriptor) bool { return d.MediaType == cosignSignatureLayer }) {
			all = append(all, signature.desc.Digest)
		}
	}
	return all
}

// listedAccessory returns an accessory of a manifest, at any depth, that an index lists.
func (r *Registry) listedAccessory(repo *repository, dgst digest.Digest) (digest.Digest, bool) {
	for _, accessory := range r.accessories(repo, dgst) {
		if repo.parentCount[accessory] > 0 {
			return accessory, true
		}
		if listed, ok := r.listedAccessory(repo, accessory); ok {
			return listed, true
		}
	}
	return "", false
}

// removeUnusedBlobs deletes the blobs of a manifest that was removed, except those of other manifests.
func (repo *repository) removeUnusedBlobs(m *manifest) {
	for _, blob := range m.blobs {
		if !repo.isBlobInUse(blob.Digest) {
			repo.removeBlob(blob.Digest)
		}
	}
}
