package fakeregistry

import "net/http"

// Zot is zot.
//
// https://github.com/project-zot/zot/blob/main/pkg/api/routes.go
func Zot() Profile {
	return Profile{
		Name: "zot", Version: "main of 2026, minimal build",
		Options: []Option{
			WithoutAPIVersion(), WithChildProtection(), WithUnknownLast(http.StatusNotFound),
			withWords(zotWords()),
		},
		basic: true,
		auth:  []Option{WithBasicRealm("zot")},
		Claims: []Claim{
			{TopicResolve, Measured, "HEAD does not look at Accept and always names the digest."},
			{TopicList, Measured, "Sorted, with a relative Link; 404 without a word if last names no tag."},
			{TopicDelete, ReadSource, "202, and every tag on it is gone."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, Measured, "202, and only the tag is gone, since 2.1.2."},
			{TopicChild, Measured, "405 DENIED, until the index is gone."},
			{TopicIndex, Measured, "The children stay."},
			{TopicTwice, Measured, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, Measured, "404 MANIFEST_UNKNOWN; in an unknown repository 400 NAME_UNKNOWN."},
			{TopicForbidden, Measured, "403 DENIED, with a challenge."},
			{TopicImmutable, NoSuch, "Only what its access policies say: 403."},
			{TopicThrottled, Measured, "429 in plain text with Ratelimit-Reset in seconds, without Retry-After."},
			{TopicReferrers, Measured, "The API is there; referrers survive their subject."},
			{TopicCredential, Measured, "Basic; 401 has a bare object instead of an error document."},
		},
	}
}

func zotWords() words {
	const (
		nameDescription     = "This is returned if the name used during an operation is unknown to the registry."
		manifestDescription = "This error is returned when the manifest, identified by name and tag is unknown to the repository."
		deniedDescription   = "The access controller denied access for the operation on a resource."
	)
	missing := func(a about) *problem {
		return manifestUnknown(map[string]string{"description": manifestDescription, "reference": a.ref})
	}
	return words{
		noRepository: func(a about) *problem {
			p := nameUnknown(a.name)
			p.errors[0].Detail = map[string]string{"description": nameDescription, "name": a.name}
			if a.req.Method == http.MethodDelete {
				p.status = http.StatusBadRequest
			}
			return p
		},
		noManifest:      missing,
		noTag:           missing,
		malformedDigest: missing,
		forbidden: func(about) *problem {
			return refuse(http.StatusForbidden, codeDenied, "requested access to the resource is denied",
				map[string]string{"description": deniedDescription}).with("WWW-Authenticate", `Basic realm="zot"`)
		},
		unauthenticated: always(jsonText(http.StatusUnauthorized,
			`{"code":"UNAUTHORIZED","message":"authentication required","detail":{"description":"The access controller was unable to authenticate the client."}}`)),
		throttled: always(plainText(http.StatusTooManyRequests, "Too Many Requests").with(
			"Ratelimit-Limit", "2", "Ratelimit-Remaining", "0", "Ratelimit-Reset", "1", "X-Rate-Limit-Limit", "2.00", "X-Rate-Limit-Duration", "1")),
	}
}
