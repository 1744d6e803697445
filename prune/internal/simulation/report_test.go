package simulation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// checkRun compares the report and the error of a run with what has happened.
func (s *simulation) checkRun(o *outcomeOfRun) {
	n := o.process.number
	if !s.allowedError(o) {
		s.problem("run %d ended with an error that nothing explains: %v", n, o.err)
	}
	if o.report == nil {
		for _, c := range s.changes[o.from:o.to] {
			if c.by == ours && c.gone && !s.quarantine {
				s.problem("P7: run %d has no report, but has deleted %s", n, s.nameOf(c.manifest))
			}
		}
		return
	}
	if len(o.report.Results) != len(s.plan.steps) || o.report.Totals().Steps != len(s.plan.steps) {
		s.problem("P7: run %d: %d results for %d steps", n, len(o.report.Results), len(s.plan.steps))
		return
	}
	var bytes int64
	for i := range o.report.Results {
		result := &o.report.Results[i]
		s.checkResult(o, i, result)
		if result.Status == apply.Deleted {
			bytes += s.plan.steps[i].Bytes
		}
	}
	if got := o.report.Totals().Bytes; got != bytes {
		s.problem("P7: run %d: %d bytes, not %d", n, got, bytes)
	}
	s.checkLost(o)
	s.checkRemnants(o)
	// Quay serves what it has deleted, so that nobody can tell what a deletion without a response did.
	if s.isQuiet() && !(s.keepsServing() && s.faults > 0) {
		s.checkState(o)
	}
}

// checkResult compares how a step ended with the changes that there were.
func (s *simulation) checkResult(o *outcomeOfRun, i int, result *apply.Result) {
	step := &s.plan.steps[i]
	wrong := func(why string) {
		s.problem("P7: run %d: step %d, %s %s, is %s (%s), but %s", o.process.number, i, step.Action, s.nameOf(step.Digest), result.Status, result.Reason, why)
	}
	absent := s.wasAbsent(step.Digest, o.to)
	switch result.Status {
	case apply.Deleted:
		if !absent && !s.keepsServing() {
			wrong("it was never gone")
		}
	case apply.AlreadyGone:
		if step.Action == plan.Delete && !absent {
			wrong("it was never gone")
		}
	case apply.Stale:
		// What a step that was held or refused leaves behind may need it, too.
		if s.isQuiet() && len(s.rules.inUse) == 0 && !s.leavesTags() && !leavesSomething(o.report) {
			wrong("nobody has changed anything")
		}
	case apply.Held:
		if !slices.ContainsFunc(step.After, func(before regret.Digest) bool {
			b, ok := s.plan.delete[before]
			return ok && !isGone(o.report.Results[b].Status)
		}) {
			wrong("all that comes before it is gone")
		}
	case apply.Refused:
		if result.Kind == "" && result.Err == nil && !o.report.Resumed {
			wrong("there is no reason")
		}
	case apply.Unknown:
		// A run that ends early does not look at what an earlier one may have done.
		if s.faults == 0 && s.latency < time.Second && !(o.process.number > 1 && o.err != nil) {
			wrong("the registry has responded to each request in time")
		}
	case apply.Quarantined, apply.Spared:
		if !s.quarantine {
			wrong("this is no quarantine")
		}
	}
	// What a step did not do must not have happened by the hand of this run, unless another step
	// has taken it along.
	untouched := []apply.Status{apply.Stale, apply.Held, apply.Spared, apply.NotAttempted, apply.Failed}
	if slices.Contains(untouched, result.Status) && step.Action == plan.Delete && s.deletedByRequest(o, step.Digest) {
		wrong("it was deleted by this run")
	}
}

func isGone(s apply.Status) bool { return s == apply.Deleted || s == apply.AlreadyGone }

// keepsServing reports whether the registry serves manifests after it has deleted them: Quay while
// they were pushed by their digest, or an index lists them; the one of go-containerregistry under
// their tags.
func (s *simulation) keepsServing() bool { return s.profile.Name == fakeregistry.Quay().Name }

// wasAbsent reports whether a manifest was not there at some time since the plan was made.
func (s *simulation) wasAbsent(dgst regret.Digest, to int) bool {
	if !s.before.manifests[dgst] {
		return true
	}
	return slices.ContainsFunc(s.changes[s.started:to], func(c change) bool { return c.manifest == dgst && c.gone })
}

// deletedByRequest reports whether a DELETE of this run with the digest of a manifest has removed it.
func (s *simulation) deletedByRequest(o *outcomeOfRun, dgst regret.Digest) bool {
	return slices.ContainsFunc(s.changes[o.from:o.to], func(c change) bool {
		return c.by == ours && c.gone && c.manifest == dgst && c.request == string(dgst)
	})
}

// checkLost compares the tags that a report calls lost with those that are.
func (s *simulation) checkLost(o *outcomeOfRun) {
	now := s.state()
	for _, lost := range o.report.Lost {
		_, here := now.tags[lost.Tag]
		if here && s.isQuiet() && !s.contextsEnd { // else putting it back may take effect after the run has ended
			s.problem("P7: run %d: the tag %s is not lost", o.process.number, lost.Tag)
		}
		// A run whose context ends has half a minute to put back what it has removed in vain.
		isCutOff := errors.Is(o.err, context.Canceled) && s.latency >= time.Second
		if s.isQuiet() && s.faults == 0 && !s.isSibling(o, lost.Tag) && !isCutOff {
			s.problem("P7: run %d has lost the tag %s, although nobody has moved it", o.process.number, lost.Tag)
		}
	}
	if errors.Is(o.err, apply.ErrLost) != (len(o.report.Lost) > 0 || oursMissing(o.report)) {
		s.problem("P7: run %d: %d tags are lost, and the error is %v", o.process.number, len(o.report.Lost), o.err)
	}
	if s.finished(o) {
		s.findUnreported(o, now)
	}
}

func oursMissing(r *apply.Report) bool {
	return r.Survival != nil && slices.ContainsFunc(r.Survival.Missing, func(d apply.Damage) bool { return d.Ours })
}

// finished reports whether a run has got to its end, so that it has looked at what is left.
func (s *simulation) finished(o *outcomeOfRun) bool {
	_, failed := errors.AsType[*regret.Error](o.err)
	_, unwritten := errors.AsType[*apply.JournalError](o.err)
	return o.err == nil || !failed && !unwritten && (errors.Is(o.err, apply.ErrLost) || errors.Is(o.err, regret.ErrStillPresent)) && !errors.Is(o.err, apply.ErrStopped) && !errors.Is(o.err, context.Canceled)
}

// findUnreported finds tags that went with a deletion of this run, although the client knew them and
// the plan does not take them, and that the report does not tell of.
func (s *simulation) findUnreported(o *outcomeOfRun, now state) {
	k := o.process.knowledge
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range s.changes[o.from:o.to] {
		_, here := now.tags[c.tag]
		_, known := k.seen[c.tag]
		if d, ok := k.deleting[regret.Digest(c.request)]; ok {
			known = d.tags[c.tag] != ""
		}
		if c.by != ours || c.tag == "" || c.digest != "" || here || !known {
			continue
		}
		if slices.ContainsFunc(o.report.Lost, func(l apply.Lost) bool { return l.Tag == c.tag }) || s.rules.takes(c.tag) || s.isTemporary(c.tag) {
			continue
		}
		s.problem("P7: run %d has taken away the tag %s, and does not say so", o.process.number, c.tag)
	}
}

// checkRemnants compares the tags that a report calls still present with those that are.
func (s *simulation) checkRemnants(o *outcomeOfRun) {
	if !s.isQuiet() {
		return
	}
	now := s.state()
	for _, left := range o.report.StillPresent {
		if dgst, here := now.tags[left.Tag]; !here || left.Served && dgst != left.Digest {
			s.problem("P7: run %d: the tag %s is not still present", o.process.number, left.Tag)
		}
	}
	if !s.finished(o) {
		return
	}
	for i, result := range o.report.Results {
		if !isGone(result.Status) || s.plan.steps[i].Action != plan.Delete {
			continue
		}
		for _, tag := range s.plan.steps[i].Tags {
			_, here := now.tags[tag]
			reported := slices.ContainsFunc(o.report.StillPresent, func(left apply.Remnant) bool { return left.Tag == tag })
			if here && !reported {
				s.problem("P7: run %d: the tag %s of %s is still there, and the report does not say so", o.process.number, tag, s.nameOf(result.Digest))
			}
		}
	}
}

// leavesSomething reports whether a run has not deleted everything that the plan deletes.
func leavesSomething(r *apply.Report) bool {
	return slices.ContainsFunc(r.Results, func(result apply.Result) bool {
		return result.Action == plan.Delete && slices.Contains([]apply.Status{apply.Held, apply.Refused, apply.Failed, apply.Unknown}, result.Status)
	})
}
