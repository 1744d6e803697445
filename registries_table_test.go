package regret_test

import (
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
)

// specified returns the outcome of each operation at a registry that follows the specification and
// has no extensions.
func specified() map[fakeregistry.Topic]cell {
	return map[fakeregistry.Topic]cell{
		fakeregistry.TopicResolve:     {"", "HEAD multi 200", ""},
		fakeregistry.TopicList:        {"", "GET tags 200", ""},
		fakeregistry.TopicDelete:      {"", "HEAD image 200, DELETE image 202", "image v1 v2"},
		fakeregistry.TopicUntagged:    {"", "HEAD lone 200, DELETE lone 202", "lone"},
		fakeregistry.TopicUntag:       {"", "DELETE v1 202", "v1"},
		fakeregistry.TopicChild:       {"", "HEAD child 200, DELETE child 202", "child"},
		fakeregistry.TopicIndex:       {"", "HEAD index 200, DELETE index 202", "index multi"},
		fakeregistry.TopicTwice:       {regret.ErrNotFound, "HEAD image 404, GET image 404", "image v1 v2"},
		fakeregistry.TopicMissing:     {"", "DELETE unknown 404, DELETE unknown 404", ""}, // CheckDelete in a known and in an unknown repository
		fakeregistry.TopicMissingTag:  {"", "DELETE nothing 404", ""},
		fakeregistry.TopicForbidden:   {regret.ErrForbidden, twoTokenRequests, ""},
		fakeregistry.TopicReadOnly:    unchanged(regret.ErrReadOnly, "405"),
		fakeregistry.TopicDisabled:    unchanged(regret.ErrDeleteDisabled, "405"),
		fakeregistry.TopicDisabledTag: {regret.ErrDeleteDisabled, "DELETE v1 405", ""},
		fakeregistry.TopicThrottled:   {"", "HEAD lone 200, DELETE lone 429, DELETE lone 202 in 1s", "lone"},
	}
}

// twoTokenRequests are the requests if a token is requested for the deletion twice: first together
// with the read, then alone.
const twoTokenRequests = "HEAD image 401, GET token 200, HEAD image 200, DELETE image 401, GET token 200, DELETE image 401"

// unchanged is the outcome of a deletion that is refused with the given status.
func unchanged(kind regret.Kind, status string) cell {
	return cell{kind, "HEAD image 200, DELETE image " + status, ""}
}

func refusedChild(kind regret.Kind, status string) cell {
	return cell{kind, "HEAD child 200, DELETE child " + status, ""}
}

func refusedTag(status string) cell {
	return cell{regret.ErrTagDeleteUnsupported, "DELETE v1 " + status, ""}
}

func refusedCheck(status string) cell {
	return cell{regret.ErrTagDeleteUnsupported, "DELETE nothing " + status, ""}
}

type cells = map[fakeregistry.Topic]cell

// registryTable lists for each registry the outcomes that differ from specified.
func registryTable() []row {
	twoPages := cell{"", "GET tags 200, GET tags 200", ""}
	return []row{
		{fakeregistry.Distribution2(), cells{
			fakeregistry.TopicUntag:      refusedTag("400"),
			fakeregistry.TopicMissingTag: refusedCheck("400"),
		}},
		{fakeregistry.Distribution3(), nil},
		{fakeregistry.Distribution30(), nil},
		{fakeregistry.Zot(), cells{
			fakeregistry.TopicChild:     refusedChild(regret.ErrReferenced, "405"),
			fakeregistry.TopicMissing:   {"", "DELETE unknown 404, DELETE unknown 400", ""},
			fakeregistry.TopicForbidden: {regret.ErrForbidden, "HEAD image 401, HEAD image 200, DELETE image 403", ""},
		}},
		{fakeregistry.Olareg(), cells{
			fakeregistry.TopicForbidden: {regret.ErrUnauthorized, twoTokenRequests, ""},
			fakeregistry.TopicReadOnly:  unchanged(regret.ErrReadOnly, "403"),
		}},
		{fakeregistry.Harbor(), cells{
			fakeregistry.TopicUntag:      refusedTag("400"),
			fakeregistry.TopicMissingTag: refusedCheck("400"),
			fakeregistry.TopicChild:      refusedChild(regret.ErrReferenced, "412"),
			fakeregistry.TopicIndex:      {"", "HEAD index 200, DELETE index 202", "index child sibling multi"},
			fakeregistry.TopicForbidden:  {regret.ErrUnauthorized, "HEAD image 401, GET token 200, HEAD image 200, DELETE image 401, DELETE image 401", ""},
			fakeregistry.TopicImmutable:  unchanged(regret.ErrImmutable, "412"),
			fakeregistry.TopicReadOnly:   unchanged(regret.ErrReadOnly, "403"),
		}},
		{fakeregistry.Quay(), cells{
			fakeregistry.TopicList:     twoPages,
			fakeregistry.TopicUntagged: {unclassified, "HEAD lone 200, DELETE lone 404, HEAD lone 200", ""},
			fakeregistry.TopicChild:    {unclassified, "HEAD child 200, DELETE child 404, HEAD child 200", ""},
			fakeregistry.TopicForbidden: {regret.ErrUnauthorized,
				"HEAD image 401, GET token 400, GET token 200, HEAD image 200, DELETE image 401, GET token 200, DELETE image 401", ""},
			fakeregistry.TopicImmutable: unchanged(regret.ErrImmutable, "409"),
		}},
		{fakeregistry.GitLab(), cells{fakeregistry.TopicChild: refusedChild(regret.ErrReferenced, "409")}},
		{fakeregistry.Gitea(), cells{
			fakeregistry.TopicList: twoPages,
			fakeregistry.TopicForbidden: {regret.ErrUnauthorized,
				"HEAD image 401, GET token 200, HEAD image 200, DELETE image 401, DELETE image 401", ""},
		}},
		{fakeregistry.Nexus(), cells{
			fakeregistry.TopicResolve:  {"", "HEAD multi 404, GET multi 200", ""},
			fakeregistry.TopicDelete:   {"", "HEAD image 404, GET image 200, DELETE image 202", "image"},
			fakeregistry.TopicUntagged: {"", "HEAD lone 404, GET lone 200, DELETE lone 202", "lone"},
			fakeregistry.TopicTwice:    {regret.ErrNotFound, "HEAD image 404, GET image 404", "image"},
		}},
		{fakeregistry.Artifactory(), cells{fakeregistry.TopicDisabled: unchanged(unclassified, "406")}},
		{fakeregistry.Cloudflare(), nil},
		{fakeregistry.Keppel(), cells{
			fakeregistry.TopicChild:     refusedChild(regret.ErrReferenced, "409"),
			fakeregistry.TopicForbidden: {regret.ErrForbidden, "HEAD image 401, GET token 200, HEAD image 200, DELETE image 401", ""},
			fakeregistry.TopicImmutable: unchanged(unclassified, "409"),
		}},
		{fakeregistry.GoContainerRegistry(), cells{
			fakeregistry.TopicDelete: {"", "HEAD image 200, DELETE image 202", "image"},
			fakeregistry.TopicIndex:  {"", "HEAD index 200, DELETE index 202", "index"},
			fakeregistry.TopicTwice:  {regret.ErrNotFound, "HEAD image 404, GET image 404", "image"},
		}},
		{fakeregistry.DockerHub(), cells{
			fakeregistry.TopicList:   twoPages,
			fakeregistry.TopicDelete: unchanged(unclassified, "403"),
			fakeregistry.TopicUntag:  refusedTag("405"),
			fakeregistry.TopicChild:  refusedChild(unclassified, "403"),
		}},
		{fakeregistry.DockerHub2023(), cells{
			fakeregistry.TopicDelete:   unchanged(unclassified, "405"),
			fakeregistry.TopicUntagged: {unclassified, "HEAD lone 200, DELETE lone 405", ""},
		}},
		{fakeregistry.GHCR(), cells{
			fakeregistry.TopicDelete:   unchanged(regret.ErrDeleteDisabled, "405"),
			fakeregistry.TopicUntagged: {regret.ErrDeleteDisabled, "HEAD lone 200, DELETE lone 405", ""},
			fakeregistry.TopicUntag:    refusedTag("405"),
		}},
		{fakeregistry.Google(), cells{
			fakeregistry.TopicDelete: unchanged(regret.ErrStillTagged, "400"),
			fakeregistry.TopicChild:  refusedChild(regret.ErrReferenced, "400"),
		}},
		{fakeregistry.ECR(), nil},
		{fakeregistry.ACR(), cells{fakeregistry.TopicImmutable: unchanged(regret.ErrImmutable, "405")}},
	}
}
