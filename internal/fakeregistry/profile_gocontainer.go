package fakeregistry

import "net/http"

// GoContainerRegistry is the registry that go-containerregistry runs inside a process, for tests,
// and that "crane registry serve" runs.
//
// https://github.com/google/go-containerregistry/blob/main/pkg/registry/manifest.go
func GoContainerRegistry() Profile {
	unknown := func(code, message string) func(requestInfo) *problem {
		// It sets no Content-Type, so net/http detects text/plain.
		return always(textProblem(http.StatusNotFound, `{"errors":[{"code":"`+code+`","message":"`+message+`"}]}`+"\n"))
	}
	return Profile{
		Name: "go-containerregistry (in process)", Version: "0.22.1",
		Options: []Option{
			WithTagCopies(), WithNullTags(), WithoutEtag(), WithoutAPIVersion(), WithoutReferrersAPI(),
			withRefusals(refusals{
				reasonUnknownRepository: unknown(codeNameUnknown, "Unknown name"),
				reasonUnknownManifest:   unknown(codeManifestUnknown, "Unknown manifest"),
				reasonUnknownTag:        unknown(codeManifestUnknown, "Unknown manifest"),
				reasonMalformedDigest:   unknown(codeManifestUnknown, "Unknown manifest"),
			}),
		},
		Claims: []Claim{
			{TopicResolve, Measured, "HEAD ignores Accept and returns the digest."},
			{TopicDelete, Measured, "202, and the digest is gone, but its tags stay and still serve the whole image; WithVerification reports them."},
			{TopicUntagged, Measured, "202."},
			{TopicUntag, Measured, "202, and only the tag is removed."},
			{TopicChild, Measured, "Deleted without a warning; the index stays and is broken."},
			{TopicIndex, ReadSource, "The children stay."},
			{TopicTwice, Measured, "404 MANIFEST_UNKNOWN."},
			{TopicMissing, Measured, "404 MANIFEST_UNKNOWN; in an unknown repository 404 NAME_UNKNOWN; errors are JSON, but their Content-Type is text/plain."},
			{TopicMissingTag, Measured, "404 MANIFEST_UNKNOWN; errors are JSON, but their Content-Type is text/plain."},
			{TopicImmutable, NoSuch, "Nothing can be locked."},
			{TopicDisabled, NoSuch, "Deletion cannot be disabled."},
			{TopicDisabledTag, NoSuch, "Deletion cannot be disabled."},
			{TopicThrottled, NoSuch, "It has no rate limit."},
			{TopicReferrers, Measured, "No API by default: 404 METHOD_UNKNOWN."},
			{TopicPeculiar, Measured, "A page of tags that is cut at n has no Link."},
			{TopicPeculiar, ReadSource, "It checks that the children of a pushed index exist (404 MANIFEST_UNKNOWN), but not layers."},
		},
	}
}
