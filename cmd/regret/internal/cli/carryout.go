package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A carrying says how plans are carried out: the flags of every command that carries out some, and
// what they mean.
type carrying struct {
	app *app
	cmd *cobra.Command

	archive     string
	quarantine  bool
	byOverwrite bool
	verify      bool
	report      string
	yes         bool

	idle     string // is said of a plan that has nothing to do
	several  bool   // there may be several plans
	showTags bool   // before something is deleted
	isAbove  bool   // --archive is the folder above those of the plans
	reports  reports
}

// define adds the flags to a command.
func (c *carrying) define(a *app, cmd *cobra.Command) {
	c.app, c.cmd = a, cmd
	f := cmd.Flags()
	f.StringVar(&c.archive, "archive", "", "`folder` to restore from (default "+undofolder.Default+"/<date>-<12 digits of the plan>); of several plans, the one above theirs")
	f.BoolVar(&c.verify, "verify", false, "prove at the end that everything that stays is served to the last blob")
	f.StringVar(&c.report, "report", "", "also write the report to this `file`")
	f.BoolVar(&c.yes, "yes", false, "do not ask")
	markConsent(f, "yes")
}

// defineQuarantine adds the flags of quarantine to a command.
func (c *carrying) defineQuarantine(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.quarantine, "quarantine", false, "put images in the trash of the registry instead of deleting them")
	f.BoolVar(&c.byOverwrite, "by-overwrite", false, "with --quarantine: overwrite tags where the registry does not delete them")
	markConsent(f, "by-overwrite")
}

// check checks the flags, before anything is sent.
func (c *carrying) check() error {
	if c.byOverwrite && !c.quarantine {
		return usagef("--by-overwrite needs --quarantine; a plan says itself which tags it overwrites")
	}
	if info, err := os.Stat(c.archive); err == nil && !info.IsDir() {
		return usagef("--archive %s is a file: name a folder", c.archive)
	}
	if c.report != "" {
		return checkOutputFile("--report", c.report)
	}
	return nil
}

// A task is one plan that is to be carried out.
type task struct {
	plan   *plan.Plan
	digest regret.Digest
	header plan.Header
	totals plan.Totals
	client *regret.Client
	inUse  []*policy.InUse
	maxAge time.Duration

	only   bool   // only what was named is deleted; see rm --manifest-only
	folder string // its path; empty if there is nothing to do
	done   bool   // a run got to its end before, and there is nothing to repeat
	again  bool   // a run got to its end before, and what it deleted is there again
}

// newTask returns the task for a plan. It sends nothing.
func (c *carrying) newTask(p *plan.Plan, client *regret.Client) (*task, error) {
	t := &task{plan: p, digest: p.Digest(), header: p.Header(), totals: p.Totals(), client: client}
	if !hasSteps(p) {
		return t, nil
	}
	if err := c.findFolder(t); err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("--archive: %w", err))
	}
	if r := undofolder.Finished(t.folder, p); r != nil {
		t.done = r.Count(apply.Failed) == 0 // which is to be tried again, whatever else came up
	}
	return t, nil
}

// newMadeTask returns the task for a plan that was made now. If there is the same again that was
// deleted in the same second, the plan is that of then, but it is carried out all the same.
func (c *carrying) newMadeTask(p *plan.Plan, client *regret.Client) (*task, error) {
	t, err := c.newTask(p, client)
	if err == nil && t.folder != "" {
		t.done, t.again = false, undofolder.Finished(t.folder, p) != nil
	}
	return t, err
}

// findFolder finds the undo folder of a task.
func (c *carrying) findFolder(t *task) (err error) {
	parent := c.archive
	switch {
	case parent == "":
		parent = undofolder.Default
	case !c.isAbove:
		t.folder = c.archive
		return nil
	}
	t.folder, err = undofolder.Find(parent, t.digest, time.Now())
	return err
}

// steps yields what is to be done.
func (t *task) steps() iter.Seq[plan.Step] {
	if t.only {
		return slices.Values(namedSteps(t.plan))
	}
	return t.plan.Steps()
}

// name returns the repository with its registry.
func (t *task) name() string { return t.header.Registry + "/" + t.header.Repository }

// carryOut carries out a plan, prints what came of it, and returns what that means.
func (c *carrying) carryOut(ctx context.Context, t *task) exit.Code {
	report, err := c.apply(ctx, t)
	if t.done && report != nil {
		c.app.note("%s: this plan was carried out before, until %s, and this is the report of then. To delete what is there again, make a new plan.",
			terminal.Safe(t.name()), report.Ended.Format(time.RFC3339))
	}
	if report == nil {
		c.printProblem(ctx, t, nil, err)
		return exit.OfReport(nil, err)
	}
	if t.folder == "" && c.idle != "" {
		c.app.note("%s: %s", terminal.Safe(t.name()), c.idle)
	}
	if err := c.reports.add(c, t, report); err != nil {
		c.app.printError(c.cmd, err)
		return exit.Together(exit.OfReport(report, err), exit.Of(err))
	}
	c.printProblem(ctx, t, report, err)
	return exit.OfReport(report, err)
}

// apply carries out a plan with its undo folder.
func (c *carrying) apply(ctx context.Context, t *task) (*apply.Report, error) {
	if t.folder == "" {
		return c.applyWith(ctx, t, nil)
	}
	if t.again {
		release, err := undofolder.Retire(t.folder)
		if err := errors.Join(err, release()); err != nil {
			return nil, err
		}
	}
	folder, err := undofolder.Open(ctx, t.folder, t.plan)
	if err != nil {
		if _, ok := errors.AsType[*apply.JournalError](err); !ok && exit.Of(err) == exit.Usage {
			err = fmt.Errorf("%w; choose another folder with --archive", err)
		}
		return nil, err
	}
	report, err := c.applyWith(ctx, t, folder)
	if report == nil {
		return nil, errors.Join(err, folder.Discard())
	}
	written := folder.WriteReport(context.WithoutCancel(ctx), report)
	return report, errors.Join(err, written, folder.Close())
}

// applyWith carries out a plan. The folder is nil if there is nothing to do but to verify.
func (c *carrying) applyWith(ctx context.Context, t *task, folder *undofolder.Folder) (*apply.Report, error) {
	status := c.app.startStatus()
	defer status.Close()
	g, progress := c.app.flags, newStepsProgress(status, t, c.several)
	o := apply.Options{
		MaxAge: t.maxAge, InUse: t.inUse, Concurrency: g.concurrency, Writes: g.writeRate, Verify: c.verify, RetryFailed: true,
		OnResult: progress.result, Progress: progress.show,
	}
	if folder == nil {
		return apply.Apply(ctx, t.client, t.plan, nil, &o)
	}
	o.Journal = folder.Journal()
	if c.quarantine {
		return apply.Quarantine(ctx, t.client, t.plan, folder.Store(), &apply.QuarantineOptions{Options: o, Overwrite: c.byOverwrite})
	}
	return apply.Apply(ctx, t.client, t.plan, folder.Store(), &o)
}

// printProblem prints why a run did not end as it should, where that leaves it, and how to go on.
func (c *carrying) printProblem(ctx context.Context, t *task, r *apply.Report, err error) {
	if err == nil {
		return
	}
	if errors.Is(err, apply.ErrOtherPlan) && t.folder != "" {
		err = fmt.Errorf("%w, in %s; choose another folder with --archive", err, t.folder)
	}
	stopped := ctx.Err() != nil
	if stopped {
		err = context.Cause(ctx)
	}
	text := err.Error()
	if c.several {
		text = t.name() + ": " + text
	}
	if stopped {
		text += "; " + whereItStands(r)
	}
	c.app.printError(c.cmd, exit.With(exit.Of(err), errors.New(text)))
	if stopped {
		fmt.Fprintf(c.app.streams.Err, "  Go on:     the same command again\n")
		if r != nil {
			fmt.Fprintf(c.app.streams.Err, "  Take back: %s\n", c.undoCommand(t))
		}
	}
}

// whereItStands says how far a run got that was stopped.
func whereItStands(r *apply.Report) string {
	if r == nil {
		return "nothing was deleted"
	}
	left := r.Count(apply.NotAttempted)
	return fmt.Sprintf("%s of %s steps were taken", terminal.Number(len(r.Results)-left), terminal.Number(len(r.Results)))
}

// undoCommand returns the command that takes back what was done.
func (c *carrying) undoCommand(t *task) string {
	if c.quarantine {
		return "regret trash restore " + t.name()
	}
	return "regret restore " + terminal.Safe(t.folder)
}
