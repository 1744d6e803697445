package apply_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// watchProgress records the progress of a run, and checks what is true of each.
func watchProgress(f *fixture) *[]apply.Progress {
	var all []apply.Progress
	var calls atomic.Int32
	f.options.Progress = func(p apply.Progress) {
		if calls.Add(1) > 1 {
			f.t.Error("it is called twice at a time")
		}
		defer calls.Add(-1)
		if p.Repository != repository || p.Total > 0 && p.Done > p.Total {
			f.t.Errorf("progress %+v", p)
		}
		all = append(all, p)
	}
	return &all
}

// lastOf returns the last progress of each phase, in the order in which they end.
func lastOf(all []apply.Progress) (last []apply.Progress) {
	for i, p := range all {
		p.Repository = ""
		if i == len(all)-1 || all[i+1].Phase != p.Phase {
			last = append(last, p)
		}
	}
	return last
}

func TestProgressTellsWhatIsDone(t *testing.T) {
	t.Parallel()
	f := mixed(t)
	all := watchProgress(f)
	f.options.Verify, f.options.Concurrency = true, 4
	f.apply()
	want := []apply.Progress{
		{Phase: apply.PhaseArchive, Done: 11, Total: 11}, // 6 manifests, and the configurations of 5 images
		{Phase: apply.PhaseTags, Done: 7, Total: 7},
		{Phase: apply.PhaseSteps, Done: 6, Total: 6},
		{Phase: apply.PhaseTags},
		{Phase: apply.PhaseSurvival, Done: 3, Total: 3}, // an image with its configuration and layer
	}
	if diff := cmp.Diff(want, lastOf(*all)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgressOfARunThatGoesOn(t *testing.T) {
	t.Parallel()
	f := mixed(t)
	journal := new(memoryJournal)
	f.options.Journal = journal
	f.on(1, "DELETE", string(f.digest("image")), unavailable)
	if report, err := f.run(); err != nil || report.Count(apply.Failed) != 1 {
		t.Fatal(report, err)
	}
	cut := slices.Index([]byte(journal.String()), '\n') // before the end of that run
	f.options.Journal = &memoryJournal{data: []byte(journal.String()[:cut+1] + `{"result":{"step":1,"status":"deleted"}}` + "\n")}
	all := watchProgress(f)
	f.apply()
	first := slices.IndexFunc(*all, func(p apply.Progress) bool { return p.Phase == apply.PhaseSteps })
	if p := (*all)[first]; p.Done != 1 || p.Total != 6 {
		t.Errorf("it begins with %+v", p)
	}
	if p := lastOf(*all)[2]; p.Phase != apply.PhaseSteps || p.Done != 6 {
		t.Errorf("it ends with %+v", p)
	}
}

func TestProgressOfAQuarantine(t *testing.T) {
	t.Parallel()
	f := mixed(t)
	all := watchProgress(f)
	if _, err := apply.Quarantine(t.Context(), f.client, f.plan, f.store, &apply.QuarantineOptions{Options: f.options}); err != nil {
		t.Fatal(err)
	}
	for _, p := range lastOf(*all) {
		if p.Phase == apply.PhaseSteps && p.Done != p.Total {
			t.Errorf("it ends with %+v", p)
		}
	}
}
