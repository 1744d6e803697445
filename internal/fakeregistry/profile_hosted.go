package fakeregistry

import "net/http"

// DockerHub is Docker Hub since 2025. Its status codes are documented. Its response bodies are not,
// so the bodies here are invented.
//
// https://docs.docker.com/reference/api/registry/latest/operations/DeleteImageManifest/
func DockerHub() Profile {
	return Profile{
		Name: "Docker Hub", Version: "documentation of 2025", Host: "docker.io",
		Options: []Option{
			WithoutTagDelete(), WithTagsFirst(), WithChildProtection(), WithPageCap(100), WithPullLimit(100),
			withRefusals(dockerHubRefusals()),
		},
		Claims: []Claim{
			{TopicResolve, Documented, "HEAD names the digest and does not count as a pull."},
			{TopicList, Reported, "100 a page, with Link."},
			{TopicDelete, Documented, "403 while a tag points at it."},
			{TopicUntagged, Documented, "202; or 500, and it is carried out later."},
			{TopicUntag, Documented, "405: tags are removed by Docker Hub's own API."},
			{TopicChild, Documented, "403 while an index lists it."},
			{TopicIndex, Unverified, "What becomes of the children is not said."},
			{TopicTwice, Unverified, "404, it is documented; with which code is not."},
			{TopicMissing, Unverified, "404, it is documented; with which code is not."},
			{TopicForbidden, Unverified, "A status is not documented."},
			{TopicImmutable, Unverified, "Immutable tags cannot be deleted; how that is said is not documented."},
			{TopicThrottled, Unverified, "429, it is documented; how long to wait is told of pulls, as RateLimit-Remaining: n;w=21600, of deletions it is not known."},
			{TopicCredential, Reported, "Tokens; the challenge of a DELETE asks for delete alone."},
		},
	}
}

// dockerHubRefusals returns the responses of Docker Hub that differ from those of distribution.
func dockerHubRefusals() refusals {
	return refusals{
		reasonTagDelete: always(newProblem(http.StatusMethodNotAllowed, codeUnsupported, "Only digest-based deletion is allowed", nil)),
		reasonTagged: always(newProblem(http.StatusForbidden, codeDenied,
			"manifest is still tagged or referenced by another image", nil)),
		reasonReferenced: always(newProblem(http.StatusForbidden, codeDenied,
			"manifest is still tagged or referenced by another image", nil)),
		reasonThrottled: always(jsonProblem(http.StatusTooManyRequests, `{"message":"toomanyrequests: Too many requests."}`).
			withHeader("Retry-After", "1", "X-Retry-After", "1767225600", "X-Ratelimit-Limit", "180", "X-Ratelimit-Remaining", "0")),
	}
}

// DockerHub2023 is Docker Hub as users reported it in 2023.
func DockerHub2023() Profile {
	return Profile{
		Name: "Docker Hub (2023)", Version: "reports of 2023", Host: "docker.io",
		Options: []Option{WithoutDigestDelete(), WithPageCap(100)},
		Claims: []Claim{
			{TopicDelete, Reported, "405 UNSUPPORTED."},
			{TopicUntagged, Reported, "405 UNSUPPORTED."},
			{TopicUntag, Reported, "202."},
		},
	}
}

// GHCR is GitHub's container registry as users reported it. Its current behaviour is not known.
func GHCR() Profile {
	return Profile{
		Name: "GitHub (GHCR)", Version: "reports of 2023 to 2026", Host: "ghcr.io",
		Options: []Option{WithDeleteDisabled(), WithoutReferrersAPI()},
		Claims: []Claim{
			{TopicDelete, Reported, "405 UNSUPPORTED: versions of packages are deleted by GitHub's own API."},
			{TopicUntagged, Reported, "405 UNSUPPORTED."},
			{TopicUntag, Reported, "405 UNSUPPORTED."},
			{TopicReferrers, Reported, "No API, though subjects are kept."},
		},
	}
}

// Google is Google's Artifact Registry and the older Container Registry.
func Google() Profile {
	return Profile{
		Name: "Google (GAR, GCR)", Version: "reports of 2018 to 2026", Host: "europe-docker.pkg.dev",
		Options: []Option{
			WithTagsFirst(), WithChildProtection(), WithGoogleTags(), WithHeader("Server", "Docker Registry"),
			withRefusals(refusals{
				reasonReferenced: always(newProblem(http.StatusBadRequest, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE",
					"Manifest is still referenced by one or more parent images", nil)),
			}),
		},
		Claims: []Claim{
			{TopicList, Reported, "With every manifest, its tags and times, all at once."},
			{TopicDelete, Reported, "400 GOOGLE_MANIFEST_DANGLING_TAG while a tag points at it."},
			{TopicUntagged, Reported, "202."},
			{TopicUntag, Reported, "202, and only the tag is gone."},
			{TopicChild, Reported, "400 GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE while an index lists it."},
			{TopicMissing, Unverified, "The body of its 404 is not known."},
			{TopicImmutable, Unverified, "Immutable tags cannot be deleted; how that is said is not known."},
		},
	}
}

// ECR is Amazon's registry. Most of its error responses in this protocol are not known.
func ECR() Profile {
	return Profile{
		Name: "Amazon ECR", Version: "documentation and reports to 2025", Host: "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
		Options: []Option{
			WithPageCap(100), WithLastTagDeletes(),
			withRefusals(refusals{reasonUnknownManifest: always(newProblem(http.StatusNotFound, codeManifestUnknown, "Requested image not found", nil)),
				reasonUnknownTag: always(newProblem(http.StatusNotFound, codeManifestUnknown, "Requested image not found", nil))}),
		},
		basicOnly: true,
		Claims: []Claim{
			{TopicDelete, Reported, "Possible since 2023; its own API takes all tags along."},
			{TopicUntag, Unverified, "Its own API removes the tag, and with the last tag the image; what it answers here is not known."},
			{TopicTwice, Reported, "404 MANIFEST_UNKNOWN, \"Requested image not found\"."},
			{TopicMissing, Unverified, "Who reads is told 404 MANIFEST_UNKNOWN; who deletes, is not known."},
			{TopicChild, Unverified, "Its API refuses it with ImageReferencedByManifestList; how that is said here is not known."},
		},
	}
}

// ACR is Azure's registry.
func ACR() Profile {
	return Profile{
		Name: "Azure (ACR)", Version: "documentation and reports to 2025", Host: "example.azurecr.io",
		Options: []Option{withRefusals(refusals{reasonImmutable: always(jsonProblem(http.StatusMethodNotAllowed,
			`{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. `+
				`View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation","detail":{}}]}`))})},
		Claims: []Claim{
			{TopicDelete, Documented, "202, and every tag on it is gone."},
			{TopicUntag, Unverified, "By digest only, it is said; the status is not known."},
			{TopicImmutable, Reported, "405 REGISTRY_DISALLOWED_OPERATION."},
		},
	}
}
