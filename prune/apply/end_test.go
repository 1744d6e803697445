package apply_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// TestContextEndsAfterTheLastStep ends the context when all steps are done, before the run has looked
// at what came of it.
func TestContextEndsAfterTheLastStep(t *testing.T) {
	t.Parallel()
	f := newStandard(t)
	f.options.Verify = true
	ctx, cancel := context.WithCancel(t.Context())
	journal := new(memoryJournal)
	journal.fault = func(_ int, data []byte) (int, error) {
		if strings.Count(string(journal.data)+string(data), `"status":"deleted"`) == len(f.steps()) {
			cancel()
		}
		return 0, nil
	}
	f.options.Journal = journal
	report, err := apply.Apply(ctx, f.client, f.plan, f.store, &f.options)
	if !errors.Is(err, context.Canceled) || report.Problem == "" {
		t.Errorf("error %v, problem %q", err, report.Problem)
	}
	f.wantStatuses(report, standard(nil))
	if strings.Contains(journal.String(), `{"end"`) {
		t.Error("the journal says that the run was finished")
	}
	f.options.Journal = journal.reopen()
	if report := f.apply(); report.Survival == nil {
		t.Error("the next run proves nothing")
	}
}

// TestLostIsReportedWhenTheNextRunIsRefused loses a tag that a keep rule names with the last request
// of a process, and with it the image that it pointed to. The next run deletes nothing more, but says
// what is lost.
func TestLostIsReportedWhenTheNextRunIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	kept := f.image("kept", "latest")
	f.image("image", "pr-1")
	f.image("other", "pr-2")
	f.makePlan(removal)
	first := f.firstStep()
	journal := f.dieAt("DELETE", string(f.digest(first)), func() { f.reg.SetTag(repository, "latest", f.digest(first)) })
	f.remove("kept") // as zot does with a manifest that has lost its last tag
	f.options.Journal = journal
	report, err := f.run()
	if !errors.Is(err, apply.ErrKeepLost) || !errors.Is(err, apply.ErrLost) {
		t.Fatalf("error %v", err)
	}
	if want := []apply.Lost{{Tag: "latest", Digest: kept}}; !slices.Equal(report.Lost, want) {
		t.Errorf("lost %v", report.Lost)
	}
	// The first run announced both, and has deleted one.
	f.wantStatuses(report, map[string]apply.Status{"image": apply.Unknown, "other": apply.Unknown})
}

// TestUncertainStepsOfAnEarlierRun ends a run that goes on before it gets to a step of which the one
// before did not know what had come of it. A step that was not announced was certainly not taken.
func TestUncertainStepsOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.image("kept", "latest")
	f.index("index", []string{"child"}, "pr-1")
	f.image("other", "pr-2")
	f.makePlan(removal)
	f.options.Journal = f.dieAt("DELETE", string(f.digest("index")), func() {})
	ctx, cancel := context.WithCancel(t.Context())
	f.before(1, "HEAD", "latest", cancel)
	report, err := apply.Apply(ctx, f.client, f.plan, f.store, &f.options)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	f.wantStatuses(report, map[string]apply.Status{"index": apply.Unknown, "other": apply.Unknown, "child": apply.NotAttempted})
	for _, name := range []string{"index", "other"} {
		if got := f.resultOf(report, name).Reason; !strings.Contains(got, "an earlier run may have taken it") {
			t.Errorf("reason %q", got)
		}
	}
}

// dieAt lets a process apply the plan until the first such request was served, and die then. It
// returns the journal that is left.
func (f *fixture) dieAt(method, reference string, before func()) apply.Journal {
	f.t.Helper()
	m := &mortal{inner: f.reg, late: true, left: 1 << 30}
	f.before(1, method, reference, func() {
		before()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.left = 0
	})
	journal := new(syncedJournal)
	alive := f.client
	defer func() { f.client = alive }()
	f.client, f.options.Journal = f.newClient(host, m), sameJournal{journal, m.isDead}
	if _, err := f.run(); !errors.Is(err, errDied) {
		f.t.Fatal(err)
	}
	return journal.crash("synced")
}
