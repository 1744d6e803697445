package fakeregistry

import "net/http"

// Zot is zot, in its minimal build. Overlays: [WithCollisionDetection], [WithAnonymousPolicy].
//
// https://github.com/project-zot/zot/blob/main/pkg/api/routes.go
func Zot() Profile {
	return Profile{
		Name: "zot", Version: "main of 2026, minimal build",
		Options: []Option{
			WithoutAPIVersion(), WithChildProtection(), WithUnknownLast(http.StatusNotFound), WithPruneOnOverwrite(),
			WithoutEtag(), WithoutListHead(), WithBlobProtection(), WithCatalogLinkAlways(),
			withRefusals(zotRefusals()),
		},
		Collectors:  zotCollectors(),
		basicOnly:   true,
		authOptions: []Option{WithBasicRealm("zot")},
		Claims: []Claim{
			{TopicResolve, Measured, "HEAD ignores Accept and always returns the digest."},
			{TopicList, Measured, "Sorted, with a relative Link; 404 without a body if last is not an existing tag, such as one that was deleted meanwhile; 400 without a body if n is not a number."},
			{TopicDelete, ReadSource, "202, and every tag that points to it is removed."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, Measured, "202, and only the tag is removed, since 2.1.2; in 2.1.1, the manifest goes with its only tag."},
			{TopicChild, Measured, "405 DENIED, until the index is gone."},
			{TopicIndex, Measured, "The children stay, until garbage is collected."},
			{TopicTwice, Measured, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, Measured, "404 MANIFEST_UNKNOWN; in an unknown repository 400 NAME_UNKNOWN."},
			{TopicMissingTag, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicForbidden, Measured, "403 DENIED, with a challenge."},
			{TopicImmutable, NoSuch, "It has no immutable tags; access policies can forbid a deletion: 403."},
			{TopicThrottled, Measured, "429 in plain text with Ratelimit-Reset in seconds, without Retry-After."},
			{TopicReferrers, Measured, "It has the API; referrers stay when their subject is deleted."},
			{TopicGarbage, Measured, "By itself, every hour by default: untagged manifests, the children of a deleted index and their layers go, once they are older than an hour."},
			{TopicGarbage, ReadSource, "Referrers stay, also when their subject is gone, unless a retention policy has deleteReferrers: then these go, even with a tag, and so do cosign's signatures and SBOMs of images that are gone."},
			{TopicPeculiar, Measured, "When a tag is overwritten, the manifest that it pointed to goes at once, and with an index its children, unless another tag holds them."},
			{TopicPeculiar, Measured, "With detectManifestCollision, the deletion of a digest with two tags is 409 MANIFEST_INVALID."},
			{TopicPeculiar, Measured, "Docker's media types are 415 unless the option compat has docker2s2."},
			{TopicPeculiar, Measured, "HEAD of /v2/, of tags and of the catalog is 405; there is no Etag."},
			{TopicPeculiar, Measured, "A pushed manifest whose blobs are missing is 400 MANIFEST_INVALID; deleting a blob that is in use is 405 DENIED."},
			{TopicPeculiar, Measured, "The catalog has a Link even if the page is all there is, with the slash in it not escaped."},
			{TopicCredential, Measured, "Basic; the body of a 401 is a bare error object instead of an error document."},
			{TopicCredential, Measured, "With an anonymous policy on any repository, /v2/ and the catalog are 200 for everybody: /v2/ with a challenge, the catalog empty."},
		},
	}
}

// zotRefusals returns the responses of zot that differ from those of distribution.
func zotRefusals() refusals {
	const (
		nameDescription     = "This is returned if the name used during an operation is unknown to the registry."
		manifestDescription = "This error is returned when the manifest, identified by name and tag is unknown to the repository."
		deniedDescription   = "The access controller denied access for the operation on a resource."
	)
	missing := func(info requestInfo) *problem {
		return manifestUnknown(map[string]string{"description": manifestDescription, "reference": info.ref})
	}
	return refusals{
		reasonUnknownRepository: func(info requestInfo) *problem {
			p := nameUnknown(info.name)
			p.errors[0].Detail = map[string]string{"description": nameDescription, "name": info.name}
			if info.req.Method == http.MethodDelete {
				p.status = http.StatusBadRequest
			}
			return p
		},
		reasonUnknownManifest: missing,
		reasonUnknownTag:      missing,
		reasonMalformedDigest: missing,
		reasonForbidden: func(requestInfo) *problem {
			return newProblem(http.StatusForbidden, codeDenied, "requested access to the resource is denied",
				map[string]string{"description": deniedDescription}).withHeader("WWW-Authenticate", `Basic realm="zot"`)
		},
		reasonUnauthenticated: always(jsonProblem(http.StatusUnauthorized,
			`{"code":"UNAUTHORIZED","message":"authentication required","detail":{"description":"The access controller was unable to authenticate the client."}}`)),
		reasonInvalidNumber:  always(&problem{status: http.StatusBadRequest}),
		reasonMissingContent: always(newProblem(http.StatusBadRequest, codeManifestInvalid, "manifest invalid", nil)),
		reasonThrottled: always(textProblem(http.StatusTooManyRequests, "Too Many Requests").withHeader(
			"Ratelimit-Limit", "2", "Ratelimit-Remaining", "0", "Ratelimit-Reset", "1", "X-Rate-Limit-Limit", "2.00", "X-Rate-Limit-Duration", "1")),
	}
}
