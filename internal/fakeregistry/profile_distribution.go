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
		Options: []Option{WithDistribution2()},
		Claims: append(distributionClaims(),
			Claim{TopicResolve, Measured, "A question that does not accept what is stored is answered with something made up: schema1, or one platform's child."},
			Claim{TopicList, Measured, "All tags come at once, in no order; n, last and Link are unknown."},
			Claim{TopicUntag, Measured, "A tag is taken for a malformed digest: 400 DIGEST_INVALID, whether it exists or not."},
			Claim{TopicPeculiar, Measured, "The digest of a layer is accepted for deletion, and the layer is gone."},
			Claim{TopicPeculiar, Reported, "A client that gives up early leaves tags behind whose manifest is gone."},
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
		Name: "distribution 3", Version: "3.1.1 and 3.1.2",
		Options: []Option{
			WithOCIImageHiddenWithoutAccept(), WithChildForMissingListAccept(), WithoutReferrersAPI(),
			func(o *options) { o.distributionMajor = 3 },
			withRefusals(distribution3Refusals()),
		},
		Claims: append(distributionClaims(),
			Claim{TopicResolve, Measured, "Indexes are served to everybody; OCI images only to who accepts them, and the child of a Docker list to who does not accept the list."},
			Claim{TopicList, Measured, "Sorted, in pages of n, with a relative Link."},
			Claim{TopicUntag, Measured, "202, and only the tag is gone."},
			Claim{TopicPeculiar, ReadSource, "A deletion that left tags behind says 202 all the same, with an error document."},
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
		Claim{TopicPeculiar, Measured, "A page that is asked for after a tag that has gone meanwhile lacks one tag."},
		Claim{TopicPeculiar, Measured, "A malformed digest is taken for a tag: 500 UNKNOWN."},
	)
	return p
}

// distributionClaims returns the claims that hold for all versions of distribution.
func distributionClaims() []Claim {
	return []Claim{
		{TopicDelete, Measured, "202, and every tag on it is gone."},
		{TopicUntagged, Measured, "202."},
		{TopicChild, Measured, "Deleted without a word; the index stays and is broken."},
		{TopicIndex, Measured, "The children stay."},
		{TopicTwice, Measured, "404 MANIFEST_UNKNOWN."},
		{TopicMissing, Measured, "404 MANIFEST_UNKNOWN, in an unknown repository too."},
		{TopicImmutable, NoSuch, "Nothing can be locked."},
		{TopicReadOnly, Measured, "405 in plain text with Allow: GET, HEAD, in the maintenance mode storage.maintenance.readonly."},
		{TopicDisabled, Measured, "405 UNSUPPORTED for whatever is named, unless storage.delete.enabled is true; a pull-through cache always."},
		{TopicDisabledTag, Measured, "405 UNSUPPORTED, too."},
		{TopicThrottled, NoSuch, "It counts no requests; what stands before it may."},
		{TopicReferrers, Measured, "No API: 404 in plain text."},
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
