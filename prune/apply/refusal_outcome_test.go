package apply_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestRefusedLooks is about looks that the registry refuses.
func TestRefusedLooks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		status apply.Status
		ends   bool
	}{
		"a failure":    {unavailable, apply.Failed, false},
		"forbidden":    {deny(403, "DENIED"), apply.Refused, true},
		"unauthorized": {deny(401, "UNAUTHORIZED"), apply.Refused, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := twoTags(t)
			f.before(2, "HEAD", "pr-2", func() { f.on(0, "", "pr-2", test.answer) })
			report, err := f.run()
			want := map[string]apply.Status{"image": test.status, "other": apply.Deleted}
			if test.ends {
				want["other"] = apply.NotAttempted
			}
			if ended := errors.Is(err, apply.ErrStopped); ended != test.ends {
				t.Errorf("error %v", err)
			}
			f.wantStatuses(report, want)
			if sent := f.sent("DELETE"); slices.ContainsFunc(sent, func(s string) bool { return strings.HasPrefix(s, "DELETE image") }) {
				t.Errorf("it sends %q", sent)
			}
		})
	}
}

// TestFailuresInARow lets steps fail, and some in between succeed.
func TestFailuresInARow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails func(i int) bool
		tried int
		ends  bool
	}{
		"20 in a row end the run":             {func(int) bool { return true }, 20, true},
		"19 in a row, time and again, do not": {func(i int) bool { return i%20 != 19 }, 60, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.image("kept", "latest")
			for i := range 60 {
				f.image(fmt.Sprint("image ", i), fmt.Sprint("pr-", i))
			}
			f.makePlan(removal)
			i := 0
			for step := range f.plan.Steps() {
				if test.fails(i) {
					f.on(0, "DELETE", string(step.Digest), unavailable)
				}
				i++
			}
			report, err := f.run()
			if ended := errors.Is(err, apply.ErrStopped); ended != test.ends || ended && !errors.Is(err, regret.ErrUnavailable) {
				t.Errorf("error %v", err)
			}
			if tried := 60 - report.Count(apply.NotAttempted); tried != test.tried || len(f.sent("DELETE")) != tried {
				t.Errorf("%d steps are tried, with %d deletions", tried, len(f.sent("DELETE")))
			}
		})
	}
	t.Run("steps that are held do not interrupt the row", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.image("kept", "latest")
		for i := range 40 {
			f.index(fmt.Sprint("index ", i), []string{fmt.Sprint("child ", i)}, fmt.Sprint("pr-", i))
		}
		f.makePlan(removal)
		for step := range f.plan.Steps() {
			f.on(0, "DELETE", string(step.Digest), unavailable)
		}
		report, err := f.run()
		if got := report.Totals().ByStatus; !errors.Is(err, apply.ErrStopped) || got[apply.Failed] != 20 || got[apply.Held] != 20 || got[apply.NotAttempted] != 40 {
			t.Errorf("error %v, results %v", err, got)
		}
	})
}

// TestOutcomeUnknown loses responses.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	t.Run("a lost response after the effect is success", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.on(1, "DELETE", string(f.digest("image")), f.reg.LoseResponse())
		f.wantStatuses(f.apply(), gone)
	})
	t.Run("a lost request before the effect is a failure", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.on(1, "DELETE", string(f.digest("image")), f.reg.LoseRequest())
		f.wantStatuses(f.apply(), map[string]apply.Status{"image": apply.Failed, "other": apply.Deleted})
	})
	t.Run("if a look fails, too, it is unknown", func(t *testing.T) {
		t.Parallel()
		f := twoTags(t)
		f.on(1, "DELETE", string(f.digest("image")), f.reg.LoseResponse())
		f.on(0, "HEAD", string(f.digest("image")), unavailable)
		report := f.apply()
		f.wantStatuses(report, map[string]apply.Status{"image": apply.Unknown, "other": apply.Deleted})
		if got := f.resultOf(report, "image"); got.Kind != regret.ErrOutcomeUnknown {
			t.Errorf("kind %q", got.Kind)
		}
	})
}

// TestRegistries applies the same plan to each registry in the way that it answers.
func TestRegistries(t *testing.T) {
	t.Parallel()
	for _, profile := range fakeregistry.Profiles() {
		t.Run(profile.Name, func(t *testing.T) {
			t.Parallel()
			address := host
			if profile.Host != "" {
				address = profile.Host
			}
			f := newFixtureAt(t, address, profile.New())
			f.image("kept", "latest")
			f.image("image", "pr-1", "pr-2")
			f.index("index", []string{"a", "b"}, "pr-3")
			f.makePlan(removal)
			report, err := f.run()
			want := map[string]apply.Status{"image": apply.Deleted, "index": apply.Deleted, "a": apply.Deleted, "b": apply.Deleted}
			var ends, left error
			switch profile.Name {
			case "Harbor": // deletes children along
				want["a"], want["b"] = apply.AlreadyGone, apply.AlreadyGone
			case "Quay": // leaves what has no tags to its collector
				want["a"], want["b"] = apply.Refused, apply.Refused
			case "GitHub (GHCR)":
				ends = regret.ErrDeleteDisabled
			case "Docker Hub": // refuses what has tags, and deletes no tags
				ends = apply.ErrStopped
			case "Docker Hub (2023)":
				want = map[string]apply.Status{"image": apply.Failed, "index": apply.Failed, "a": apply.Held, "b": apply.Held}
			case "Nexus 3": // keeps the tags in its list
				left = regret.ErrStillPresent
			case "go-containerregistry (in process)": // serves the manifest under its tags all the same
				left = regret.ErrStillPresent
				want["a"], want["b"] = apply.Stale, apply.Stale
			}
			if ends != nil {
				if !errors.Is(err, apply.ErrStopped) || !errors.Is(err, ends) || report.Count(apply.Refused) != 1 || report.Count(apply.NotAttempted) != 3 {
					t.Errorf("error %v, report %s", err, report)
				}
				if sent := f.sent("DELETE", "PUT"); len(sent) != 1 {
					t.Errorf("it sends %q", sent)
				}
				return
			}
			if !errors.Is(err, left) || left != nil && len(report.StillPresent) != 3 {
				t.Errorf("error %v, still present: %v", err, report.StillPresent)
			}
			f.wantStatuses(report, want)
			if !f.has("kept") {
				t.Error("what stays is gone")
			}
		})
	}
}
