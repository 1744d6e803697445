package apply

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-8cb7cc86/regret"
)

// A ledger keeps how steps ended, for the report and in the journal, and why no further step
// is to be taken.
type ledger struct {
	report   *Report
	journal  recorder
	onResult func(Result)
	progress *tracker
	failures int  // in a row
	dirty    bool // a step was taken

	state   sync.Mutex // guards what steps may change at the same time
	stopped error
	lost    []Lost
}

// record records how a step ended. It is called from one goroutine at a time.
func (l *ledger) record(result Result) {
	l.report.Results[result.Step] = result
	switch result.Status {
	case NotAttempted:
		return
	case Held: // it was not tried, so that it says nothing about the registry
	case Failed, Unknown:
		if l.failures++; l.failures == maxFailures {
			l.stop(fmt.Errorf("%d steps in a row failed, the last with: %w", l.failures, result.Err))
		}
	default:
		l.failures = 0
	}
	l.journal.add(entry{Result: &outcome{result.Step, result.Status, result.Reason, result.Kind}})
	if l.onResult != nil {
		l.onResult(result)
	}
	l.progress.addStep()
}

// beginSteps begins the phase in which steps are taken, or goes on with it.
func (l *ledger) beginSteps() {
	done := 0
	for i := range l.report.Results {
		if l.report.Results[i].Status != NotAttempted {
			done++
		}
	}
	l.progress.set(func(p *Progress) { p.Phase, p.Done, p.Total = PhaseSteps, done, len(l.report.Results) })
}

// stop lets no further step begin, because of what the registry says.
func (l *ledger) stop(err error) { l.fail(fmt.Errorf("%w: %w", ErrStopped, err)) }

// fail lets no further step begin. The first reason counts.
func (l *ledger) fail(err error) {
	l.state.Lock()
	defer l.state.Unlock()
	if l.stopped == nil {
		l.stopped = err
	}
}

// ended returns why no further step is to be taken.
func (l *ledger) ended(ctx context.Context) error {
	l.state.Lock()
	defer l.state.Unlock()
	if l.stopped != nil {
		return l.stopped
	}
	return context.Cause(ctx)
}

// lose records tags that a step has removed and that are not there any more, but should be.
func (l *ledger) lose(dgst regret.Digest, tags []string) {
	l.state.Lock()
	defer l.state.Unlock()
	for _, tag := range tags {
		l.lost = append(l.lost, Lost{tag, dgst, true})
	}
}

// resume takes over the results of earlier runs that need no other try.
func (l *ledger) resume(h *history) {
	l.report.Resumed = h.begun
	for i, earlier := range h.results {
		if earlier.Status.isDone() {
			l.report.Results[i].takeOver(earlier)
		}
	}
}

// noteUncertain marks the steps that an earlier run may have taken, and that this one did not get to.
func (l *ledger) noteUncertain(h *history) {
	for i := range l.report.Results {
		if result := &l.report.Results[i]; result.Status == NotAttempted && h.mayHaveTaken(i) {
			result.Status, result.Reason = Unknown, "an earlier run may have taken it, and this one ended before it looked"
		}
	}
}

// replay makes the report of a run that the journal has whole.
func (l *ledger) replay(h *history) error {
	r := l.report
	r.Resumed = true
	for i, earlier := range h.results {
		r.Results[i].takeOver(earlier)
	}
	r.Started, r.Ended = h.end.Started, h.end.Ended
	r.Lost, r.StillPresent, r.Survival = h.lost, h.remnants, h.end.Survival
	if r.Survival != nil {
		r.Survival.Missing = h.damages
	}
	return r.problem()
}

// takeOver makes a result of one that is in a journal.
func (r *Result) takeOver(o outcome) { r.Status, r.Reason, r.Kind = o.Status, o.Reason, o.Kind }
