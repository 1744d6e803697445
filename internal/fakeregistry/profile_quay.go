package fakeregistry

import (
	"net/http"
	"time"
)

// Quay is Quay, the software that also runs quay.io. The order of keys in its responses was not
// verified, nor were its responses to a malformed digest and to unauthenticated requests.
//
// https://github.com/quay/quay/blob/master/endpoints/v2/manifest.py
func Quay() Profile {
	return Profile{
		Name: "Quay", Version: "source of 2026, from 3.17 on",
		Options: []Option{
			WithPageCap(100), WithLinkForm(LinkAbsolute), WithHeldByTags(), WithCosignSiblings(),
			withRefusals(quayRefusals()),
		},
		Collectors:    quayCollectors(),
		authOptions:   []Option{WithQuietChallenge()},
		deleteActions: []string{"pull", "push"},
		tokenOptions:  []TokenOption{WithScopeActions("push", "pull", "*"), WithTokenExpiry(time.Hour)},
		Claims: []Claim{
			{TopicResolve, ReadSource, "HEAD returns the digest; without the right Accept the manifest of a tag may be converted."},
			{TopicList, ReadSource, "At most 100 per page, regardless of n, with an absolute Link."},
			{TopicDelete, ReadSource, "202, and every tag that points to it expires; the time machine keeps it for a while. The digest is served on for an hour after a push by digest, or while a tagged index lists it."},
			{TopicUntagged, ReadSource, "404 MANIFEST_UNKNOWN: a manifest without a tag cannot be deleted."},
			{TopicUntag, ReadSource, "202 since 3.13. A manifest whose last tag is deleted or moved is no longer served, unless it was pushed by its digest within the last hour."},
			{TopicChild, ReadSource, "404 MANIFEST_UNKNOWN, although the child can be read."},
			{TopicIndex, ReadSource, "The children stay, but are served only for an hour after their push unless they have tags."},
			{TopicTwice, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, ReadSource, "404 MANIFEST_UNKNOWN; for a deleted tag, TAG_EXPIRED."},
			{TopicMissingTag, ReadSource, "404 MANIFEST_UNKNOWN, since 3.13."},
			{TopicForbidden, ReadSource, "401 UNAUTHORIZED, as for unknown users."},
			{TopicImmutable, ReadSource, "409 TAG_IMMUTABLE, since 3.17."},
			{TopicReadOnly, ReadSource, "405 DENIED with is_readonly: true."},
			{TopicThrottled, Unverified, "A component in front of it limits the rate; the response is not known."},
			{TopicReferrers, ReadSource, "The API is behind a feature flag. A referrer without a tag cannot be deleted, and stays when its subject goes. Since August 2026, the tags of cosign that are named after a digest go with its last other tag."},
			{TopicGarbage, ReadSource, "By itself: what only expired tags hold, once the time machine no longer keeps them, after two weeks by default. Referrers stay."},
			{TopicCredential, ReadSource, "Tokens only, valid for an hour; a deletion needs the action push, and a scope with delete is refused with 400."},
		},
	}
}

// quayRefusals returns the responses of Quay that differ from those of distribution.
func quayRefusals() refusals {
	missing := always(jsonProblem(http.StatusNotFound, `{"errors":[{"code":"MANIFEST_UNKNOWN","detail":{},"message":"manifest unknown"}]}`))
	return refusals{
		reasonUnknownManifest: missing,
		reasonMalformedDigest: always(jsonProblem(http.StatusBadRequest, `{"errors":[{"code":"DIGEST_INVALID","detail":{},"message":"provided digest did not match uploaded content"}]}`)),
		reasonUnauthenticated: always(jsonProblem(http.StatusUnauthorized, `{"errors":[{"code":"UNAUTHORIZED","detail":{},"message":"access to the requested resource is not authorized"}]}`)),
		reasonUnknownTag: func(info requestInfo) *problem {
			if info.cause == "" {
				return missing(info)
			}
			return jsonProblem(http.StatusNotFound, `{"errors":[{"code":"TAG_EXPIRED","detail":{},"message":"Tag `+info.tag+
				` was deleted or has expired. To pull, revive via time machine"}]}`)
		},
		reasonUnknownRepository: always(jsonProblem(http.StatusNotFound, `{"errors":[{"code":"NAME_UNKNOWN","detail":{},"message":"repository name not known to registry"}]}`)),
		reasonImmutable: func(info requestInfo) *problem {
			return jsonProblem(http.StatusConflict, `{"errors":[{"code":"TAG_IMMUTABLE","detail":{"message":"tag '`+info.cause+
				`' is immutable"},"message":"tag is immutable and cannot be overwritten"}]}`)
		},
		reasonReadOnly: always(jsonProblem(http.StatusMethodNotAllowed, `{"errors":[{"code":"DENIED","detail":{},"is_readonly":true,"message":`+
			`"System is currently read-only. Pulls will succeed but all write operations are currently suspended."}]}`)),
	}
}
