package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// namedSteps returns the steps of a plan that delete what was named, without what only belongs to
// that.
func namedSteps(p *plan.Plan) []plan.Step {
	var steps []plan.Step
	for step := range p.Steps() {
		if step.Action == plan.Delete && step.Selected {
			steps = append(steps, step)
		}
	}
	return steps
}

// deleteOnly deletes the manifests that were named and nothing else. Everything that the plan would
// delete is archived all the same: a registry may remove along with an index what it lists.
func (r *removing) deleteOnly(ctx context.Context, tasks []*task) error {
	var codes []exit.Code
	for _, t := range tasks {
		if ctx.Err() != nil {
			codes = append(codes, exit.Of(context.Cause(ctx)))
			break
		}
		report, err := r.deleteNamed(ctx, t)
		if report == nil {
			r.printProblem(ctx, t, nil, err)
			codes = append(codes, exit.OfReport(nil, err))
			continue
		}
		if failed := r.reports.add(&r.carrying, t, report); failed != nil {
			err = errors.Join(err, failed)
		}
		r.printProblem(ctx, t, report, err)
		codes = append(codes, exit.OfReport(report, err))
	}
	return r.end(codes)
}

// deleteNamed archives and deletes what was named in one repository. The report is nil if nothing
// was deleted because something came up before.
func (r *removing) deleteNamed(ctx context.Context, t *task) (*apply.Report, error) {
	steps := namedSteps(t.plan)
	if len(steps) == 0 {
		return &apply.Report{Plan: t.digest, Registry: t.header.Registry, Repository: t.header.Repository}, nil
	}
	folder, err := undofolder.Open(ctx, t.folder, t.plan)
	if err != nil {
		return nil, err
	}
	if _, err := undo.Write(ctx, t.client, t.plan, folder.Store(), &undo.WriteOptions{Concurrency: r.app.flags.concurrency}); err != nil {
		return nil, errors.Join(err, folder.Discard())
	}
	others, err := r.findOtherTags(ctx, t, steps)
	if err != nil {
		return nil, errors.Join(err, folder.Discard())
	}
	report := &apply.Report{Plan: t.digest, Registry: t.header.Registry, Repository: t.header.Repository, Started: time.Now().UTC()}
	for i := range steps {
		report.Results = append(report.Results, deleteOne(ctx, t, i, &steps[i], others[steps[i].Digest]))
	}
	report.Ended = time.Now().UTC()
	written := folder.WriteReport(context.WithoutCancel(ctx), report)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return report, errors.Join(err, written, folder.Close())
}

// deleteOne deletes one manifest, unless it has a tag that the plan does not know.
func deleteOne(ctx context.Context, t *task, i int, step *plan.Step, other string) apply.Result {
	result := apply.Result{Step: i, Action: plan.Delete, Digest: step.Digest, Tags: step.Tags, Status: apply.NotAttempted, Bytes: step.Size}
	if ctx.Err() != nil {
		return result
	}
	if other != "" {
		result.Status, result.Reason = apply.Stale, "the tag "+other+" points to it by now"
		return result
	}
	writing, stop := settling(ctx)
	defer stop()
	err := t.client.DeleteManifest(writing, t.header.Repository, step.Digest)
	kind, _ := errors.AsType[*regret.Error](err)
	switch {
	case err == nil:
		result.Status = apply.Deleted
		return result
	case errors.Is(err, regret.ErrNotFound):
		result.Status = apply.AlreadyGone
		return result
	case errors.Is(err, regret.ErrOutcomeUnknown):
		result.Status = apply.Unknown
	case kind != nil && (exit.Of(err) == exit.NotAllowed || errors.Is(err, regret.ErrStillPresent)):
		result.Status = apply.Refused
	default:
		result.Status = apply.Failed
	}
	if kind != nil {
		result.Kind = kind.Kind
	}
	result.Reason, result.Err = err.Error(), err
	return result
}

// A pointer is a tag and what it points to; the digest is empty if that is gone.
type pointer struct {
	tag    string
	digest regret.Digest
}

// findOtherTags returns a tag for each manifest that is to be deleted although it has one by now that
// the plan does not know.
func (r *removing) findOtherTags(ctx context.Context, t *task, steps []plan.Step) (map[regret.Digest]string, error) {
	known := make(map[regret.Digest][]string)
	for i := range steps {
		known[steps[i].Digest] = steps[i].Tags
	}
	others := make(map[regret.Digest]string)
	tags := t.client.Tags(ctx, t.header.Repository)
	for p, err := range inOrder(ctx, r.app.flags.concurrency, tags, func(ctx context.Context, tag string) (pointer, error) {
		d, err := t.client.Resolve(ctx, t.header.Repository, tag)
		if errors.Is(err, regret.ErrNotFound) {
			return pointer{}, nil
		}
		return pointer{tag, d.Digest}, err
	}) {
		if err != nil {
			return nil, fmt.Errorf("look at all tags once more: %w", err)
		}
		if tags, deletes := known[p.digest]; deletes && !slices.Contains(tags, p.tag) {
			others[p.digest] = p.tag
		}
	}
	return others, ctx.Err()
}
