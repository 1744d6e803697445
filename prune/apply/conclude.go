package apply

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// conclude looks what is left, and ends the journal.
func (r *run) conclude(ctx context.Context) error {
	listed, err := r.list(ctx)
	if err != nil {
		return err
	}
	here := make(map[string]bool, len(listed))
	for _, tag := range listed {
		here[tag] = true
	}
	if err := r.findStillPresent(ctx, here); err != nil {
		return err
	}
	r.findLost(here)
	if r.Verify {
		if err := r.survey(ctx); err != nil {
			return err
		}
	}
	end := &ending{Started: r.report.Started, Ended: r.report.Ended, Lost: r.report.Lost, StillPresent: r.report.StillPresent, Survival: r.report.Survival}
	r.journal.add(entry{End: end})
	if err := r.journal.sync(); err != nil {
		return err
	}
	if len(r.report.Lost) > 0 {
		return lostError(r.report.Lost)
	}
	return nil
}

// findStillPresent finds tags that should be gone and still lead to what was deleted.
func (r *run) findStillPresent(ctx context.Context, here map[string]bool) error {
	for i, result := range r.report.Results {
		var tags []string
		switch result.Status {
		case Deleted:
			tags = r.steps[i].Tags
		case Untagged:
			tags = r.steps[i].Untag
		case Quarantined:
			tags = r.steps[i].OrdinaryTags()
		}
		for _, tag := range tags {
			if !here[tag] {
				continue
			}
			d, err := r.Resolve(ctx, r.header.Repository, tag)
			switch {
			case errors.Is(err, regret.ErrNotFound):
			case err != nil:
				return err
			case d.Digest == result.Digest:
				r.report.StillPresent = append(r.report.StillPresent, tag)
			}
		}
	}
	slices.Sort(r.report.StillPresent)
	return nil
}

// findLost finds tags that the plan did not mean to remove and that are gone: most likely
// somebody moved one onto a manifest between the last look at it and its deletion.
func (r *run) findLost(here map[string]bool) {
	meant := make(map[string]bool)
	deleted := make(map[regret.Digest]bool)
	for i, step := range r.steps {
		if step.Action == plan.Delete && r.report.Results[i].Status.isGone() {
			deleted[step.Digest] = true
			for _, tag := range step.Tags {
				meant[tag] = true
			}
		}
		for _, tag := range step.Untag {
			meant[tag] = true
		}
	}
	for tag, dgst := range r.guard.Tags() {
		if !here[tag] && (!meant[tag] || !deleted[dgst]) && !r.wasUntagged(tag, dgst) {
			r.report.Lost = append(r.report.Lost, Lost{tag, dgst, deleted[dgst]})
		}
	}
	slices.SortFunc(r.report.Lost, func(a, b Lost) int { return strings.Compare(a.Tag, b.Tag) })
}

// wasUntagged reports whether a step took this tag off this manifest.
func (r *run) wasUntagged(tag string, dgst regret.Digest) bool {
	return slices.ContainsFunc(r.steps, func(step plan.Step) bool {
		return step.Action == plan.Untag && step.Digest == dgst && slices.Contains(step.Untag, tag)
	})
}
