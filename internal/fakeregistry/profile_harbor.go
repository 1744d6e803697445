package fakeregistry

import "net/http"

// Harbor is Harbor 2. Its registry API is a proxy in front of its own instance of distribution.
//
// https://github.com/goharbor/harbor/blob/main/src/server/registry/manifest.go
func Harbor() Profile {
	return Profile{
		Name: "Harbor", Version: "2.x, source of 2026",
		Options: []Option{
			WithCharset(), WithoutTagDelete(), WithChildProtection(), WithCascade(),
			withRefusals(harborRefusals()),
		},
		Collectors:  harborCollectors(),
		authOptions: []Option{WithUnofferedBasic()},
		Claims: []Claim{
			{TopicResolve, ReadSource, "HEAD returns the digest."},
			{TopicList, ReadSource, "All in one response, or sorted in pages of n with a Link."},
			{TopicDelete, ReadSource, "202, and every tag that points to it is removed, and so are signatures and other accessories."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, ReadSource, "400 UNSUPPORTED: tags are removed through Harbor's own API."},
			{TopicChild, ReadSource, "412 VIOLATE_FOREIGN_KEY_CONSTRAINT, until the index is gone."},
			{TopicIndex, ReadSource, "Children that have no tag are deleted with it."},
			{TopicTwice, ReadSource, "404 NOT_FOUND."},
			{TopicMissing, ReadSource, "404 NOT_FOUND, where other registries send MANIFEST_UNKNOWN."},
			{TopicMissingTag, ReadSource, "400 UNSUPPORTED, as for every tag."},
			{TopicForbidden, ReadSource, "401 with a Basic challenge, for a wrong password and a missing permission alike."},
			{TopicImmutable, ReadSource, "412 PRECONDITION."},
			{TopicReadOnly, ReadSource, "403 DENIED; the message says that it is in read-only mode."},
			{TopicThrottled, NoSuch, "It has no rate limit; a proxy in front of it may have one."},
			{TopicReferrers, ReadSource, "It has the API; referrers are deleted with their subject, with their tags, and so is a signature of cosign under the tag that is named after it. If an index lists one of them, the deletion is 412 VIOLATE_FOREIGN_KEY_CONSTRAINT."},
			{TopicGarbage, ReadSource, "By its schedule: blobs that no manifest refers to, once they are older than two hours; with delete_untagged also artifacts without a tag that are neither children nor accessories, at any age."},
			{TopicCredential, ReadSource, "Tokens are valid for half an hour; a read without one is 401 even if anonymous reads are allowed."},
		},
	}
}

// harborRefusals returns the responses of Harbor that differ from those of distribution.
func harborRefusals() refusals {
	missing := func(info requestInfo) *problem {
		name := info.name + "@" + info.ref
		if info.dgst == "" {
			name = info.name + ":" + info.ref
		}
		return newProblem(http.StatusNotFound, "NOT_FOUND", "artifact "+name+" not found", nil)
	}
	return refusals{
		reasonUnknownRepository: func(info requestInfo) *problem {
			if info.endpoint == endpointTags { // Harbor's real response was not examined
				return newProblem(http.StatusNotFound, "NOT_FOUND", "repository "+info.name+" not found", nil)
			}
			return missing(info)
		},
		reasonUnknownManifest: missing,
		reasonUnknownTag:      missing,
		reasonTagDelete: func(info requestInfo) *problem {
			return newProblem(http.StatusBadRequest, codeUnsupported, "unsupported digest "+info.ref+": invalid checksum digest format", nil)
		},
		reasonReferenced: always(newProblem(http.StatusPreconditionFailed, "VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others", nil)),
		reasonReadOnly: always(newProblem(http.StatusForbidden, codeDenied,
			"The system is in read only mode. Any modification is prohibited.", nil)),
		reasonForbidden: func(info requestInfo) *problem {
			action := "pull"
			switch info.req.Method {
			case http.MethodDelete:
				action = "delete"
			case http.MethodPut, http.MethodPost, http.MethodPatch:
				action = "push"
			}
			sentence := "unauthorized to access repository: " + info.name + ", action: " + action
			return newProblem(http.StatusUnauthorized, codeUnauthorized, sentence+": "+sentence, nil).withHeader("WWW-Authenticate", `Basic realm="harbor"`)
		},
	}
}
