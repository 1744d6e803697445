package cli

import (
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// A stepsProgress shows how many steps of a plan are taken, and how they ended.
type stepsProgress struct {
	status *terminal.Status
	shown  terminal.Progress
	counts map[apply.Status]int
}

// newStepsProgress returns what is called with each result. It names the repository if there are
// several plans.
func newStepsProgress(status *terminal.Status, t *task, several bool) func(apply.Result) {
	p := &stepsProgress{status: status, counts: make(map[apply.Status]int)}
	for range t.plan.Steps() {
		p.shown.Total++
	}
	if several {
		p.shown.Label = t.name()
	}
	return p.add
}

// add counts a result and shows the counts. Rare ones are shown once there is one.
func (p *stepsProgress) add(r apply.Result) {
	p.counts[r.Status]++
	p.shown.Done++
	p.shown.Counts = nil
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
			p.shown.Counts = append(p.shown.Counts, terminal.Count{Name: c.name, N: n})
		}
	}
	p.status.Update(p.shown)
}
