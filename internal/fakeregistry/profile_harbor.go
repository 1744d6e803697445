package fakeregistry

import "net/http"

// Harbor is Harbor 2, whose registry API stands before a distribution of its own.
//
// https://github.com/goharbor/harbor/blob/main/src/server/registry/manifest.go
func Harbor() Profile {
	return Profile{
		Name: "Harbor", Version: "2.x, source of 2026",
		Options: []Option{
			WithCharset(), WithoutTagDelete(), WithChildProtection(), WithCascade(),
			withWords(harborWords()),
		},
		auth: []Option{WithUnofferedBasic()},
		Claims: []Claim{
			{TopicResolve, ReadSource, "HEAD names the digest."},
			{TopicList, ReadSource, "Everything at once, or sorted in pages of n with Link."},
			{TopicDelete, ReadSource, "202, and every tag on it is gone, and so are signatures and other accessories."},
			{TopicUntagged, ReadSource, "202."},
			{TopicUntag, ReadSource, "400 UNSUPPORTED: tags are removed by Harbor's own API."},
			{TopicChild, ReadSource, "412 VIOLATE_FOREIGN_KEY_CONSTRAINT, until the index is gone."},
			{TopicIndex, ReadSource, "Children without a tag of their own go with it."},
			{TopicTwice, ReadSource, "404 NOT_FOUND."},
			{TopicMissing, ReadSource, "404 NOT_FOUND, where others say MANIFEST_UNKNOWN."},
			{TopicForbidden, ReadSource, "401 with a Basic challenge, whoever asks: a wrong password and a missing permission look alike."},
			{TopicImmutable, ReadSource, "412 PRECONDITION."},
			{TopicReadOnly, ReadSource, "403 DENIED, in words."},
			{TopicThrottled, NoSuch, "It counts no requests; what stands before it may."},
			{TopicReferrers, ReadSource, "The API is there; referrers go with their subject."},
			{TopicCredential, ReadSource, "A token for half an hour; reading without one is 401 even where it is allowed."},
		},
	}
}

func harborWords() words {
	missing := func(a about) *problem {
		name := a.name + "@" + a.ref
		if a.dgst == "" {
			name = a.name + ":" + a.ref
		}
		return refuse(http.StatusNotFound, "NOT_FOUND", "artifact "+name+" not found", nil)
	}
	return words{
		noRepository: func(a about) *problem {
			if a.endpoint == endpointTags { // what it says of this was not looked at
				return refuse(http.StatusNotFound, "NOT_FOUND", "repository "+a.name+" not found", nil)
			}
			return missing(a)
		},
		noManifest: missing,
		noTag:      missing,
		tagDelete: func(a about) *problem {
			return refuse(http.StatusBadRequest, codeUnsupported, "unsupported digest "+a.ref+": invalid checksum digest format", nil)
		},
		referenced: always(refuse(http.StatusPreconditionFailed, "VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others", nil)),
		readOnly: always(refuse(http.StatusForbidden, codeDenied,
			"The system is in read only mode. Any modification is prohibited.", nil)),
		forbidden: func(a about) *problem {
			action := "pull"
			switch a.req.Method {
			case http.MethodDelete:
				action = "delete"
			case http.MethodPut, http.MethodPost, http.MethodPatch:
				action = "push"
			}
			sentence := "unauthorized to access repository: " + a.name + ", action: " + action
			return refuse(http.StatusUnauthorized, codeUnauthorized, sentence+": "+sentence, nil).with("WWW-Authenticate", `Basic realm="harbor"`)
		},
	}
}
