package apply_test

import (
	"fmt"
	"net/http"
	"slices"
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
// does the image that it refers to: registries such as ACR would delete the referrer along with it. So
// the image waits for the index, whichever of them the plan has first.
func TestSubjectsOfWhatIsHeld(t *testing.T) {
	t.Parallel()
	firsts := make(map[bool]bool)
	for i := range 8 { // the order of the index and the image is that of their digests
		for _, concurrency := range []int{1, 8} {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, fakeregistry.WithReferrerCascade())
				f.options.Concurrency = concurrency
				f.image("kept", "latest")
				image := f.image(fmt.Sprint("image ", i), "pr-1")
				referrer := f.referrer("referrer", image)
				index := f.list(fmt.Sprint("index ", i), []regret.Digest{referrer}, "pr-2")
				f.makePlan(removal)
				firsts[f.firstStep() == f.names[index]] = true
				f.on(0, "DELETE", string(index), func(w http.ResponseWriter, req *http.Request) bool {
					time.Sleep(time.Minute) // the image could go meanwhile
					return deny(405, "REGISTRY_DISALLOWED_OPERATION")(w, req)
				})
				f.wantStatuses(f.apply(), map[string]apply.Status{
					f.names[index]: apply.Refused, "referrer": apply.Held, f.names[image]: apply.Stale,
				})
				f.wantWrites("DELETE " + f.names[index] + " 405")
			})
		}
	}
	if len(firsts) != 2 {
		t.Errorf("the index comes first: %v", firsts)
	}
}

// TestSubjectsWaitForWhatListsTheirReferrers takes as many steps at once as there are. No subject goes
// before an index that lists a referrer, unless the index itself must come after the subject.
func TestSubjectsWaitForWhatListsTheirReferrers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		build func(f *fixture)
		order [][2]string // what goes before what
	}{
		"an index of a referrer": {func(f *fixture) {
			f.list("index", []regret.Digest{f.referrer("referrer", f.image("image", "pr-1"))}, "pr-2")
		}, [][2]string{{"index", "image"}, {"image", "referrer"}}},
		"an index of a referrer of a referrer": {func(f *fixture) {
			f.list("index", []regret.Digest{f.referrer("outer", f.referrer("referrer", f.image("image", "pr-1")))}, "pr-2")
		}, [][2]string{{"index", "image"}, {"image", "referrer"}, {"referrer", "outer"}}},
		"an index of an index of a referrer": {func(f *fixture) {
			inner := f.list("inner index", []regret.Digest{f.referrer("referrer", f.image("image", "pr-1"))})
			f.list("index", []regret.Digest{inner}, "pr-2")
		}, [][2]string{{"index", "inner index"}, {"inner index", "image"}, {"image", "referrer"}}},
		"the list of referrers of the subject itself comes after it": {func(f *fixture) {
			image := f.image("image", "pr-1")
			f.list("list", []regret.Digest{f.referrer("referrer", image)}, companionOf(image))
		}, [][2]string{{"image", "list"}, {"list", "referrer"}}},
		"two subjects, each with an index that refers to the other": {func(f *fixture) {
			one, two := f.image("one", "pr-1"), f.image("two", "pr-2")
			f.putIndex("index of one", two, []regret.Digest{f.referrer("referrer of one", one)})
			f.putIndex("index of two", one, []regret.Digest{f.referrer("referrer of two", two)})
		}, [][2]string{{"two", "index of one"}, {"one", "index of two"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.image("kept", "latest")
				test.build(f)
				f.makePlan(removal)
				f.options.Concurrency = 16
				f.on(0, "DELETE", "", func(_ http.ResponseWriter, req *http.Request) bool {
					for _, pair := range test.order {
						if req.URL.Path == manifests+string(f.digest(pair[1])) && f.has(pair[0]) {
							t.Errorf("%s goes before %s", pair[1], pair[0])
						}
					}
					time.Sleep(time.Minute)
					return false
				})
				report := f.apply()
				if n := len(report.Results); report.Count(apply.Deleted) != n || n < len(test.order)+1 {
					t.Errorf("report %s", report)
				}
			})
		})
	}
	t.Run("a subject that is held is not taken when the index goes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.image("kept", "latest")
			image := f.image("image", "pr-1")
			index := f.list("index", []regret.Digest{f.referrer("referrer", image)}, "pr-2")
			f.list("index of the image", []regret.Digest{image}, "pr-3")
			f.makePlan(removal)
			f.options.Concurrency = 16
			f.on(0, "DELETE", string(f.digest("index of the image")), deny(405, "REGISTRY_DISALLOWED_OPERATION"))
			f.on(0, "DELETE", string(index), func(http.ResponseWriter, *http.Request) bool {
				time.Sleep(time.Minute)
				return false
			})
			f.wantStatuses(f.apply(), map[string]apply.Status{
				"index": apply.Deleted, "index of the image": apply.Refused, "image": apply.Held, "referrer": apply.Held,
			})
			sent := f.sent("DELETE", "PUT", "POST", "PATCH")
			slices.Sort(sent) // both are sent at once
			if diff := cmp.Diff([]string{"DELETE index 202", "DELETE index of the image 405"}, sent); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	})
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
		var inFlight, n atomic.Int32
		sweeps := 0
		f.reg.Intercept(0, fakeregistry.On(http.MethodDelete, manifests), func(w http.ResponseWriter, req *http.Request) bool {
			inFlight.Add(1)
			defer inFlight.Add(-1)
			time.Sleep(time.Duration(1+n.Add(1)%4) * time.Minute)
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

// TestWhatNoOrderProtects has a circle: the list of an image's referrers has a referrer of its own,
// which lists an index of the image. What lists something goes before it, and so the list cannot wait
// for the image, nor the referrer for the list. If one of them stays, the others must be held without.
func TestWhatNoOrderProtects(t *testing.T) {
	t.Parallel()
	for refused, want := range map[string]map[string]apply.Status{
		"index":    {"referrer": apply.Deleted, "index": apply.Failed, "image": apply.Held, "list": apply.Stale},
		"referrer": {"referrer": apply.Failed, "index": apply.Held, "image": apply.Held, "list": apply.Stale},
		"image":    {"referrer": apply.Deleted, "index": apply.Deleted, "image": apply.Failed, "list": apply.Stale},
	} {
		t.Run(refused+" is refused", func(t *testing.T) {
			t.Parallel()
			after := 0
			for i := range 8 { // whether the list or the referrer comes first is decided by their digests
				f := newFixture(t)
				f.options.Concurrency = 8
				f.image("kept", "latest")
				image := f.image("image", "pr-1")
				index := f.list("index", []regret.Digest{image}, "pr-2")
				list := f.list(fmt.Sprint("list ", i), nil, companionOf(image))
				f.names[list] = "list"
				f.putIndex("referrer", list, []regret.Digest{index})
				f.makePlan(removal)
				if f.firstStep() == "list" {
					continue
				}
				after++
				f.on(0, "DELETE", string(f.digest(refused)), deny(400, "UNKNOWN"))
				f.wantStatuses(f.apply(), want)
			}
			if after == 0 {
				t.Error("the list always comes first")
			}
		})
	}
}
