package apply_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestSubjectsOfWhatIsHeld refuses to delete an index that lists a referrer. The referrer stays, and so
// does the image that it refers to: registries such as ACR would delete the referrer along with it.
func TestSubjectsOfWhatIsHeld(t *testing.T) {
	t.Parallel()
	seen := 0
	for i := range 8 { // the order of the index and the image is that of their digests
		f := newFixture(t, fakeregistry.WithReferrerCascade())
		f.image("kept", "latest")
		image := f.image(fmt.Sprint("image ", i), "pr-1")
		referrer := f.referrer("referrer", image)
		index := f.list(fmt.Sprint("index ", i), []regret.Digest{referrer}, "pr-2")
		f.makePlan(removal)
		if f.firstStep() != f.names[index] {
			continue
		}
		seen++
		f.on(0, "DELETE", string(index), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
		f.wantStatuses(f.apply(), map[string]apply.Status{
			f.names[index]: apply.Refused, "referrer": apply.Held, f.names[image]: apply.Stale,
		})
		if !f.has("referrer") || !f.has(f.names[image]) {
			t.Error("the referrer or its subject is gone")
		}
	}
	if seen == 0 {
		t.Error("the index never comes first")
	}
}

// TestNothingIsInFlightDuringASweep takes steps that need different times.
func TestNothingIsInFlightDuringASweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.options.Concurrency = 3
		f.image("kept", "latest")
		for i := range 40 {
			f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
		}
		f.makePlan(removal)
		var inFlight atomic.Int32
		n, sweeps := 0, 0
		f.reg.Intercept(0, fakeregistry.On(http.MethodDelete, manifests), func(w http.ResponseWriter, req *http.Request) bool {
			inFlight.Add(1)
			defer inFlight.Add(-1)
			n++
			time.Sleep(time.Duration(1+n%5) * time.Minute)
			f.reg.Serve(w, req)
			return true
		})
		f.reg.Intercept(0, fakeregistry.On(http.MethodGet, "/v2/team/app/tags/list"), func(http.ResponseWriter, *http.Request) bool {
			sweeps++
			if left := inFlight.Load(); left > 0 {
				t.Errorf("%d steps are in flight", left)
			}
			return false
		})
		if report := f.apply(); report.Count(apply.Deleted) != 40 || sweeps < 4 {
			t.Errorf("%d sweeps, report %s", sweeps, report)
		}
	})
}

// TestTagsThatAnotherClientHasRemoved goes on after a run that removed tags first, and did not get to
// an image. A tag that another client has removed from it is not put back.
func TestTagsThatAnotherClientHasRemoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tried bool
		want  []string
	}{
		"a step that was not tried":     {false, []string{"pr-2"}},
		"a step that the run had begun": {true, []string{"pr-1", "pr-2"}}, // it may have removed both
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, fakeregistry.WithTagsFirst())
			f.image("kept", "latest")
			image := f.image("image", "pr-1", "pr-2")
			f.makePlan(removal)
			journal := fmt.Sprintf("{\"regret\":\"journal/1\",\"plan\":%q,\"at\":\"2026-01-31T12:00:00Z\"}\n{\"tagsFirst\":true}\n", f.plan.Digest())
			if test.tried {
				journal += "{\"intent\":[0]}\n"
			}
			f.options.Journal = &memoryJournal{data: []byte(journal)}
			f.removeTag("pr-1")
			f.on(0, "DELETE", string(image), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
			f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Refused})
			want := map[string]regret.Digest{"latest": f.digest("kept")}
			for _, tag := range test.want {
				want[tag] = image
			}
			if diff := cmp.Diff(want, f.reg.Tags(repository)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
