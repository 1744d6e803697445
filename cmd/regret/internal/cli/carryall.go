package cli

import (
	"context"
	"fmt"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// carryOutAll carries out plans one after the other. One that fails ends no others. Codes are those
// of objects for which there is no plan.
func (c *carrying) carryOutAll(ctx context.Context, tasks []*task, codes ...exit.Code) error {
	for i, t := range tasks {
		if ctx.Err() != nil {
			if i == 0 { // otherwise the plan that was stopped has said why
				c.app.printError(c.cmd, context.Cause(ctx))
			}
			fmt.Fprintf(c.app.streams.Err, "  Not begun: %s\n", count(len(tasks)-i, "plan"))
			codes = append(codes, exit.Of(context.Cause(ctx)))
			break
		}
		codes = append(codes, c.carryOut(ctx, t))
	}
	return c.end(codes)
}

// end prints and writes what is said of all plans together, and returns what they mean together.
func (c *carrying) end(codes []exit.Code) error {
	if err := c.reports.end(c); err != nil {
		c.app.printError(c.cmd, err)
		codes = append(codes, exit.Of(err))
	}
	return exit.Quietly(exit.Together(codes...))
}

// show prints what plans say, for -n.
func (c *carrying) show(tasks []*task) error {
	for _, t := range tasks {
		if err := c.app.printTree(t.plan, plan.TreeOptions{}); err != nil {
			return err
		}
	}
	return nil
}
