package fakeregistry

import "net/http"

// Olareg is olareg, a registry that stores OCI layouts, with deletion enabled. By default deletion
// is disabled.
//
// https://github.com/olareg/olareg
func Olareg() Profile {
	return Profile{
		Name: "olareg", Version: "0.2.2 and main of 2026",
		Options: []Option{
			WithLinkForm(LinkUnquoted), WithAcceptedOnly(), WithoutEtag(), WithoutNewline(), WithOCILayout(), withRefusals(olaregRefusals()),
		},
		Collectors:  olaregCollectors(),
		authOptions: []Option{WithQuietChallenge()},
		Claims: []Claim{
			{TopicResolve, Measured, "HEAD returns the digest; a manifest that Accept does not include is 404, but for an index requested by tag it serves the first child that Accept includes."},
			{TopicList, Measured, "Sorted, in pages of n, with a Link whose rel is not quoted; the list of an unknown repository is empty."},
			{TopicDelete, Measured, "202, and every tag that points to it is removed."},
			{TopicUntagged, Measured, "202."},
			{TopicUntag, Measured, "202, and only the tag is removed."},
			{TopicChild, Measured, "Deleted without a warning; the index stays and is broken."},
			{TopicIndex, Measured, "The children stay, until garbage is collected."},
			{TopicTwice, Measured, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, Measured, "404 MANIFEST_UNKNOWN, also in an unknown repository; errors are JSON, but their Content-Type is text/plain."},
			{TopicMissingTag, Measured, "404 MANIFEST_UNKNOWN."},
			{TopicForbidden, Measured, "401 UNAUTHORIZED, for Basic and tokens alike, on main."},
			{TopicImmutable, NoSuch, "Nothing can be locked."},
			{TopicReadOnly, Measured, "403 DENIED, with the reason as detail."},
			{TopicDisabled, Measured, "405 UNSUPPORTED, which is the default; in version 0.1, 405 without a body."},
			{TopicDisabledTag, Measured, "405 UNSUPPORTED, as by digest."},
			{TopicThrottled, Measured, "429 with Retry-After: 1 and no body."},
			{TopicReferrers, Measured, "It has the API; referrers stay when their subject is deleted, until garbage is collected."},
			{TopicGarbage, Measured, "By itself, every 15 minutes by default, after an hour of grace: the children of a deleted index and the referrers of a deleted subject go, unless they have a tag. Other manifests without a tag stay, unless the option untagged is set, and so do referrers that are pushed after their subject was collected."},
			{TopicPeculiar, Measured, "After a restart, the children of a deleted index are not served unless they have a tag, and a child that was deleted is served again if its index stays."},
			{TopicPeculiar, Measured, "An index that lists a manifest that was deleted is accepted until garbage is collected; one that lists a manifest that was never there is 400 MANIFEST_BLOB_UNKNOWN."},
			{TopicPeculiar, Measured, "There is no catalog: 404."},
		},
	}
}

// olaregRefusals returns the responses of olareg that differ from those of distribution.
func olaregRefusals() refusals {
	// olareg sets Content-Type after it has sent the header, so net/http detects text/plain.
	errorText := func(status int, code, message, detail string) *problem {
		return textProblem(status, `{"errors":[{"code":"`+code+`","message":"`+message+`","detail":"`+detail+`"}]}`+"\n")
	}
	missing := always(errorText(http.StatusNotFound, codeManifestUnknown, "manifest unknown to registry", "tag or digest was not found in repository"))
	return refusals{
		reasonUnknownRepository: func(info requestInfo) *problem {
			if info.endpoint == endpointTags {
				return &problem{status: http.StatusOK, contentType: "application/json", body: `{"name":"` + info.name + `","tags":[]}`}
			}
			return missing(info)
		},
		reasonInvalidName:     always(&problem{status: http.StatusNotFound}),
		reasonUnknownManifest: missing,
		reasonUnknownTag:      missing,
		reasonMalformedDigest: missing,
		reasonNotAcceptable: func(info requestInfo) *problem {
			return errorText(http.StatusNotFound, codeManifestUnknown, "manifest unknown to registry", "requested media type not found, available media type is "+info.cause)
		},
		reasonUnknownBlob:    always(errorText(http.StatusNotFound, codeBlobUnknown, "blob unknown to registry", "blob was not found")),
		reasonDeleteDisabled: always(errorText(http.StatusMethodNotAllowed, codeUnsupported, "the operation is unsupported", "method not allowed")),
		reasonReadOnly:       always(errorText(http.StatusForbidden, codeDenied, "requested access to the resource is denied", "repository is read-only")),
		reasonThrottled:      always((&problem{status: http.StatusTooManyRequests}).withHeader("Retry-After", "1")),
	}
}
