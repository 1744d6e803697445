package simulation

import (
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// isTemporary reports whether a tag is one that the client puts for its own purposes.
func (s *simulation) isTemporary(tag string) bool {
	t, isTrash := trash.Parse(tag)
	return strings.HasPrefix(tag, "regret-keep-") || isTrash && t.IsOf(s.plan.Digest())
}

// checkState compares what is left with what a report says, where nobody else has changed anything:
// what is gone is exactly what the report says, with its tags.
func (s *simulation) checkState(o *outcomeOfRun) {
	now := s.state()
	tags, manifests := s.expected(o)
	for dgst, why := range manifests {
		switch here := now.manifests[dgst]; {
		case why == stays && s.before.manifests[dgst] && !here && !s.wentAlong(o, dgst):
			s.problem("P7: after run %d, %s is gone, and the report does not say so", o.process.number, s.nameOf(dgst))
		case why == goes && here && !s.keepsServing():
			s.problem("P7: after run %d, %s is there, and the report says that it is gone", o.process.number, s.nameOf(dgst))
		}
	}
	for tag, why := range tags {
		at, here := now.tags[tag]
		switch {
		case why == stays && (!here || at != s.before.tags[tag]) && !s.wentAlong(o, s.before.tags[tag]) && !s.isSibling(o, tag):
			s.problem("P7: after run %d, the tag %s is not where it was, and the report does not say so", o.process.number, tag)
		case why == goes && here && at == s.before.tags[tag] && !s.leavesTags() && s.finished(o):
			s.problem("P7: after run %d, the tag %s is there, and the report says that it is gone", o.process.number, tag)
		}
	}
}

// wentAlong reports whether the registry has deleted something that the plan deletes along with
// something else that it deletes, before the step was taken or although it was not.
func (s *simulation) wentAlong(o *outcomeOfRun, dgst regret.Digest) bool {
	_, planned := s.plan.delete[dgst]
	return planned && slices.ContainsFunc(s.changes[s.started:o.to], func(c change) bool {
		_, by := s.plan.delete[regret.Digest(c.request)]
		return c.by == ours && c.gone && c.manifest == dgst && by
	})
}

// isSibling reports whether a tag is one of cosign that Quay removes with the last tag of the manifest
// that it belongs to, even if the plan leaves it because something else needs what it points to.
func (s *simulation) isSibling(o *outcomeOfRun, tag string) bool {
	if s.profile.Name != fakeregistry.Quay().Name {
		return false
	}
	for dgst, i := range s.plan.delete {
		if ownerOf(tag) == dgst.Encoded() && isGone(o.report.Results[i].Status) {
			return true
		}
	}
	return false
}

// leavesTags reports whether the registry leaves tags of what it has deleted, which the report then
// calls still present.
func (s *simulation) leavesTags() bool {
	return slices.Contains([]string{fakeregistry.Nexus().Name, fakeregistry.GoContainerRegistry().Name}, s.profile.Name)
}

// An expectation is what a report says of something.
type expectation int

const (
	stays expectation = iota
	goes
	either
)

// expected returns what a report says of all tags and manifests that were there before.
func (s *simulation) expected(o *outcomeOfRun) (tags map[string]expectation, manifests map[regret.Digest]expectation) {
	tags, manifests = make(map[string]expectation), make(map[regret.Digest]expectation)
	for tag := range s.before.tags {
		tags[tag] = stays
	}
	for dgst := range s.before.manifests {
		manifests[dgst] = stays
	}
	for i, result := range o.report.Results {
		step := &s.plan.steps[i]
		what := stays
		switch result.Status {
		case apply.Deleted, apply.AlreadyGone, apply.Untagged, apply.Quarantined:
			what = goes
		case apply.Unknown:
			what = either
		case apply.Failed, apply.Refused, apply.NotAttempted, apply.Stale:
			// Some of several tags may be off, or an earlier run may have taken the step.
			if step.Action == plan.Untag || o.process.number > 1 {
				what = either
			}
		}
		if step.Action == plan.Delete && result.Status != apply.Quarantined {
			manifests[step.Digest] = max(manifests[step.Digest], what)
		}
		for _, tag := range result.Tags {
			tags[tag] = what
		}
	}
	for _, lost := range o.report.Lost { // a registry may delete a manifest with its last tag
		tags[lost.Tag], manifests[lost.Digest] = either, max(manifests[lost.Digest], either)
	}
	return tags, manifests
}

// compareStates compares two states.
func (s *simulation) compareStates(what string, want, got state) {
	if diff := cmp.Diff(s.lines(want), s.lines(got)); diff != "" {
		s.problem("%s (-want +got):\n%s", what, diff)
	}
}
