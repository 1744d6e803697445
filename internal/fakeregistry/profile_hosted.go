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
			{TopicResolve, Documented, "HEAD returns the digest and does not count as a pull."},
			{TopicList, Reported, "100 per page, with a Link."},
			{TopicDelete, Documented, "403 while a tag points to it."},
			{TopicUntagged, Documented, "202; or 500, and the manifest is deleted later."},
			{TopicUntag, Documented, "405: tags are removed through Docker Hub's own API."},
			{TopicChild, Documented, "403 while an index lists it."},
			{TopicIndex, Unverified, "What happens to the children is not documented."},
			{TopicTwice, Unverified, "404 is documented, but its error code is not."},
			{TopicMissing, Unverified, "404 is documented, but its error code is not."},
			{TopicForbidden, Unverified, "The status is not documented."},
			{TopicImmutable, Unverified, "Immutable tags cannot be deleted; the response is not documented."},
			{TopicThrottled, Unverified, "429 is documented; for pulls the time to wait is documented, as RateLimit-Remaining: n;w=21600, for deletions it is not known."},
			{TopicCredential, Reported, "Tokens; the challenge of a DELETE requests only the action delete."},
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
			{TopicDelete, Reported, "405 UNSUPPORTED: package versions are deleted through GitHub's own API."},
			{TopicUntagged, Reported, "405 UNSUPPORTED."},
			{TopicUntag, Reported, "405 UNSUPPORTED."},
			{TopicReferrers, Reported, "It lacks the API, but stores the subject of a manifest."},
		},
	}
}

// Google is Google's Artifact Registry and the older Container Registry.
//
// https://github.com/chainguard-dev/terraform-provider-cosign/pull/577
func Google() Profile {
	return Profile{
		Name: "Google (GAR, GCR)", Version: "reports of 2018 to 2026", Host: "europe-docker.pkg.dev",
		Options: []Option{
			WithTagsFirst(), WithChildProtection(), WithReferrerCascade(), WithGoogleTags(), WithHeader("Server", "Docker Registry"),
			withRefusals(refusals{
				reasonReferenced: always(newProblem(http.StatusBadRequest, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE",
					"Manifest is still referenced by one or more parent images", nil)),
			}),
		},
		Claims: []Claim{
			{TopicList, Reported, "All in one response, together with every manifest, its tags and times."},
			{TopicDelete, Reported, "400 GOOGLE_MANIFEST_DANGLING_TAG while a tag points to it."},
			{TopicUntagged, Reported, "202."},
			{TopicUntag, Reported, "202, and only the tag is removed."},
			{TopicChild, Reported, "400 GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE while an index lists it, tagged or not, and also a list of referrers."},
			{TopicReferrers, Reported, "It has the API; attachments, as it calls referrers, are deleted with what they refer to."},
			{TopicMissing, Unverified, "The body of its 404 is not known."},
			{TopicImmutable, Unverified, "Immutable tags cannot be deleted; the response is not known."},
		},
	}
}

// ECR is Amazon's registry. Most of its error responses in this protocol are not known.
//
// https://github.com/oras-project/oras/issues/1228
func ECR() Profile {
	return Profile{
		Name: "Amazon ECR", Version: "documentation and reports to 2025", Host: "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
		Options: []Option{
			WithPageCap(100), WithLastTagDeletes(), WithChildProtection(),
			withRefusals(refusals{
				reasonUnknownManifest: always(newProblem(http.StatusNotFound, codeManifestUnknown, "Requested image not found", nil)),
				reasonUnknownTag:      always(newProblem(http.StatusNotFound, codeManifestUnknown, "Requested image not found", nil)),
				// The message is that of its own API; status and code are invented.
				reasonReferenced: always(newProblem(http.StatusBadRequest, codeUnknown, "Requested image referenced by manifest list", nil)),
			}),
		},
		basicOnly: true,
		Claims: []Claim{
			{TopicDelete, Reported, "Possible since 2023; its own API also removes all tags."},
			{TopicUntag, Unverified, "Its own API removes the tag, and with the last tag the image; the response of the registry API is not known."},
			{TopicTwice, Reported, "404 MANIFEST_UNKNOWN, \"Requested image not found\"."},
			{TopicMissing, Unverified, "A read gets 404 MANIFEST_UNKNOWN; the response to a DELETE is not known."},
			{TopicChild, Unverified, "Its own API refuses it with ImageReferencedByManifestList, and a user reports that the registry API refuses it, too; its response is not known."},
		},
	}
}

// ACR is Azure's registry.
func ACR() Profile {
	return Profile{
		Name: "Azure (ACR)", Version: "documentation and reports to 2025", Host: "example.azurecr.io",
		Options: []Option{WithReferrerCascade(), withRefusals(refusals{reasonImmutable: always(jsonProblem(http.StatusMethodNotAllowed,
			`{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed on this registry, repository or image. `+
				`View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation","detail":{}}]}`))})},
		Claims: []Claim{
			{TopicDelete, Documented, "202, and every tag that points to it is removed."},
			{TopicUntag, Unverified, "Deletion is documented to work by digest only; the status is not known."},
			{TopicImmutable, Reported, "405 REGISTRY_DISALLOWED_OPERATION."},
			{TopicReferrers, Documented, "It has the API; referrers are deleted with their subject, and theirs with them."},
		},
	}
}
