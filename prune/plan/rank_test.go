package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// removed returns the tags of the images that a plan deletes, sorted.
func removed(p *plan.Plan) (tags []string) {
	for s := range p.Steps() {
		if s.Action == plan.Delete {
			tags = append(tags, s.Tags...)
		}
	}
	slices.Sort(tags)
	return tags
}

// A date in a tag is known at once, that of the image has to be read. The newer one counts,
// wherever both are in one group.
func TestADateInATagDoesNotHideTheDateOfTheImage(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("a", 1, 1, "nightly-20261001")
	r.image("b", 2, 1, "main")
	p := r.plan(t, `{"version":1,
		"keep":[{"tags":[{"regexp":"nightly-(?P<date>\\d+)"},"*"],"newest":1}],
		"remove":[{"tags":"*"}]}`)
	if diff := cmp.Diff([]string{"main"}, removed(p)); diff != "" {
		t.Errorf("tags that go (-want +got):\n%s", diff)
	}
}

// Each index lists all of the level below, so that more ways lead down than memory could hold.
// That takes no longer than any other repository with as many indexes.
func TestPartsOfPartsAreRankedOnce(t *testing.T) {
	t.Parallel()
	const width, levels = 30, 8
	r := newRepository()
	level := []regret.Descriptor{r.image("base", 90, 1)}
	for n := range levels {
		var above []regret.Descriptor
		for i := range width {
			entries := slices.Concat(level, []regret.Descriptor{r.image(fmt.Sprint(n, i), 90, 1)})
			above = append(above, r.index(entries, fmt.Sprintf("v-%d-%d", n, i)))
		}
		level = above
	}
	if gone := removed(r.plan(t, `{"version":1,"remove":[{"tags":"*","beyond":1,"older-than":"30d"}]}`)); len(gone) > 0 {
		t.Errorf("%d tags go, although the newest images are equal", len(gone))
	}
}

// Where builds are reproducible, one digest collects a tag from every build. What is decided
// about each tag must not take the longer the more there are.
func TestManyTagsOnOneImageComeOff(t *testing.T) {
	t.Parallel()
	const tags = 20_000
	r := newRepository()
	same := r.image("same", 90, 1, "main")
	for n := range tags {
		r.tags[fmt.Sprintf("ci-%d", n)] = same.Digest
	}
	r.image("new", 1, 1, "ci-new")
	p := r.plan(t, `{"version":1,
		"keep":[{"name":"newest","tags":"ci-*","newest":1},{"tags":"ci-1*","within":"30d"}],
		"remove":[{"tags":"ci-*","older-than":"7d","untag":true}]}`)
	if got := p.Totals().Tags; got != tags {
		t.Errorf("%d tags come off, want %d", got, tags)
	}
	checkRoundTrip(t, p)
}

func TestATagThatIsNoDateIsAReasonToStay(t *testing.T) {
	t.Parallel()
	r := newRepository()
	r.image("a", 90, 1, "nightly-20251399")
	r.image("b", 90, 1, "nightly-20251001")
	p := r.plan(t, `{"version":1,"remove":[{"tags":{"regexp":"nightly-(?P<date>\\d+)"},"older-than":"30d"}]}`)
	var reasons []plan.Reason
	for k := range p.Kept() {
		reasons = append(reasons, k.Reasons...)
	}
	if diff := cmp.Diff([]plan.Reason{{Text: "no usable date"}}, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}
