package fakeregistry

import "net/http"

// GitLab is GitLab's container registry, a relative of distribution, with its metadata database.
func GitLab() Profile {
	return Profile{
		Name: "GitLab", Version: "source of 2021, documentation of 2023",
		Options: []Option{WithChildProtection(), withRefusals(refusals{
			reasonReferenced: always(newProblem(http.StatusConflict, "MANIFEST_REFERENCED", "manifest referenced by a manifest list", nil)),
		})},
		Claims: []Claim{
			{TopicResolve, ReadSource, "As distribution 2."},
			{TopicList, ReadSource, "In pages of n, with a Link."},
			{TopicDelete, ReadSource, "202, and every tag that points to it is removed."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, Documented, "Possible since August 2023; before that, under a separate path."},
			{TopicChild, ReadSource, "409 MANIFEST_REFERENCED with the metadata database; without it, the child is deleted."},
			{TopicImmutable, Unverified, "Tags can be protected; the response is not known."},
			{TopicPeculiar, ReadSource, "503 while its garbage collection holds a lock."},
		},
	}
}

// Gitea is Gitea. Forgejo, which began as a fork of Gitea, was not examined.
func Gitea() Profile {
	const forbidden = "user should have specific permission or be a site admin\n"
	missing := func(code string) func(requestInfo) *problem {
		return always(jsonProblem(http.StatusNotFound, `{"errors":[{"code":"`+code+`","message":""}]}`))
	}
	return Profile{
		Name: "Gitea", Version: "1.26, and source of 2023",
		Options: []Option{
			WithLinkAlways(), WithLinkEchoes(), WithInvalidNumberIgnored(), WithoutReferrersAPI(), WithDigestPins(), WithTagCaseIgnored(),
			WithUnknownBlobAccepted(), WithOverwriteDeletes(), WithBlobsAtOnce(), withRefusals(refusals{
				reasonUnknownRepository: missing(codeManifestUnknown),
				reasonUnknownManifest:   missing(codeManifestUnknown),
				reasonUnknownTag:        missing(codeManifestUnknown),
				reasonMissingContent:    missing(codeBlobUnknown),
				reasonForbidden: always(textProblem(http.StatusUnauthorized, forbidden).
					withHeader("WWW-Authenticate", `Basic realm="Gitea Package API"`)),
			}),
		},
		Collectors:   giteaCollectors(),
		authOptions:  []Option{WithChallengeScope("*"), WithBasicRealm("Gitea Container Registry")},
		tokenOptions: []TokenOption{WithScopesIgnored()},
		offersBasic:  true,
		Claims: []Claim{
			{TopicResolve, ReadSource, "HEAD ignores Accept and returns the digest."},
			{TopicList, ReadSource, "A Link on every page that is not empty, including the last one."},
			{TopicList, Measured, "The Link repeats the n of the request; an n that is not a number is ignored."},
			{TopicDelete, ReadSource, "202, and every tag that points to it is removed."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, Measured, "202; with its last tag, the manifest goes, too, unless it was also pushed by its digest. The children of an index stay."},
			{TopicChild, Measured, "Deleted without a warning; the index stays and is broken."},
			{TopicIndex, Measured, "The children stay."},
			{TopicTwice, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, Measured, "404 MANIFEST_UNKNOWN, also in an unknown repository; messages are empty."},
			{TopicMissingTag, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicForbidden, Measured, "401 in plain text, with a Basic challenge."},
			{TopicReferrers, Measured, "No API: 404 in plain text."},
			{TopicGarbage, Measured, "Layers go at once with the last manifest that refers to them, so a deletion cannot be undone."},
			{TopicGarbage, Documented, "Every night by default, blobs that were uploaded without a manifest go, once they are older than a day."},
			{TopicPeculiar, ReadSource, "A push to an existing tag deletes what the tag pointed to if that was its last tag, as a deletion by tag does."},
			{TopicPeculiar, Measured, "Tags that differ only in case are the same tag."},
			{TopicPeculiar, Measured, "Pushing a manifest under the digest of another is 201; one whose blobs are missing is 404 BLOB_UNKNOWN. Deleting an unknown blob is 202."},
			{TopicPeculiar, Measured, "The catalog has no Link on a page that is not full."},
			{TopicCredential, Measured, "Two challenges at once: Bearer with scope=\"*\", and Basic."},
		},
	}
}

// Nexus is Sonatype Nexus 3. The source of its registry is not available, so everything here comes
// from reports.
func Nexus() Profile {
	missing := func(info requestInfo) *problem {
		return newProblem(http.StatusNotFound, codeManifestUnknown, "manifest unknown", []map[string]string{{"Name": info.name}, {"Revision": info.ref}})
	}
	return Profile{
		Name: "Nexus 3", Version: "reports of 2018 to 2025",
		Options:   []Option{WithHeadStatus(http.StatusNotFound), WithTagsLeft(), withRefusals(refusals{reasonUnknownManifest: missing, reasonUnknownTag: missing})},
		basicOnly: true,
		Claims: []Claim{
			{TopicResolve, Reported, "HEAD has returned 404 for manifests that GET returned."},
			{TopicDelete, Reported, "202; from version 3.82 on, its tags have been left."},
			{TopicUntagged, Reported, "202."},
			{TopicTwice, Reported, "404 MANIFEST_UNKNOWN, with an array as detail."},
			{TopicMissing, Reported, "404 MANIFEST_UNKNOWN, with an array as detail."},
		},
	}
}

// Artifactory is JFrog Artifactory, as far as users reported its behaviour.
func Artifactory() Profile {
	return Profile{
		Name: "Artifactory", Version: "reports of 2018 to 2025",
		Options: []Option{withRefusals(refusals{reasonDeleteDisabled: always(jsonProblem(http.StatusNotAcceptable, `{"errors":[{"status":406,"message":"Not Acceptable"}]}`))})},
		Claims: []Claim{
			{TopicIndex, Reported, "Deleted; the children stay."},
			{TopicDisabled, Reported, "406 with a number as code, seen in 2018 and 2019."},
		},
	}
}

// Cloudflare is Cloudflare's serverless registry.
//
// https://github.com/cloudflare/serverless-registry/blob/main/src/router.ts
func Cloudflare() Profile {
	missing := func(info requestInfo) *problem { return manifestUnknown(map[string]string{"Tag": info.ref}) }
	return Profile{
		Name: "Cloudflare (serverless)", Version: "source of 2025",
		Options: []Option{
			WithPageSize(50), WithLinkForm(LinkBare), WithUntagBatch(1000),
			withRefusals(refusals{
				reasonUnknownManifest: missing, reasonUnknownTag: missing, reasonUnknownRepository: missing,
				reasonUnauthenticated: always(jsonProblem(http.StatusUnauthorized, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}`)),
			}),
		},
		basicOnly: true,
		Claims: []Claim{
			{TopicList, ReadSource, "50 per page unless more are requested, with a Link without angle brackets."},
			{TopicDelete, ReadSource, "202, after every tag that points to it is removed; if there are more than 1000, 400 MANIFEST_TAGS and a Link at which to continue."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, ReadSource, "202, and only the tag is removed."},
			{TopicChild, ReadSource, "Deleted without a warning; the index stays and is broken."},
			{TopicIndex, ReadSource, "The children stay."},
			{TopicTwice, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicMissingTag, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicReferrers, ReadSource, "It has the API."},
			{TopicCredential, ReadSource, "Basic only; the realm is the URL of the request."},
		},
	}
}

// Keppel is SAP's Keppel.
//
// https://github.com/sapcc/keppel
func Keppel() Profile {
	return Profile{
		Name: "Keppel", Version: "source of 2026",
		Options: []Option{WithChildProtection(), WithStrictAccept(), withRefusals(keppelRefusals())},
		Claims: []Claim{
			{TopicResolve, ReadSource, "A manifest that Accept does not include is 406, or for an index 307 to a child."},
			{TopicDelete, ReadSource, "202, and every tag that points to it is removed."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, ReadSource, "202, and only the tag is removed."},
			{TopicMissingTag, ReadSource, "404 MANIFEST_UNKNOWN."},
			{TopicChild, ReadSource, "409 DENIED, with the digest of the index."},
			{TopicForbidden, ReadSource, "401 DENIED."},
			{TopicImmutable, ReadSource, "409 DENIED, by a policy on tags."},
			{TopicThrottled, ReadSource, "429 TOOMANYREQUESTS with Retry-After and X-RateLimit headers."},
			{TopicCredential, Reported, "A token must be requested with the action delete explicitly."},
		},
	}
}

// keppelRefusals returns the responses of Keppel that differ from those of distribution.
func keppelRefusals() refusals {
	return refusals{
		reasonReferenced: func(info requestInfo) *problem {
			return newProblem(http.StatusConflict, codeDenied, "cannot delete a manifest which is referenced by the manifest "+info.cause, nil)
		},
		reasonImmutable: func(info requestInfo) *problem {
			return newProblem(http.StatusConflict, codeDenied, "cannot delete tag "+info.cause+": protected by a policy", nil)
		},
		reasonForbidden: always(newProblem(http.StatusUnauthorized, codeDenied, "requested access to the resource is denied", nil)),
		reasonThrottled: always(newProblem(http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests", nil).withHeader(
			"Retry-After", "1", "X-Ratelimit-Limit", "100", "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "1")),
	}
}
