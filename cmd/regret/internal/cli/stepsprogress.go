package cli

import (
	"sync"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// A stepsProgress shows how far a plan is carried out, and how its steps ended.
type stepsProgress struct {
	status *terminal.Status
	name   string // of the repository; empty if it is the only one

	mu     sync.Mutex
	counts map[apply.Status]int
}

// newStepsProgress returns the progress of a task. It names the repository if there are several.
func newStepsProgress(status *terminal.Status, t *task, several bool) *stepsProgress {
	p := &stepsProgress{status: status, counts: make(map[apply.Status]int)}
	if several {
		p.name = t.name()
	}
	return p
}

// result counts a result.
func (p *stepsProgress) result(r apply.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[r.Status]++
}

// runPhaseInWords says what a run does in each phase, other than that of the steps.
var runPhaseInWords = map[apply.Phase]string{
	apply.PhaseArchive:  "archive",
	apply.PhaseTags:     "tags",
	apply.PhaseSurvival: "verify",
}

// show shows how far a run is.
func (p *stepsProgress) show(at apply.Progress) {
	shown := terminal.Progress{Label: p.name, Done: at.Done, Total: at.Total}
	if words := runPhaseInWords[at.Phase]; words != "" {
		if p.name != "" {
			words = p.name + ": " + words
		}
		shown.Label = words
	}
	if at.Phase == apply.PhaseSteps {
		shown.Counts = p.shownCounts()
	}
	p.status.Update(shown)
}

// shownCounts returns how many steps ended how. Rare endings are shown once there is one.
func (p *stepsProgress) shownCounts() []terminal.Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	var shown []terminal.Count
	for _, c := range []struct {
		name     string
		statuses []apply.Status
		always   bool
	}{
		{"deleted", []apply.Status{apply.Deleted}, p.counts[apply.Quarantined] == 0},
		{"quarantined", []apply.Status{apply.Quarantined}, false},
		{"untagged", []apply.Status{apply.Untagged}, false},
		{"spared", []apply.Status{apply.Spared}, false},
		{"gone", []apply.Status{apply.AlreadyGone}, true},
		{"stale", []apply.Status{apply.Stale}, true},
		{"held", []apply.Status{apply.Held}, false},
		{"refused", []apply.Status{apply.Refused}, false},
		{"failed", []apply.Status{apply.Failed, apply.Unknown}, true},
	} {
		n := 0
		for _, s := range c.statuses {
			n += p.counts[s]
		}
		if n > 0 || c.always {
			shown = append(shown, terminal.Count{Name: c.name, N: n})
		}
	}
	return shown
}
