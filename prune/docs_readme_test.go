package prune_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readmeRepository is what the repository has of which the README shows a plan; see docsCase.
const readmeRepository = `
pr-7            40 d   linux/amd64, linux/arm64, attestation
-               40 d   signature of pr-7
1.9.0 latest     3 d   linux/amd64, linux/arm64 of pr-7, attestation
1.8.0           90 d   linux/amd64, linux/arm64, attestation
1.7.0           90 d
pr-8             2 d
main             1 d
`

// readmePlan is the policy in the README, and the plan that it says comes of it.
var readmePlan = regexp.MustCompile("(?s)policy\\.Parse\\(\\[\\]byte\\(`(.*?)`\\)\\).*?```text\n(.*?)\n```")

func TestReadmeShowsThePlanOfItsPolicy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := readmePlan.FindSubmatch(page)
	if found == nil {
		t.Fatal("the README has no policy with a plan below it")
	}
	story := docsStory{policy: string(found[1]), repository: readmeRepository, lists: map[string]string{}}
	truth, err := story.output("text plan", "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(found[2]), truth); diff != "" {
		t.Errorf("the plan in the README (-page +truth):\n%s", diff)
	}
}
