package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/internal/trash"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// restore takes back what the runs have done. Where nobody else has changed anything, the repository
// is then as it was before.
func (s *simulation) restore() {
	s.rules.restoring = true
	s.counts.restores++
	if s.kills || s.contextsEnd {
		s.restoreAndDie()
	}
	before := s.state()
	report, err := s.restoreOnce(s.newProcess(20))
	switch {
	case errors.Is(err, undo.ErrNoArchive), errors.Is(err, undo.ErrUnfinished):
		s.say("there is nothing to restore: %v", err)
	case err != nil:
		if _, failed := errors.AsType[*regret.Error](err); !failed || s.profile.Name != fakeregistry.DockerHub().Name { // which counts what is read
			s.problem("P9: restoring: %v", err)
		}
		return
	}
	s.checkUnmoved(before)
	if !s.canComeBack() {
		return
	}
	if report != nil && !s.isBack(report) {
		s.problem("P9: not everything is back: %s", report)
	}
	s.compareStates("P9: after restoring", s.tidy(s.before), s.tidy(s.state()))
	if s.restoreTwice && report != nil {
		s.restoreAgain()
	}
}

// isBack reports whether everything is back that the plan has taken. The trash may hold things of other
// plans, whose names are not known, and tags of this plan that the registry does not remove.
func (s *simulation) isBack(r *undo.Report) bool {
	return !slices.ContainsFunc(r.Results, func(result undo.Result) bool {
		_, isTrash := trash.Parse(result.Tag)
		return !result.Status.IsBack() && (!s.quarantine || s.rules.takes(result.Tag) && !isTrash)
	})
}

// restoreAndDie begins to restore, and is killed at some time.
func (s *simulation) restoreAndDie() {
	p := s.newProcess(19)
	p.faults = s.faults
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	after := time.Duration(s.dice("restore").Int64N(int64(20 * s.latency)))
	defer time.AfterFunc(after, func() { p.kill("some time"); cancel() }).Stop()
	_, err := s.restoreWith(ctx, p)
	s.say("restoring ends: %v", err)
}

func (s *simulation) restoreOnce(p *process) (*undo.Report, error) {
	return s.restoreWith(context.Background(), p)
}

func (s *simulation) restoreWith(ctx context.Context, p *process) (*undo.Report, error) {
	c := s.newClient(p, s.plan)
	o := &undo.RestoreOptions{Concurrency: s.concurrency, Overwrite: s.overwrite}
	if s.quarantine {
		return undo.RestoreTrash(ctx, c, s.repository, o)
	}
	return undo.Restore(ctx, c, store{&killer{process: p}, s.disk}, o)
}

// restoreAgain restores a second time, which writes nothing.
func (s *simulation) restoreAgain() {
	writes := s.counts.writes
	report, err := s.restoreOnce(s.newProcess(21))
	if err != nil || !s.isBack(report) {
		s.problem("P9: restoring again: %v, %v", err, report)
	}
	if n := s.counts.writes - writes; n > 0 && !s.quarantine {
		s.problem("P9: restoring again sends %d writes", n)
	}
}

// canComeBack reports whether the state before the run can be brought back: nobody else has changed
// anything, and the registry has kept the layers, and lets manifests without tags be.
func (s *simulation) canComeBack() bool {
	if !s.isQuiet() {
		return false
	}
	if s.quarantine {
		for _, o := range s.runs {
			if o.report != nil && (o.report.Count(apply.Deleted) > 0 || o.report.Count(apply.Untagged) > 0) {
				return false // emptying the trash, and taking tags off what stays, is not undone
			}
		}
		return s.faults == 0 || !s.rules.overwrites()
	}
	for _, step := range s.plan.steps {
		for _, listed := range s.contents[step.Digest].lists {
			if !s.before.manifests[listed] {
				return false // many registries refuse an index of which a part is missing
			}
		}
	}
	return s.profile.Name != fakeregistry.Gitea().Name && !s.lacksSiblings()
}

// lacksSiblings reports whether Quay has removed tags of cosign that are in no plan.
func (s *simulation) lacksSiblings() bool {
	return s.profile.Name == fakeregistry.Quay().Name && slices.ContainsFunc(s.changes[s.started:], func(c change) bool {
		return c.by == ours && isCompanion(c.tag) && c.digest == "" && !s.rules.takes(c.tag)
	})
}

// tidy returns a state without what temporary tags and placeholders an interrupted run has left.
func (s *simulation) tidy(now state) state {
	tidy := state{tags: make(map[string]regret.Digest), manifests: make(map[regret.Digest]bool)}
	for tag, dgst := range now.tags {
		if !strings.HasPrefix(tag, "regret-keep-") && !(s.quarantine && s.isTemporary(tag)) {
			tidy.tags[tag] = dgst
		}
	}
	for dgst := range now.manifests {
		if !s.isOfClient(dgst) {
			tidy.manifests[dgst] = true
		}
	}
	return tidy
}

// checkUnmoved checks that no tag that was there was moved by restoring, except lists of referrers,
// and what an interrupted overwriting has left.
func (s *simulation) checkUnmoved(before state) {
	now := s.state()
	for _, tag := range sortedTags(before.tags) {
		dgst := before.tags[tag]
		isList := isCompanion(tag) && !strings.Contains(tag, ".")
		if at := now.tags[tag]; at != dgst && before.manifests[dgst] && !isList && !s.isTemporary(tag) && !s.isOfClient(dgst) {
			s.problem("P9: restoring has moved the tag %s from %s to %s", tag, s.nameOf(dgst), s.nameOf(at))
		}
	}
	for tag, dgst := range before.tags {
		if isCompanion(tag) && now.tags[tag] != dgst {
			delete(before.manifests, dgst) // a list that was joined: zot removes it with its last tag
		}
	}
	for dgst := range before.manifests {
		if !now.manifests[dgst] && !s.isOfClient(dgst) {
			s.problem("P9: restoring has removed %s", s.nameOf(dgst))
		}
	}
}

// isCompanion reports whether a tag belongs to a digest.
func isCompanion(tag string) bool {
	return ownerOf(tag) != "" || ownerOf(strings.Replace(tag, "sha512-", "sha256-", 1)) != ""
}
