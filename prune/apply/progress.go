package apply

import (
	"context"
	"sync"
)

// Progress says how far carrying out a plan has come.
type Progress struct {
	Repository string
	Phase      Phase
	Done       int // in this phase
	Total      int // in this phase; 0 while it is unknown
}

// A Phase is what a run does.
type Phase string

// The phases. Looking at all tags comes before the steps, again between them if they take long,
// and at the end, when the tags are only listed.
const (
	PhaseArchive  Phase = "archive"  // manifests and configurations are archived
	PhaseTags     Phase = "tags"     // all tags are listed and looked at
	PhaseSteps    Phase = "steps"    // steps are taken; Done counts all results, those of earlier runs too
	PhaseSurvival Phase = "survival" // all that stays is looked at; Total grows as more is found
)

// A tracker tells the caller of progress.
type tracker struct {
	call func(Progress) // nil if the caller does not want to know

	mu       sync.Mutex
	progress Progress
}

// begin begins a phase of so many; 0 is not known.
func (t *tracker) begin(phase Phase, total int) {
	t.set(func(p *Progress) { p.Phase, p.Done, p.Total = phase, 0, total })
}

// set changes the progress and tells the caller.
func (t *tracker) set(change func(*Progress)) {
	if t.call == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.progress)
	t.call(t.progress)
}

// add counts more that is done in the phase.
func (t *tracker) add(n int) { t.set(func(p *Progress) { p.Done += n }) }

// addStep counts a result. Some come before steps are taken, and count when that begins.
func (t *tracker) addStep() {
	t.set(func(p *Progress) {
		if p.Phase == PhaseSteps {
			p.Done++
		}
	})
}

// archived is the progress of an archive.
func (t *tracker) archived(done, total int) {
	t.set(func(p *Progress) { p.Phase, p.Done, p.Total = PhaseArchive, done, total })
}

// grow adds to the total of a phase, and begins it if need be.
func (t *tracker) grow(phase Phase, n int) {
	t.set(func(p *Progress) {
		if p.Phase != phase {
			*p = Progress{Repository: p.Repository, Phase: phase}
		}
		p.Total += n
	})
}

// counted returns do, counting each call that succeeds.
func (t *tracker) counted(do func(context.Context, int) error) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		err := do(ctx, i)
		if err == nil {
			t.add(1)
		}
		return err
	}
}
