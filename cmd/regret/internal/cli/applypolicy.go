package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// fromPolicy plans for repositories and carries out the plans.
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
	p.several = several
	return p.planAndCarryOut(ctx, &p.planning, places, p.dryRun)
}

// planAndCarryOut makes a plan for each repository and carries it out. At a terminal it makes all
// plans before it asks; with --yes it carries out one before it makes the next. A repository that
// fails ends no others.
func (c *carrying) planAndCarryOut(ctx context.Context, p *planning, places iter.Seq2[place, error], dryRun bool) error {
	c.isAbove = true
	ask := false
	if !dryRun {
		var err error
		if ask, err = c.mustAsk(); err != nil {
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
			t, err = c.makeTask(ctx, p, place)
		}
		switch {
		case ctx.Err() != nil:
			c.app.printError(c.cmd, fmt.Errorf("%w, before there was a plan for the next repository; nothing was done to it", context.Cause(ctx)))
			return c.end(append(codes, exit.Of(context.Cause(ctx))))
		case err != nil:
			c.printUnplanned(p, err)
			codes = append(codes, exit.Of(err))
		case ask || dryRun:
			tasks = append(tasks, t)
		default:
			c.announce([]*task{t}, false)
			codes = append(codes, c.carryOut(ctx, t))
		}
	}
	if dryRun {
		return errors.Join(c.show(tasks), exit.Quietly(exit.Together(append(codes, make([]exit.Code, len(tasks))...)...)))
	}
	if !ask {
		return c.end(codes)
	}
	c.announce(tasks, true)
	if err := c.ask(ctx, tasks); err != nil {
		return err
	}
	return c.carryOutAll(ctx, tasks, codes...)
}

// makeTask makes the plan for a repository.
func (c *carrying) makeTask(ctx context.Context, p *planning, at place) (*task, error) {
	made, err := p.make(ctx, c.app, at)
	if err != nil {
		return nil, err
	}
	return c.newMadeTask(made, at.client)
}

// printUnplanned prints why there is no plan for a repository.
func (c *carrying) printUnplanned(p *planning, err error) {
	if refused, ok := errors.AsType[*plan.BrakeError](err); ok && p.file != "" {
		err = fmt.Errorf("%w\n  Look at the plan: regret plan %s -p %s", err, refused.Plan.Header().Registry+"/"+refused.Repository, p.file)
	}
	c.app.printError(c.cmd, err)
}
