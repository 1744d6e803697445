package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/prune"
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

// unnamed returns how many manifests a plan deletes that only belong to what was named.
func unnamed(p *plan.Plan) int {
	n := 0
	for step := range p.Steps() {
		if step.Action == plan.Delete && !step.Selected {
			n++
		}
	}
	return n
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
	if err := r.lookAgain(ctx, t, steps); err != nil {
		return nil, errors.Join(err, folder.Discard())
	}
	report := &apply.Report{Plan: t.digest, Registry: t.header.Registry, Repository: t.header.Repository, Started: time.Now().UTC()}
	for i := range steps {
		report.Results = append(report.Results, deleteOne(ctx, t, i, &steps[i]))
	}
	report.Ended = time.Now().UTC()
	written := folder.WriteReport(context.WithoutCancel(ctx), report)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return report, errors.Join(err, written, folder.Close())
}

// deleteOne deletes one manifest.
func deleteOne(ctx context.Context, t *task, i int, step *plan.Step) apply.Result {
	result := apply.Result{Step: i, Action: plan.Delete, Digest: step.Digest, Tags: step.Tags, Status: apply.NotAttempted, Bytes: step.Size}
	if ctx.Err() != nil {
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
		if kind.Kind == "" && kind.StatusCode == http.StatusNotFound { // although the registry serves it
			result.Status, result.Kind = apply.Refused, regret.ErrNotFound
		}
	}
	result.Reason, result.Err = err.Error(), err
	return result
}

// lookAgain makes the plan once more, right before it is carried out: while somebody was asked, a tag
// may have been put on what is to go, or an index may have been pushed that needs it. Then nothing is
// deleted, since what was named may need each other.
func (r *removing) lookAgain(ctx context.Context, t *task, steps []plan.Step) error {
	known := make(map[regret.Digest][]string)
	var references []string
	for i := range steps {
		known[steps[i].Digest] = steps[i].Tags
		references = append(references, string(steps[i].Digest))
	}
	status := r.app.startStatus()
	defer status.Close()
	o := &prune.ExactOptions{WithTags: true}
	o.Concurrency = r.app.flags.concurrency
	o.Progress = showReading(status, place{t.client, regret.Reference{Registry: t.header.Registry, Repository: t.header.Repository}})
	made, err := prune.MakeExact(ctx, t.client, t.header.Repository, references, o)
	if missing, ok := errors.AsType[*prune.MissingError](err); ok && isOnly(err) { // so somebody else deleted it
		made, err = missing.Plan, nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("nothing was deleted, because a second look at the repository failed: %w", err)
	case made == nil:
		return nil
	}
	for _, step := range namedSteps(made) {
		for _, tag := range step.Tags {
			if !slices.Contains(known[step.Digest], tag) {
				return exit.With(exit.Unsafe, fmt.Errorf("nothing was deleted: the tag %s points to %s by now; look at it, then name it as well", tag, step.Digest))
			}
		}
	}
	return nil
}
