package fakeregistry

import "net/http"

// Distribution2 is distribution 2.8 with deletion enabled. Debian packages it as "docker-registry",
// and most self-hosted registries run it. Overlays: [WithDeleteDisabled], [WithReadOnly],
// [WithPullThrough], [WithSlowUntag].
//
// https://github.com/distribution/distribution/blob/v2.8.3/registry/handlers/manifests.go
func Distribution2() Profile {
	return Profile{
		Name: "distribution 2.8", Version: "2.8.2 and 2.8.3",
		Options:    []Option{WithDistribution2()},
		Collectors: distribution2Collectors(),
		Claims: append(distributionClaims(),
			Claim{TopicGarbage, Measured, "With --delete-untagged, every manifest without a tag goes, even the children of a tagged index; it fails, and nothing goes, if a repository with manifests has never had a tag."},
			Claim{TopicResolve, Measured, "If Accept does not include the stored type, the registry converts the manifest to schema1 or returns the child for one platform."},
			Claim{TopicList, Measured, "All tags in one response, unsorted; n and last are ignored, and there is no Link."},
			Claim{TopicUntag, Measured, "400 DIGEST_INVALID, whether the tag exists or not, because the registry treats it as a malformed digest."},
			Claim{TopicMissingTag, Measured, "400 DIGEST_INVALID, as for every tag."},
			Claim{TopicPeculiar, Measured, "A DELETE with the digest of a layer succeeds and deletes the layer."},
			Claim{TopicPeculiar, Reported, "If the client cancels the request early, tags are left that point to no manifest."},
			Claim{TopicForbidden, Measured, "401 with error=\"insufficient_scope\" in the challenge, never 403."},
		),
	}
}

// Distribution3 is distribution 3.1 and later with deletion enabled. Overlays: those of
// [Distribution2] and [WithUntagFailure].
//
// https://github.com/distribution/distribution/blob/v3.1.1/registry/handlers/manifests.go
func Distribution3() Profile {
	return Profile{
		Name: "distribution 3", Version: "3.1.1, 3.1.2 and main of 2026",
		Options: []Option{
			WithOCIImageHiddenWithoutAccept(), WithChildForMissingListAccept(), WithoutReferrersAPI(),
			func(o *options) { o.distributionMajor = 3 },
			withRefusals(distribution3Refusals()),
		},
		Collectors: distribution3Collectors(),
		Claims: append(distributionClaims(),
			Claim{TopicGarbage, Measured, "With --delete-untagged, manifests without a tag go, referrers included, but not the children of an index that stays. A blob that only a later repository refers to is dropped from an earlier one, also if the manifest there stays."},
			Claim{TopicResolve, Measured, "Indexes are served regardless of Accept; OCI images only if Accept includes them; instead of a Docker manifest list that is not accepted, one child is served."},
			Claim{TopicList, Measured, "Sorted, in pages of n, with a relative Link."},
			Claim{TopicUntag, Measured, "202, and only the tag is removed."},
			Claim{TopicMissingTag, Measured, "404 MANIFEST_UNKNOWN."},
			Claim{TopicPeculiar, ReadSource, "A deletion that fails to remove some tags still returns 202, with an error document."},
			Claim{TopicForbidden, Measured, "401 with error=\"insufficient_scope\" in the challenge, never 403."},
		),
	}
}

// Distribution30 is distribution 3.0, which differs from later versions in a few details.
func Distribution30() Profile {
	p := Distribution3()
	p.Name, p.Version = "distribution 3.0", "3.0.0"
	p.Options = append(p.Options, WithLostLast(), withRefusals(refusals{reasonMalformedDigest: func(info requestInfo) *problem {
		return newProblem(http.StatusInternalServerError, codeUnknown, "unknown error",
			"filesystem: invalid path: "+tagPath(info.name, info.ref))
	}}))
	p.Claims = append(p.Claims,
		Claim{TopicPeculiar, Measured, "If the tag in last was deleted in the meantime, the page lacks one tag."},
		Claim{TopicPeculiar, Measured, "A malformed digest is treated as a tag: 500 UNKNOWN."},
	)
	return p
}

// distributionClaims returns the claims that hold for all versions of distribution.
func distributionClaims() []Claim {
	return []Claim{
		{TopicDelete, Measured, "202, and every tag that points to it is removed."},
		{TopicUntagged, Measured, "202."},
		{TopicChild, Measured, "Deleted without a warning; the index stays and is broken."},
		{TopicIndex, Measured, "The children stay."},
		{TopicTwice, Measured, "404 MANIFEST_UNKNOWN."},
		{TopicMissing, Measured, "404 MANIFEST_UNKNOWN, also in an unknown repository."},
		{TopicImmutable, NoSuch, "Nothing can be locked."},
		{TopicReadOnly, Measured, "405 in plain text with Allow: GET, HEAD, if the maintenance mode storage.maintenance.readonly is on."},
		{TopicDisabled, Measured, "405 UNSUPPORTED for every digest, unless storage.delete.enabled is true; always in a pull-through cache."},
		{TopicDisabledTag, Measured, "405 UNSUPPORTED, as by digest."},
		{TopicThrottled, NoSuch, "It has no rate limit; a proxy in front of it may have one."},
		{TopicReferrers, Measured, "No API: 404 in plain text. A list of referrers that names a manifest that is gone is refused: 400 MANIFEST_BLOB_UNKNOWN."},
		{TopicGarbage, Documented, "Only when its operator runs it."},
		{TopicGarbage, Measured, "Until then, a deleted manifest can be pushed again, because its blobs stay. By default it takes only blobs that no manifest refers to, at any age."},
	}
}

// distribution3Refusals returns the responses of distribution 3. Their details contain errors of
// the storage driver.
func distribution3Refusals() refusals {
	return refusals{
		reasonUnknownTag: func(info requestInfo) *problem {
			if info.req.Method == http.MethodDelete {
				return manifestUnknown("filesystem: Path not found: " + tagPath(info.name, info.tag))
			}
			return manifestUnknown("unknown tag=" + info.tag)
		},
		reasonUnknownManifest: func(info requestInfo) *problem {
			if info.req.Method == http.MethodDelete {
				return manifestUnknown(nil)
			}
			return manifestUnknown("unknown manifest name=" + info.name + " revision=" + info.dgst.String())
		},
		reasonUnknownRepository: func(info requestInfo) *problem {
			switch {
			case info.endpoint == endpointTags:
				return nameUnknown(info.name)
			case info.tag != "":
				return manifestUnknown("filesystem: Path not found: " + tagPath(info.name, info.tag))
			}
			return manifestUnknown(nil)
		},
	}
}

// tagPath returns the path of a tag in distribution's storage, which appears in its error details.
func tagPath(name, tag string) string {
	return "/docker/registry/v2/repositories/" + name + "/_manifests/tags/" + tag
}

// WithPullThrough responds with 405 UNSUPPORTED to every write, including deletions, as
// distribution does when it is configured as a pull-through cache.
func WithPullThrough() Option {
	return combine([]Option{WithDeleteDisabled(), func(o *options) { o.pushDisabled = true }})
}
