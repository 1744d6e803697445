package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// fromPolicy plans for repositories and carries out the plans. At a terminal it makes all plans
// before it asks; with --yes it carries out one before it makes the next.
func (p *applying) fromPolicy(ctx context.Context, args []string) error {
	switch {
	case len(p.expect) > 0:
		return usagef("--expect is for plan files: with -p, the plan is made now")
	case p.planning.file == "-" && slices.Contains(args, "-"):
		return usagef("stdin can have the policy or the repositories, not both")
	}
	if err := p.load(p.app); err != nil {
		return err
	}
	places, several, err := p.app.planned(ctx, &p.scope, args, p.planning.policy)
	if err != nil {
		return err
	}
	p.several, p.isAbove = several, true
	ask := false
	if !p.dryRun {
		if ask, err = p.mustAsk(); err != nil {
			return err
		}
	}
	var codes []exit.Code
	var tasks []*task // that wait for the answer
	for place, err := range places {
		if err == nil && ctx.Err() != nil { // which was said when the last plan was carried out
			break
		}
		var t *task
		if err == nil {
			t, err = p.makeTask(ctx, place)
		}
		switch {
		case ctx.Err() != nil:
			p.app.printError(p.cmd, fmt.Errorf("%w, before there was a plan for the next repository; nothing was done to it", context.Cause(ctx)))
			return p.end(append(codes, exit.Of(context.Cause(ctx))))
		case err != nil:
			p.printUnplanned(err)
			codes = append(codes, exit.Of(err))
		case ask || p.dryRun:
			tasks = append(tasks, t)
		default:
			p.announce([]*task{t})
			codes = append(codes, p.carryOut(ctx, t))
		}
	}
	if p.dryRun {
		return errors.Join(p.show(tasks), exit.Quietly(exit.Together(codes...)))
	}
	if !ask {
		return p.end(codes)
	}
	p.announce(tasks)
	if err := p.ask(ctx, tasks); err != nil {
		return err
	}
	return p.carryOutAll(ctx, tasks, codes...)
}

// makeTask makes the plan for a repository.
func (p *applying) makeTask(ctx context.Context, at place) (*task, error) {
	made, err := p.make(ctx, p.app, at)
	if err != nil {
		return nil, err
	}
	return p.newTask(made, at.client)
}

// printUnplanned prints why there is no plan for a repository.
func (p *applying) printUnplanned(err error) {
	if refused, ok := errors.AsType[*plan.BrakeError](err); ok {
		err = fmt.Errorf("%w\n  Look at the plan: regret plan %s -p %s", err, refused.Plan.Header().Registry+"/"+refused.Repository, p.planning.file)
	}
	p.app.printError(p.cmd, err)
}
