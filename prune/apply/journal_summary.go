package apply

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A JournalSummary is what a journal says of the runs that have written it.
type JournalSummary struct {
	Plan       regret.Digest
	Quarantine bool            // images were put in the trash, not deleted
	Runs       int             // how many have begun
	Begun      time.Time       // when the first of them has
	Results    []JournalResult // the last one of each step that has ended, by step
	// Open are the steps, sorted, that were about to be taken when a run ended: of each, the
	// registry knows whether it was. A run announces up to 256 steps ahead.
	Open []int
	// Finished says that the last run got to its end, so that Apply returns the report of that
	// run for this journal, and sends nothing.
	Finished bool
	Torn     bool // the last line was cut off, and is ignored

	history history
}

// A JournalResult says how a step ended.
type JournalResult struct {
	Step   int // its number in the plan, from 0
	Status Status
	Reason string      // why it ended so; empty if as planned
	Kind   regret.Kind // of a refusal or failure
}

// ReadJournal reads a journal to look at it. A journal that is being written may be read, too.
//
// It streams: it needs memory for a line, at most 16 MiB, and what the journal says of tags and
// steps.
//
// Errors: [*JournalError], [ErrOtherPlan] if it is the journal of two.
func ReadJournal(r io.Reader) (*JournalSummary, error) {
	j := newJournalReader("", -1)
	number, err := j.read(bufio.NewReaderSize(r, 64<<10))
	switch {
	case errors.Is(err, ErrOtherPlan):
		return nil, err
	case err == nil && !j.begun:
		number, err = 1, errors.New("it has no first line, which names the plan: no run has begun with it")
	}
	if err != nil {
		return nil, &JournalError{number, err}
	}
	s := &JournalSummary{
		Plan: j.plan, Quarantine: j.quarantine, Runs: j.runs, Begun: j.first, Open: slices.Sorted(maps.Keys(j.intents)),
		Finished: j.end != nil, Torn: j.unended || j.torn != nil, history: j.history,
	}
	for _, step := range slices.Sorted(maps.Keys(j.results)) {
		o := j.results[step]
		s.Results = append(s.Results, JournalResult(o))
	}
	return s, nil
}

// Report returns the report of the runs, for the plan that they carried out. If the last of them
// did not get to its end, the report is about what is known so far: steps that are open are
// Unknown, those that were not announced yet are NotAttempted, and Problem says how to go on.
//
// Errors: [ErrOtherPlan].
func (s *JournalSummary) Report(p *plan.Plan) (*Report, error) {
	j := newJob(nil, p, nil)
	if j.digest != s.Plan {
		return nil, fmt.Errorf("%w: that of %s, not of %s", ErrOtherPlan, s.Plan, j.digest)
	}
	for _, steps := range [][]int{slices.Collect(maps.Keys(s.history.results)), s.Open} {
		if len(steps) > 0 && slices.Max(steps) >= len(j.steps) {
			return nil, fmt.Errorf("%w: it has a step %d, which the plan has not", ErrOtherPlan, slices.Max(steps))
		}
	}
	l := ledger{report: newReport(j)}
	if s.Quarantine {
		for i := range j.steps {
			if isImage(&j.steps[i]) {
				l.report.Results[i].Tags = j.steps[i].OrdinaryTags()
			}
		}
	}
	if s.Finished {
		l.report.end(l.replay(&s.history))
		return l.report, nil
	}
	r := l.report
	r.Started, r.Resumed = s.Begun, s.Runs > 1
	r.Problem = "the run did not get to its end: carry out the plan again with the same journal to go on"
	for i, o := range s.history.results {
		r.Results[i].takeOver(o)
	}
	for _, i := range s.Open {
		r.Results[i].takeOver(outcome{Status: Unknown, Reason: "it was about to be taken when the run ended"})
	}
	return r, nil
}
