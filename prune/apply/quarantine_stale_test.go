package apply_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

func TestQuarantineOfARepositoryThatHasChanged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(f *trashFixture)
		want   apply.Status // of the image pr-1
		reason string
		tags   map[string]string // that are left of the image's: "image", "keep"
		trash  bool              // the image is there
	}{
		{
			name:   "an image without one of its tags goes by the other",
			change: func(f *trashFixture) { untag(f, "pr-1") },
			want:   apply.Quarantined, trash: true, tags: map[string]string{},
		},
		{
			name:   "an image whose tag was moved goes without it, and the tag stays where it is",
			change: func(f *trashFixture) { f.reg.SetTag(trashRepository, "pr-1", f.keep.Digest) },
			want:   apply.Quarantined, trash: true, tags: map[string]string{"pr-1": "keep"},
		},
		{
			name: "an image whose tags are all gone goes as well, because nothing else would find it",
			change: func(f *trashFixture) {
				untag(f, "pr-1")
				untag(f, "pr-1-amd64")
			},
			want: apply.Quarantined, trash: true, tags: map[string]string{},
		},
		{
			name: "an image that is gone is not put there again",
			change: func(f *trashFixture) {
				if err := f.client.DeleteManifest(f.t.Context(), trashRepository, f.image.Digest); err != nil {
					f.t.Fatal(err)
				}
			},
			want: apply.AlreadyGone, tags: map[string]string{},
		},
		{
			name:   "an image with a tag that the plan does not know stays",
			change: func(f *trashFixture) { f.reg.SetTag(trashRepository, "release", f.image.Digest) },
			want:   apply.Stale, reason: "a tag points to it that the plan does not know", tags: map[string]string{"pr-1": "image", "pr-1-amd64": "image", "release": "image"},
		},
		{
			name: "an image that a new index lists stays",
			change: func(f *trashFixture) {
				f.reg.PutIndex(trashRepository, []string{"image"}, "multi")
			},
			want: apply.Stale, reason: "multi", tags: map[string]string{"pr-1": "image", "pr-1-amd64": "image"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, "registry.example")
			p := f.plan(t, trashPolicy)
			test.change(f)
			report := f.quarantine(t, p, nil)
			result := resultOf(t, report, f.image.Digest)
			if result.Status != test.want || !strings.Contains(result.Reason, test.reason) {
				t.Errorf("the image ended as %s: %s", result.Status, result.Reason)
			}
			got := map[string]string{}
			tags := f.reg.Tags(trashRepository)
			for _, tag := range []string{"pr-1", "pr-1-amd64", "release"} {
				switch tags[tag] {
				case f.image.Digest:
					got[tag] = "image"
				case f.keep.Digest:
					got[tag] = "keep"
				}
			}
			if diff := cmp.Diff(test.tags, got); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if trash := tags[trashTagOf(p, f.image.Digest)] == f.image.Digest; trash != test.trash {
				t.Errorf("it is in the trash: %t", trash)
			}
		})
	}
}

// TestQuarantineOfAnImageThatIsNotInTheArchive leaves an image alone that was gone when the archive was
// written, and was pushed again since.
func TestQuarantineOfAnImageThatIsNotInTheArchive(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	f.reg.Intercept(1, fakeregistry.On("GET", at(string(f.image.Digest))), fakeregistry.Errors(404, "MANIFEST_UNKNOWN", "no"))
	report := f.quarantine(t, p, nil)
	if result := resultOf(t, report, f.image.Digest); result.Status != apply.Stale || !strings.Contains(result.Reason, "make a new plan") {
		t.Errorf("the image ended as %s: %s", result.Status, result.Reason)
	}
	if tags := f.reg.Tags(trashRepository); tags["pr-1"] != f.image.Digest || tags[trashTagOf(p, f.image.Digest)] != "" {
		t.Errorf("tags: %s", sortedTags(tags))
	}
}

// untag removes a tag as another client does.
func untag(f *trashFixture, tag string) {
	if err := f.client.Untag(f.t.Context(), trashRepository, tag); err != nil {
		f.t.Fatal(err)
	}
}

func resultOf(t *testing.T, report *apply.Report, dgst regret.Digest) apply.Result {
	t.Helper()
	for _, result := range report.Results {
		if result.Digest == dgst {
			return result
		}
	}
	t.Fatalf("there is no result for %s", dgst)
	return apply.Result{}
}

func TestQuarantineObeysNewerInUseLists(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	inUse := `{"version": 1, "keep": [{"name": "in use", "file": "in-use.txt"}], "remove": [{"tags": "pr-*"}], "limits": {"max-percent": 100, "min-left": 0}}`
	list := func(content string) *policy.InUse {
		l, err := policy.ParseInUse("in-use.txt", strings.NewReader(content), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	p := makeTrashPlan(t, f.client, inUse, list("registry.example/team/app:latest"))
	newer := list("registry.example/team/app:latest\nregistry.example/team/app@" + string(f.image.Digest))
	report := f.quarantine(t, p, &apply.QuarantineOptions{Options: apply.Options{InUse: []*policy.InUse{newer}}})
	if result := resultOf(t, report, f.image.Digest); result.Status != apply.Stale {
		t.Errorf("what is in use ended as %s", result.Status)
	}
	if result := resultOf(t, report, f.index.Digest); result.Status != apply.Quarantined {
		t.Errorf("the other image ended as %s", result.Status)
	}
}

func TestQuarantineRefusesPlansBeforeItSendsAnything(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options apply.Options
		journal func(t *testing.T, f *trashFixture, p *plan.Plan) apply.Journal
		want    error
	}{
		"another plan than the expected one": {options: apply.Options{Expect: "sha256:0"}, want: apply.ErrUnexpected},
		"a plan that is too old":             {options: apply.Options{MaxAge: 1}, want: apply.ErrTooOld},
		"the journal of applying it": {
			journal: func(t *testing.T, f *trashFixture, p *plan.Plan) apply.Journal {
				j := new(keptJournal)
				if _, err := apply.Apply(t.Context(), f.client, p, f.store, &apply.Options{Journal: j}); err != nil {
					t.Fatal(err)
				}
				return j.reopen()
			},
			want: apply.ErrOtherPlan,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTrashFixture(t, "registry.example")
			p := f.plan(t, trashPolicy)
			if test.journal != nil {
				test.options.Journal = test.journal(t, f, p)
			}
			f.reg.ResetLog()
			report, err := apply.Quarantine(t.Context(), f.client, p, f.store, &apply.QuarantineOptions{Options: test.options})
			if !errors.Is(err, test.want) || report != nil {
				t.Errorf("report %v, error %v", report, err)
			}
			if sent := f.reg.Requests(); len(sent) > 0 {
				t.Errorf("requests: %v", sent)
			}
		})
	}
}

// TestApplyAfterQuarantine applies a plan whose images are in the trash by now: they stay, because
// the plan does not know their new tags.
func TestApplyAfterQuarantine(t *testing.T) {
	t.Parallel()
	f := newTrashFixture(t, "registry.example")
	p := f.plan(t, trashPolicy)
	f.quarantine(t, p, nil)
	before := sortedTags(f.reg.Tags(trashRepository))
	report, err := apply.Apply(t.Context(), f.client, p, f.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if result := resultOf(t, report, f.image.Digest); result.Status != apply.Stale {
		t.Errorf("the image ended as %s: %s", result.Status, result.Reason)
	}
	if diff := cmp.Diff(before, sortedTags(f.reg.Tags(trashRepository))); diff != "" {
		t.Errorf("tags (-before +after):\n%s", diff)
	}
	f.wantAllManifests(t)
}
