package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// A planCommand is what the flags of plan say.
type planCommand struct {
	app *app
	cmd *cobra.Command
	planning
	scope
	out         string
	exitCode    bool
	all         bool
	printPolicy bool
}

// newPlan returns the command plan.
func newPlan(a *app) *cobra.Command {
	c := &planCommand{app: a}
	c.cmd = &cobra.Command{
		Use:   "plan REPO... -p FILE | plan -R REGISTRY -p FILE",
		Short: "Show what a policy would delete, and why; changes nothing",
		Long: "Show what a policy would delete, and why everything else stays. It changes nothing at the registry.\n\n" +
			"With --out, the plan is written to a file, which apply carries out later. For several repositories, and\n" +
			"with -R, --out names a folder: a file for each plan, named by its digest, and index.json, written last.\n" +
			"A plan that a limit of the policy refuses is shown, but not written.",
		Example: join(
			"regret plan registry.example.com/team/app -p policy.yaml                     what would go, and why",
			"regret plan registry.example.com/team/app -p policy.yaml --out plan.json     to apply it later",
			"regret plan -R registry.example.com --match 'team/*' -p policy.yaml --out plans",
			"regret plan --print-policy -p policy.yaml                                    what the policy means",
		),
	}
	c.cmd.ValidArgsFunction = a.completeRepository
	setFormats(c.cmd, formatTree, formatTable, formatJSON, formatJSONL, formatName)
	f := c.cmd.Flags()
	c.planning.define(c.cmd)
	f.StringVar(&c.out, "out", "", "write the plan to a `file`; for several repositories, the plans to a folder")
	f.BoolVar(&c.all, "all", false, "show also everything that stays")
	f.BoolVar(&c.exitCode, "exit-code", false, "exit with 8 if there is something to do")
	c.planning.defineAt(c.cmd)
	f.BoolVar(&c.printPolicy, "print-policy", false, "print the policy in words and in its canonical form, and end")
	c.scope.define(c.cmd)
	c.cmd.RunE = func(_ *cobra.Command, args []string) error { return c.run(args) }
	return c.cmd
}

// run checks everything that can be wrong without a request, and makes the plans.
func (c *planCommand) run(args []string) error {
	switch {
	case c.printPolicy && len(args) > 0:
		return usagef("--print-policy is about the policy alone: leave out %s", args[0])
	case c.printPolicy:
		return c.describePolicy()
	case len(args) == 0:
		return usagef("%s needs a repository, such as localhost:5000/app, or -R and a registry", c.cmd.CommandPath())
	case c.file == "-" && slices.Contains(args, "-"):
		return usagef("stdin can have the policy or the repositories, not both")
	case c.all && c.app.formatOf(c.cmd) == formatName:
		return usagef("-o name prints what would go: leave out --all")
	}
	if err := c.load(c.app); err != nil {
		return err
	}
	ctx, cancel := c.app.context(c.cmd)
	defer cancel()
	places, several, err := c.app.planned(ctx, &c.scope, args, c.policy)
	if err != nil {
		return err
	}
	show, err := newPlanPrinter(c, several)
	if err != nil {
		return err
	}
	out, err := newPlanFiles(c.out, several)
	if err != nil {
		return err
	}
	if c.out != "" { // the files are whole, even if nothing reads stdout any more
		defer c.app.streams.Outlive()()
	}
	if c.at != "" {
		c.app.note("Decided for %s, as --at says.", c.options.At.UTC().Format(time.RFC3339))
	}
	return c.makeAll(ctx, places, show, out)
}

// makeAll makes a plan for each repository, shows and writes it. One that fails ends no others.
func (c *planCommand) makeAll(ctx context.Context, places iter.Seq2[place, error], show *planPrinter, out *planFiles) error {
	failures := &failures{app: c.app, cmd: c.cmd}
	pending := false
	for place, err := range places {
		if err != nil { // of the list of repositories
			if ctx.Err() != nil {
				return errors.Join(show.stop(), ended(ctx))
			}
			out.listed = errors.Is(err, regret.ErrInvalidEntries) // all that are names were listed
			failures.add(err)
			if !out.listed && c.out != "" {
				c.app.note("%s is not written, because the list of repositories is not complete.", filepath.Join(c.out, indexFile))
			}
			continue
		}
		made, err := c.make(ctx, c.app, place)
		item := planItem{Repository: place.name()}
		refused, isRefused := errors.AsType[*plan.BrakeError](err)
		switch {
		case isRefused:
			made, item.Refused = refused.Plan, inWords(refused.Brakes)
		case ctx.Err() != nil:
			return errors.Join(show.stop(), ended(ctx))
		case err == nil:
			pending = pending || hasSteps(made)
			if err := out.write(&item, made); err != nil { // a disk that is full is so for the next one, too
				return errors.Join(show.stop(), err)
			}
		default:
			item.Error = err.Error()
		}
		out.add(item)
		if err := show.add(item, made); err != nil {
			return err
		}
		failures.add(err)
	}
	if !out.listed { // what was printed must not be taken for the whole
		return errors.Join(show.stop(), failures.result())
	}
	if err := errors.Join(out.end(), show.end(out)); err != nil {
		return err
	}
	if err := failures.result(); err != nil || !pending || !c.exitCode {
		return err
	}
	return exit.Quietly(exit.Pending)
}

// hasSteps reports whether there is something to do.
func hasSteps(p *plan.Plan) bool {
	for range p.Steps() {
		return true
	}
	return false
}

// inWords returns the limits that refuse a plan, with what to write into the policy.
func inWords(brakes []plan.Brake) []string {
	texts := make([]string, len(brakes))
	for i, b := range brakes {
		texts[i] = b.String()
	}
	return texts
}

// note prints a remark to stderr, unless -q is given.
func (a *app) note(format string, args ...any) {
	if !a.flags.quiet {
		fmt.Fprintf(a.streams.Err, format+"\n", args...)
	}
}
