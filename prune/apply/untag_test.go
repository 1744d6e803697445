package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// overwriting is the policy of the fixtures, but takes tags off by overwriting them.
var overwriting = strings.Replace(removal, `"untag": true`, `"untag": true, "overwrite": true`, 1)

// TestUntag takes two old tags off an image that keeps another.
func TestUntag(t *testing.T) {
	t.Parallel()
	const step = "image -old-1,old-2"
	for name, test := range map[string]struct {
		change func(f *fixture)
		want   apply.Status
		writes []string
		reason string
	}{
		"both are taken off": {func(*fixture) {}, apply.Untagged, []string{"DELETE old-1 202", "DELETE old-2 202"}, ""},
		"one has moved": {func(f *fixture) { f.image("new", "old-1") },
			apply.Untagged, []string{"DELETE old-2 202"}, ""},
		"one moves right before the look": {func(f *fixture) {
			f.before(2, "HEAD", "old-1", func() { f.image("new", "old-1") })
		}, apply.Untagged, []string{"DELETE old-2 202"}, ""},
		"both have moved": {func(f *fixture) { f.image("new", "old-1", "old-2") },
			apply.AlreadyGone, nil, ""},
		"both are gone": {func(f *fixture) { f.removeTag("old-1"); f.removeTag("old-2") },
			apply.AlreadyGone, nil, ""},
		"the tag that is to stay is gone": {func(f *fixture) { f.removeTag("v1") },
			apply.Stale, nil, "no other tag that stays points to it"},
		"the tag that is to stay has moved": {func(f *fixture) { f.image("new", "v1") },
			apply.Stale, nil, "no other tag that stays points to it"},
		"the tag that is to stay moves right before the look": {func(f *fixture) {
			f.before(2, "HEAD", "v1", func() { f.image("new", "v1") })
		}, apply.Stale, nil, "no other tag that stays points to it"},
		"the tag that is to stay moves between two tags that come off": {func(f *fixture) {
			f.before(1, "DELETE", "old-1", func() { f.image("new", "v1") })
		}, apply.Stale, []string{"DELETE old-1 202"}, "1 of 2 tags were taken off"},
		"only a companion tag is left": {func(f *fixture) {
			f.reg.SetTag(repository, companionOf(f.digest("kept"))+".sig", f.digest("image"))
			f.removeTag("v1")
		}, apply.Stale, nil, "no other tag that stays points to it"},
		"another ordinary tag has come up": {func(f *fixture) {
			f.reg.SetTag(repository, "v2", f.digest("image"))
			f.removeTag("v1")
		}, apply.Untagged, []string{"DELETE old-1 202", "DELETE old-2 202"}, ""},
		"the second is refused": {func(f *fixture) { f.on(0, "DELETE", "old-2", deny(405, "REGISTRY_DISALLOWED_OPERATION")) },
			apply.Refused, []string{"DELETE old-1 202", "DELETE old-2 405"}, "1 of 2 tags were taken off"},
		"the second fails": {func(f *fixture) { f.on(0, "DELETE", "old-2", unavailable) },
			apply.Failed, []string{"DELETE old-1 202", "DELETE old-2 503"}, "1 of 2 tags were taken off"},
		"the registry says that one does not exist, but serves it": {func(f *fixture) { f.on(0, "DELETE", "old-1", deny(404, "MANIFEST_UNKNOWN")) },
			apply.Refused, []string{"DELETE old-1 404"}, "serves it"},
		"another client is faster": {func(f *fixture) {
			f.before(1, "DELETE", "old-1", func() { f.removeTag("old-1") })
		}, apply.Untagged, []string{"DELETE old-1 404", "DELETE old-2 202"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.image("kept", "latest")
			f.image("image", "old-1", "old-2", "v1")
			f.makePlan(removal)
			test.change(f)
			f.reg.ResetLog()
			report := f.apply()
			f.wantStatuses(report, map[string]apply.Status{step: test.want})
			f.wantWrites(test.writes...)
			if got := f.resultOf(report, step); !strings.Contains(got.Reason, test.reason) || test.reason == "" && got.Reason != "" {
				t.Errorf("reason %q", got.Reason)
			}
			if !f.has("image") {
				t.Error("the image is gone")
			}
		})
	}
	t.Run("where tags are not deleted, it is left and reported", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, fakeregistry.WithoutTagDelete())
		f.image("kept", "latest")
		f.image("image", "old-1", "v1")
		f.image("other", "pr-1")
		f.makePlan(removal)
		report := f.apply()
		f.wantStatuses(report, map[string]apply.Status{"image -old-1": apply.Refused, "other": apply.Deleted})
		if got := f.resultOf(report, "image -old-1"); got.Kind != regret.ErrTagDeleteUnsupported {
			t.Errorf("kind %q", got.Kind)
		}
		f.wantWrites("DELETE other 202", "DELETE old-1 400")
	})
	t.Run("by overwriting where the policy says so", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, fakeregistry.WithDistribution2())
		f.image("kept", "latest")
		f.image("image", "old-1", "v1")
		f.makePlan(overwriting)
		f.wantStatuses(f.apply(), map[string]apply.Status{"image -old-1": apply.Untagged})
		want := map[string]regret.Digest{"latest": f.digest("kept"), "v1": f.digest("image")}
		if diff := cmp.Diff(want, f.reg.Tags(repository)); diff != "" || !f.has("image") {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
	t.Run("a companion tag that goes alone is left where it is the last one", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("image", "pr-1")
		f.image("shared", companionOf(f.digest("image"))+".sbom", companionOf(f.digest("kept"))+".sbom")
		f.makePlan(removal)
		removed := companionOf(f.digest("kept")) + ".sbom"
		f.before(1, "DELETE", string(f.digest("image")), func() { f.removeTag(removed) })
		report, err := f.run()
		if want := []apply.Lost{{Tag: removed, Digest: f.digest("shared")}}; !errors.Is(err, apply.ErrLost) || !slices.Equal(report.Lost, want) {
			t.Errorf("error %v, lost %v", err, report.Lost)
		}
		f.wantStatuses(report, map[string]apply.Status{"image": apply.Deleted, "shared -@image.sbom": apply.Stale})
		f.wantWrites("DELETE image 202")
	})
	t.Run("a companion tag stays if what it belongs to does", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		f.image("image", "pr-1")
		f.image("shared", companionOf(f.digest("image"))+".sbom", companionOf(f.digest("kept"))+".sbom")
		f.makePlan(removal)
		f.reg.SetTag(repository, "v1", f.digest("image"))
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Stale, "shared -@image.sbom": apply.Held})
		f.wantWrites()
	})
}

// TestStillPresent is about registries that report success all the same.
func TestStillPresent(t *testing.T) {
	t.Parallel()
	accept := fakeregistry.Answer(http.StatusAccepted, nil, "")
	for name, test := range map[string]struct {
		change func(f *fixture)
		want   []apply.Remnant
	}{
		"a deletion without effect": {func(f *fixture) { f.on(0, "DELETE", string(f.digest("image")), accept) },
			[]apply.Remnant{{Tag: "pr-1", Served: true}, {Tag: "pr-2", Served: true}}},
		"a tag that leads nowhere": {func(f *fixture) {
			f.before(1, "DELETE", string(f.digest("other")), func() { f.reg.SetTag(repository, "pr-2", f.digest("image")) })
		}, []apply.Remnant{{Tag: "pr-2"}}},
		"a tag that was pushed anew is no remnant": {func(f *fixture) {
			f.before(1, "DELETE", string(f.digest("other")), func() { f.image("new", "pr-2") })
		}, nil},
		"a tag that vanishes between list and look is no remnant": {func(f *fixture) {
			lists := 0
			f.reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), func(w http.ResponseWriter, req *http.Request) bool {
				lists++ // the second is the one at the end
				return lists == 2 && fakeregistry.Answer(200, nil, `{"name":"team/app","tags":["latest","pr-1"]}`)(w, req)
			})
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			test.change(f)
			report, err := f.run()
			for i := range test.want {
				test.want[i].Digest = f.digest("image")
			}
			if diff := cmp.Diff(test.want, report.StillPresent); diff != "" || (test.want != nil) != errors.Is(err, regret.ErrStillPresent) {
				t.Errorf("error %v, still present (-want +got):\n%s", err, diff)
			}
		})
	}
	t.Run("a tag that was taken off without effect", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("image", "old-1", "v1")
		f.makePlan(strings.Replace(removal, `{"name": "latest", "tags": "latest"}`, "", 1))
		f.on(0, "DELETE", "old-1", accept)
		report, err := f.run()
		want := []apply.Remnant{{Tag: "old-1", Digest: f.digest("image"), Served: true}}
		if diff := cmp.Diff(want, report.StillPresent); diff != "" || !errors.Is(err, regret.ErrStillPresent) {
			t.Errorf("error %v, still present (-want +got):\n%s", err, diff)
		}
	})
}

// TestLost removes tags that were to stay while the run goes on.
func TestLost(t *testing.T) {
	t.Parallel()
	t.Run("a tag that is moved onto an image between the look and the deletion", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.before(1, "DELETE", string(f.digest("image")), func() { f.reg.SetTag(repository, "latest", f.digest("image")) })
		report, err := f.run()
		want := []apply.Lost{{Tag: "latest", Digest: f.digest("kept")}}
		if diff := cmp.Diff(want, report.Lost); diff != "" || !errors.Is(err, apply.ErrLost) {
			t.Errorf("error %v, lost (-want +got):\n%s", err, diff)
		}
		if text := report.String(); !strings.Contains(text, "\nLOST: the tag latest, last seen on ") || !strings.Contains(text, "restore the archive of the plan "+string(f.plan.Digest())) {
			t.Errorf("it does not say so first, or how to restore it:\n%s", text)
		}
		f.wantStatuses(report, gone)
	})
	t.Run("a tag that is put again is not lost", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.before(1, "DELETE", string(f.digest("image")), func() { f.reg.SetTag(repository, "latest", f.digest("image")) })
		f.reg.Intercept(0, fakeregistry.On("DELETE", manifests+string(f.digest("other"))), func(http.ResponseWriter, *http.Request) bool {
			f.reg.SetTag(repository, "latest", f.digest("kept"))
			return false
		})
		if report := f.apply(); len(report.Lost) > 0 {
			t.Errorf("lost: %v", report.Lost)
		}
	})
	t.Run("a tag that was gone before the first step is none of ours", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.reg.SetTag(repository, "v1", f.digest("kept"))
		f.makePlan(removal)
		f.removeTag("v1")
		if report := f.apply(); len(report.Lost) > 0 {
			t.Errorf("lost: %v", report.Lost)
		}
	})
	t.Run("tags that the plan takes are not lost, whoever removes them", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		for i := range 4 {
			f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
		}
		f.makePlan(removal)
		f.reg.SetTag(repository, "v1", f.digest("image 3"))
		f.before(1, "DELETE", string(f.digest("image 2")), func() { f.removeTag("pr-3") })
		if report := f.apply(); len(report.Lost) > 0 {
			t.Errorf("lost: %v", report.Lost)
		}
	})
	t.Run("a repository that a registry forgets with its last tag", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("image", "pr-1")
		f.makePlan(strings.Replace(removal, `{"name": "latest", "tags": "latest"}`, "", 1))
		f.reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), func(w http.ResponseWriter, req *http.Request) bool {
			return !f.has("image") && deny(404, "NAME_UNKNOWN")(w, req)
		})
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Deleted})
	})
	t.Run("the last list fails", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.reg.Intercept(0, fakeregistry.On("GET", "/v2/team/app/tags/list"), func(w http.ResponseWriter, req *http.Request) bool {
			return !f.has("other") && unavailable(w, req)
		})
		report, err := f.run()
		if !errors.Is(err, regret.ErrUnavailable) || report.Problem == "" {
			t.Errorf("error %v", err)
		}
		f.wantStatuses(report, gone)
	})
}
