package simulation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// An outcomeOfRun is what came of one process.
type outcomeOfRun struct {
	process *process
	report  *apply.Report // nil if there is none, or the process was killed
	err     error
	killed  bool
	from    int // the number of changes before and after
	to      int
}

// maxRuns is how often a plan is carried out at most, until a run gets to its end. Nothing goes
// wrong in the last.
const maxRuns = 4

// run carries out the plan, in several processes if the first ones do not get to the end.
func (s *simulation) run() {
	for n := 1; n <= maxRuns; n++ {
		o := s.runOnce(n)
		s.runs = append(s.runs, o)
		if o.killed {
			continue
		}
		s.checkRun(o)
		if o.report != nil && s.isOver(o) {
			s.again(n + 1)
			return
		}
	}
}

// isOver reports whether another run would not do more.
func (s *simulation) isOver(o *outcomeOfRun) bool {
	t := o.report.Totals().ByStatus
	open := t[apply.NotAttempted] + t[apply.Failed] + t[apply.Unknown]
	return open == 0 || s.journal && s.finished(o) || errors.Is(o.err, apply.ErrStopped) && s.faults == 0 && !s.fullDisks
}

// runOnce runs one process.
func (s *simulation) runOnce(n int) *outcomeOfRun {
	rng := s.dice("run", n)
	last := n == maxRuns
	p := s.newProcess(n)
	p.pushes = s.pushes
	c := s.newClient(p, s.plan)
	if s.sameClient && n == 1 && s.planner != nil {
		s.handover.to = p
		c = s.watch(p, s.planner, s.plan)
	}
	k := &killer{process: p, rng: rng}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if !last {
		p.faults = s.faults
		if s.kills && rng.IntN(4) > 0 {
			k.after = 1 + rng.IntN(3*len(s.plan.steps)+8)
		} else if s.fullDisks && rng.IntN(2) == 0 {
			k.after, k.full = 1+rng.IntN(3*len(s.plan.steps)+8), true
		}
	}
	var ended time.Time // when the context ended
	if s.contextsEnd && !last && rng.IntN(2) == 0 {
		after := time.Duration(rng.Int64N(int64(s.latency) * int64(4*len(s.plan.steps)+10)))
		defer time.AfterFunc(after, func() { ended = time.Now(); cancel(context.Canceled) }).Stop()
	}
	go func() { // what waits for the context ends with the process
		select {
		case <-p.dead:
			cancel(errKilled)
		case <-ctx.Done():
		}
	}()
	o := &outcomeOfRun{process: p, from: len(s.changes)}
	s.counts.runs++
	s.say("run %d begins", n)
	o.report, o.err = s.carryOut(ctx, p, c, k)
	o.killed, o.to = p.isDead(), len(s.changes)
	s.say("run %d ends: %v", n, o.err)
	for _, problem := range p.knowledge.problems {
		s.problem("run %d: %s", n, problem)
	}
	if limit := settleTime(s); !ended.IsZero() && time.Since(ended) > limit {
		s.problem("run %d ended %v after its context, more than %v", n, time.Since(ended), limit)
	}
	if o.killed {
		o.report = nil
	}
	return o
}

// settleTime is how long a run may take once its context has ended.
func settleTime(s *simulation) time.Duration {
	limit := 30*time.Second + time.Millisecond
	if s.rules.overwrites() {
		limit += 15 * time.Second // overwriting a tag that fails is rolled back
	}
	return limit
}

// A handover is the transport of a client that is used by one process after the other.
type handover struct{ to *process }

func (h *handover) RoundTrip(req *http.Request) (*http.Response, error) { return h.to.RoundTrip(req) }

// carryOut applies the plan or puts it in quarantine.
func (s *simulation) carryOut(ctx context.Context, p *process, c *client, k *killer) (*apply.Report, error) {
	archive := store{k, s.disk}
	o := s.applyOptions(p, k)
	if s.quarantine {
		return apply.Quarantine(ctx, c, s.plan.Plan, archive, &apply.QuarantineOptions{Options: o, Overwrite: s.overwrite})
	}
	return apply.Apply(ctx, c, s.plan.Plan, archive, &o)
}

// again carries out the plan once more after a run that got to its end. With the journal, nothing is
// sent, and the report is the same.
func (s *simulation) again(n int) {
	last := s.runs[len(s.runs)-1]
	t := last.report.Totals().ByStatus
	if !s.journal || !s.finished(last) || t[apply.NotAttempted] > 0 || errors.Is(last.err, apply.ErrKeepLost) {
		return // or the run did not get to its end
	}
	p := s.newProcess(n)
	requests := s.counts.requests
	report, err := s.carryOut(context.Background(), p, s.newClient(p, s.plan), &killer{process: p})
	if s.counts.requests != requests || report == nil || fmt.Sprint(err) != fmt.Sprint(last.err) {
		s.problem("P8: after the end, another run sends %d requests and ends with %v, not %v", s.counts.requests-requests, err, last.err)
		return
	}
	if got, want := statuses(report), statuses(last.report); !slices.Equal(got, want) {
		s.problem("P8: after the end, another run reports %q, not %q", got, want)
	}
}

// statuses returns how the steps of a report ended.
func statuses(r *apply.Report) []string {
	var all []string
	for _, result := range r.Results {
		all = append(all, string(result.Status))
	}
	return all
}

// allowedError reports whether a run may end with an error.
func (s *simulation) allowedError(o *outcomeOfRun) bool {
	_, inUse := errors.AsType[*policy.InUseError](o.err)
	_, journal := errors.AsType[*apply.JournalError](o.err)
	switch err := o.err; {
	case err == nil:
		return true
	case inUse:
		return false
	case journal, errors.Is(err, errDiskFull):
		return s.fullDisks
	case errors.Is(err, context.Canceled):
		return s.contextsEnd
	case errors.Is(err, apply.ErrInUseExpired), errors.Is(err, apply.ErrStopped), errors.Is(err, apply.ErrNoQuarantine):
		return true
	case errors.Is(err, regret.ErrStillPresent):
		return true // whether it is true is checked with the report
	case errors.Is(err, apply.ErrKeepLost):
		return !s.isQuiet()
	case errors.Is(err, apply.ErrLost):
		return !s.isQuiet() || s.faults > 0 || s.keepsServing() // whose tags of cosign go along
	}
	_, failed := errors.AsType[*regret.Error](o.err)
	return failed && (s.faults > 0 || s.profile.Name == "Docker Hub")
}
