package apply

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/seed-8cb7cc86/regret"
)

// conclude finds out what came of the run, and ends the journal if the run has got to its end.
func (r *run) conclude(ctx context.Context, finished bool) error {
	var err error
	r.report.Lost = r.lost
	switch isStockDue := r.dirty || finished && (len(r.steps) > 0 || r.Verify); {
	case isStockDue && ctx.Err() == nil:
		err = r.takeStock(ctx, finished)
	case isStockDue && finished: // the context has ended after the last step
		err = context.Cause(ctx)
	}
	slices.SortFunc(r.report.Lost, compareLost)
	if finished && err == nil {
		r.report.Ended = now()
		r.journal.addEnd(r.report)
		err = r.journal.sync()
	}
	return errors.Join(err, r.report.problem())
}

func compareLost(a, b Lost) int { return cmp.Compare(a.Tag, b.Tag) }

// takeStock finds out which tags are left that should be gone, and which are gone that should
// be left; and, if it was asked for, whether all that stays is served.
func (r *run) takeStock(ctx context.Context, finished bool) error {
	listed, err := r.list(ctx)
	if err != nil {
		return err
	}
	here := make(map[string]bool, len(listed))
	for _, tag := range listed {
		here[tag] = true
	}
	if err := r.findRemnants(ctx, here); err != nil {
		return err
	}
	r.noteLost(func(tag string) bool { return here[tag] })
	r.report.Lost = slices.DeleteFunc(r.lost, func(l Lost) bool { return here[l.Tag] })
	if !finished || !r.Verify {
		return nil
	}
	r.report.Survival, err = r.survey(ctx, here)
	return err
}

// noteLost records tags that are not there any more although the plan does not take them: they
// were moved onto a manifest between the last look at it and its deletion, or somebody else
// has removed them. What was gone before the first step is none of the run's business.
func (r *run) noteLost(isHere func(tag string) bool) {
	if !r.dirty && !r.history.isDirty() {
		return
	}
	known := maps.Clone(r.missed)
	maps.Insert(known, r.guard.Tags())
	for _, lost := range r.lost {
		delete(known, lost.Tag)
	}
	for tag, dgst := range known {
		if !isHere(tag) && !r.takes(tag, dgst) {
			r.lost = append(r.lost, Lost{tag, dgst, r.isGone(dgst)})
		}
	}
}

// exceptLost leaves out tags that are lost. The journal does not call them gone, so that another run
// finds them lost, too, if this one does not get to say so.
func (r *run) exceptLost(gone []string) []string {
	return slices.DeleteFunc(gone, func(tag string) bool {
		return slices.ContainsFunc(r.lost, func(l Lost) bool { return l.Tag == tag })
	})
}

// isGone reports whether a step deleted a manifest.
func (r *run) isGone(dgst regret.Digest) bool {
	i, known := r.byDigest[dgst]
	return known && r.report.Results[i].Status.isGone()
}

// findRemnants finds tags that should be gone and that the registry still lists.
func (r *run) findRemnants(ctx context.Context, here map[string]bool) error {
	var candidates []Remnant
	for i := range r.report.Results {
		for _, tag := range r.tagsGoneBy(i) {
			if here[tag] {
				candidates = append(candidates, Remnant{Tag: tag, Digest: r.steps[i].Digest})
			}
		}
	}
	var mu sync.Mutex
	var served, dangling []Remnant
	err := each(ctx, r.Concurrency, len(candidates), func(ctx context.Context, i int) error {
		at, err := r.where(ctx, candidates[i].Tag)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			return err
		case at == candidates[i].Digest:
			candidates[i].Served = true
			served = append(served, candidates[i])
		case at == "":
			dangling = append(dangling, candidates[i])
		}
		return nil
	})
	if err == nil && len(dangling) > 0 {
		dangling, err = r.stillListed(ctx, dangling)
	}
	r.report.StillPresent = slices.Concat(served, dangling)
	slices.SortFunc(r.report.StillPresent, func(a, b Remnant) int { return cmp.Compare(a.Tag, b.Tag) })
	return err
}

// tagsGoneBy returns the tags that are gone if a step has ended as its result says.
func (r *run) tagsGoneBy(i int) []string {
	switch r.report.Results[i].Status {
	case Deleted, AlreadyGone, Untagged, Quarantined:
		return r.report.Results[i].Tags
	}
	return nil
}

// stillListed returns the remnants that a second list still has: a tag that was not found may
// have been removed after the first.
func (r *run) stillListed(ctx context.Context, remnants []Remnant) ([]Remnant, error) {
	listed, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	here := make(map[string]bool, len(listed))
	for _, tag := range listed {
		here[tag] = true
	}
	return slices.DeleteFunc(remnants, func(left Remnant) bool { return !here[left.Tag] }), nil
}
