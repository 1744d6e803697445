package plan_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// namedRules are rules that name references, with no limit on how much may go.
func namedRules(references ...string) string {
	return `{"version": 1, "remove": [{"name": "named", "references": ["` + strings.Join(references, `", "`) + `"]}],
		"limits": {"max-percent": 100, "min-left": 0}}`
}

// signed returns a repository of an image that stays with a signature, an SBOM without a tag and
// something without any.
func signed() (r *repository, image, sbom, untagged regret.Descriptor, signature string) {
	r = newRepository()
	image = r.image("app", 1, 1, "main")
	signature = "sha256-" + image.Digest.Encoded() + ".sig"
	r.push(ocispec.MediaTypeImageManifest, map[string]any{"config": ocispec.DescriptorEmptyJSON}, signature)
	return r, image, r.referrer("application/spdx+json", image), r.image("untagged", 1, 1), signature
}

func TestRulesThatNameReferences(t *testing.T) {
	t.Parallel()
	r, image, sbom, untagged, signature := signed()
	for name, test := range map[string]struct {
		references []string
		want       []string // what goes
	}{
		"a signature goes by its tag, and its image stays":       {[]string{signature}, []string{signature}},
		"a signature with a tag does not go by its digest":       {[]string{string(r.tags[signature])}, nil},
		"a referrer goes by its digest, and its subject stays":   {[]string{string(sbom.Digest)}, []string{string(sbom.Digest)}},
		"a manifest without a tag goes by its digest":            {[]string{string(untagged.Digest)}, []string{string(untagged.Digest)}},
		"an image with a tag does not go by its digest":          {[]string{string(image.Digest)}, nil},
		"an image goes by its tag with all that belongs to it":   {[]string{"main"}, []string{"main", signature, string(sbom.Digest)}},
		"a reference that leads to nothing removes nothing":      {[]string{"none", string(digest.FromString("none"))}, nil},
		"the name of a tag is no pattern":                        {[]string{"mai.", "MAIN"}, nil},
		"the digest beside the tag of what it is about is right": {[]string{"main", string(image.Digest)}, []string{"main", signature, string(sbom.Digest)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := r.plan(t, namedRules(test.references...))
			checkRoundTrip(t, p)
			var got []string
			for step := range p.Steps() {
				if len(step.Tags) == 0 {
					step.Tags = []string{string(step.Digest)}
				}
				got = append(got, step.Tags...)
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what goes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefusesPlansThatDeleteMoreThanTheyName(t *testing.T) {
	t.Parallel()
	r, _, sbom, untagged, signature := signed()
	other := strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		reference string
		edit      func(string) string // of the policy
		problem   string
	}{
		"the tag of an image":     {"main", func(s string) string { return strings.Replace(s, `"main"`, `"other"`, 1) }, "no remove rule matches its tag main"},
		"a companion tag":         {signature, func(s string) string { return strings.Replace(s, signature, "sha256-"+other+".sig", 1) }, "its tags do not say that it is due"},
		"the digest of an SBOM":   {string(sbom.Digest), func(s string) string { return strings.Replace(s, sbom.Digest.Encoded(), other, 1) }, "no rule names it"},
		"a digest without a tag":  {string(untagged.Digest), func(s string) string { return strings.Replace(s, untagged.Digest.Encoded(), other, 1) }, "no rule names it"},
		"a pattern instead of it": {"main", func(s string) string { return strings.Replace(s, `"references":["main"]`, `"tags":["x"]`, 1) }, "no remove rule matches its tag main"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parseDocument(t, onPaper(t, r.plan(t, namedRules(test.reference))))
			edited := []byte(test.edit(string(d.Policy)))
			if bytes.Equal(edited, d.Policy) {
				t.Fatalf("nothing is edited in %s", d.Policy)
			}
			d.Policy = edited
			_, err := plan.Read(bytes.NewReader(d.paper()))
			if wrong, ok := errors.AsType[*plan.VerifyError](err); !ok || !strings.Contains(wrong.Problem, test.problem) {
				t.Errorf("got %v", err)
			}
		})
	}
}
