package regrettest

import "github.com/seed-8cb7cc86/regret/internal/fakeregistry"

// Differences that several registries have.
const (
	noReferrersAPI = "There is no referrers API: 404."
	childIsDenied  = "A manifest that an index lists cannot be deleted: "
	hundredTags    = "A page has at most 100 tags, whatever n is."
)

// selfHosted returns the profiles of registries that people run themselves.
func selfHosted() []Profile {
	return []Profile{
		{Name: "distribution-2.8", imitated: fakeregistry.Distribution2(), Differences: []Difference{
			{"A DELETE of a tag is 400 DIGEST_INVALID: a tag goes only with its manifest.", measured},
			{"An OCI manifest is 404 unless Accept names its type, and an image of Docker is converted.", measured},
			{"All tags come in one response, unsorted, without a Link; n and last are ignored.", measured},
			{"A DELETE of a manifest with the digest of a layer deletes the layer: 202.", measured},
			{noReferrersAPI, measured},
			{"Collecting garbage with --delete-untagged also removes the images that a tagged index lists.", measured},
		}},
		{Name: "distribution-3", imitated: fakeregistry.Distribution3(), Differences: []Difference{
			{"An OCI image is 404 unless Accept names its type; an index is served.", measured},
			{noReferrersAPI, measured},
		}},
		{Name: "distribution-3.0", imitated: fakeregistry.Distribution30(), Differences: []Difference{
			{"An OCI image is 404 unless Accept names its type; an index is served.", measured},
			{noReferrersAPI, measured},
			{"If the tag in last has been deleted meanwhile, the page lacks one tag.", measured},
			{"A DELETE of a malformed digest is 500 UNKNOWN: it is taken for a tag.", measured},
		}},
		{Name: "zot", imitated: fakeregistry.Zot(), Differences: []Difference{
			{childIsDenied + "405 DENIED.", measured},
			{"A push to a tag removes the manifest that the tag pointed to, unless another tag leads to it.", measured},
			{"A page of tags is 404 if last is not an existing tag, such as one that was deleted meanwhile.", measured},
			{"HEAD of /v2/ and of lists is 405.", measured},
			{"A DELETE in an unknown repository is 400 NAME_UNKNOWN.", measured},
			{"Collecting garbage removes the children of a deleted index and what else no tag leads to.", measured},
		}},
		{Name: "olareg", imitated: fakeregistry.Olareg(), Differences: []Difference{
			{"A manifest is 404 unless Accept names its type; for an index, a tag serves the first child that Accept names.", measured},
			{"The list of tags of an unknown repository is empty.", measured},
			{"The rel of a Link is not quoted.", measured},
			{"Collecting garbage removes the children of a deleted index and the referrers of a deleted manifest.", measured},
		}},
		{Name: "harbor", imitated: fakeregistry.Harbor(), Differences: []Difference{
			{"A DELETE of a tag is 400 UNSUPPORTED: a tag goes only with its manifest.", inSource},
			{"With an index go the images that it lists and that have no tag.", inSource},
			{"With a manifest go its referrers, tagged or not.", inSource},
			{childIsDenied + "412 VIOLATE_FOREIGN_KEY_CONSTRAINT.", inSource},
			{"What is missing is 404 NOT_FOUND.", inSource},
			{"A missing permission is 401, like a wrong password.", inSource},
		}},
		{Name: "quay", imitated: fakeregistry.Quay(), Differences: []Difference{
			{"A manifest without a tag cannot be deleted: 404, although it can be read.", inSource},
			{"A manifest that was pushed by a tag is no longer served when its last tag is deleted.", inSource},
			{"A page has at most 100 tags, whatever n is, and an absolute Link.", inSource},
			{"A deletion needs the permission to push, and a token for the action delete is refused: 400.", inSource},
		}},
		{Name: "gitlab", imitated: fakeregistry.GitLab(), Differences: []Difference{
			{childIsDenied + "409 MANIFEST_REFERENCED.", inSource},
		}},
		{Name: "gitea", imitated: fakeregistry.Gitea(), Differences: []Difference{
			{"With its last tag goes the manifest, unless it was also pushed by its digest.", measured},
			{"A push to a tag deletes the manifest that the tag pointed to, if it was its last tag.", inSource},
			{"Layers go at once with the last manifest that needs them.", measured},
			{"Tags that differ only in case are the same tag.", measured},
			{"The last page of tags has a Link, too.", inSource},
			{noReferrersAPI, measured},
		}},
		{Name: "nexus", imitated: fakeregistry.Nexus(), Differences: []Difference{
			{"HEAD of a manifest is 404, although GET serves it.", reported},
			{"The tags of a deleted manifest stay in the list.", reported},
		}},
		{Name: "artifactory", imitated: fakeregistry.Artifactory(), Differences: []Difference{
			{"If deletion is disabled, a DELETE is 406, with a number in place of a code.", reported},
		}},
		{Name: "cloudflare", imitated: fakeregistry.Cloudflare(), Differences: []Difference{
			{"A page has 50 tags unless n says more, and a Link without angle brackets.", inSource},
			{"A DELETE removes at most 1000 tags: if there are more, it is 400 MANIFEST_TAGS, with a Link to the next DELETE.", inSource},
		}},
		{Name: "keppel", imitated: fakeregistry.Keppel(), Differences: []Difference{
			{"A manifest whose type Accept does not name is 406, or for an index a redirect to an image.", inSource},
			{childIsDenied + "409 DENIED.", inSource},
		}},
		{Name: "go-containerregistry", imitated: fakeregistry.GoContainerRegistry(), Differences: []Difference{
			{"After a DELETE by digest, the tags still serve the image.", measured},
			{"Errors have the Content-Type text/plain.", measured},
			{noReferrersAPI, measured},
		}},
	}
}

// hosted returns the profiles of services.
func hosted() []Profile {
	return []Profile{
		{Name: "docker-hub", imitated: fakeregistry.DockerHub(), Differences: []Difference{
			{"A DELETE of a tag is 405: tags are deleted through an API of Docker Hub's own.", documented},
			{"A DELETE by digest is 403 while a tag points to the manifest.", documented},
			{childIsDenied + "403.", documented},
			{"After 100 GETs of manifests, the next is 429.", documented},
			{hundredTags, reported},
		}},
		{Name: "docker-hub-2023", imitated: fakeregistry.DockerHub2023(), Differences: []Difference{
			{"A DELETE by digest is 405 UNSUPPORTED; tags can be deleted.", reported},
			{hundredTags, assumed},
		}},
		{Name: "ghcr", imitated: fakeregistry.GHCR(), Differences: []Difference{
			{"Every DELETE is 405 UNSUPPORTED: versions are deleted through an API of GitHub's own.", reported},
			{noReferrersAPI, reported},
		}},
		{Name: "google", imitated: fakeregistry.Google(), Differences: []Difference{
			{"A DELETE by digest is 400 GOOGLE_MANIFEST_DANGLING_TAG while a tag points to the manifest.", reported},
			{childIsDenied + "400 GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE.", reported},
			{"With a manifest go its referrers.", reported},
			{"The list of tags has everything on one page, and all manifests with their times.", reported},
		}},
		{Name: "ecr", imitated: fakeregistry.ECR(), Differences: []Difference{
			{"With its last tag goes the manifest.", assumed},
			{childIsDenied + "400.", assumed},
			{hundredTags, assumed},
		}},
		{Name: "acr", imitated: fakeregistry.ACR(), Differences: []Difference{
			{"With a manifest go its referrers.", documented},
			{"A tag that is locked is 405 REGISTRY_DISALLOWED_OPERATION.", reported},
		}},
	}
}
