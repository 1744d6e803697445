package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// isNamesIndex reports whether tags of the trash are those of an index that keeps the names of images.
func isNamesIndex(tags []string) bool {
	for _, tag := range tags {
		if strings.Contains(tag, "-names-") {
			return true
		}
	}
	return false
}

// emptyPolicy is the policy of trash empty: what was in the trash for so long goes, however much it
// is.
func emptyPolicy(olderThan string) string {
	return fmt.Sprintf(`{"version":1,"remove":[{"name":"trash","trash":true,"older-than":%q}],"limits":{"max-percent":100,"max-images":2147483647,"min-left":0}}`, olderThan)
}

// An emptying is a call of the command trash empty.
type emptying struct {
	carrying
	olderThan string
	dryRun    bool
}

// newTrashEmpty returns the command trash empty.
func newTrashEmpty(a *app) *cobra.Command {
	e := &emptying{}
	cmd := &cobra.Command{
		Use:   "empty REPO...",
		Short: "Delete the images in the trash for good",
		Long: `Delete the images in the trash for good, with all that only they need.

The age of an image in the trash counts from the end of the day, in UTC, on which it was put there:
what was put there today stays. What is deleted is archived first.`,
		Example: join(
			"regret trash empty localhost:5000/app                       all that was put there before today",
			"regret trash empty localhost:5000/app --older-than 14d",
		),
		Args:              atLeast(1, "a repository, such as localhost:5000/app"),
		ValidArgsFunction: a.completeRepository,
	}
	setFormats(cmd, formatTable, formatJSON, formatJSONL)
	e.define(a, cmd)
	f := cmd.Flags()
	f.StringVar(&e.olderThan, "older-than", "1h", "only what has been there for longer, such as 36h, 14d or 2mo")
	f.BoolVarP(&e.dryRun, "dry-run", "n", false, "show what would go and end")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return e.run(args) }
	return cmd
}

// run empties the trash of each repository.
func (e *emptying) run(args []string) error {
	ctx, cancel := e.app.context(e.cmd)
	defer cancel()
	defer e.app.streams.Outlive()()
	if err := e.check(); err != nil {
		return err
	}
	if _, err := policy.ParseSpan(e.olderThan); err != nil {
		return usagef("--older-than %s: %w", e.olderThan, err)
	}
	rules, err := policy.Parse([]byte(emptyPolicy(e.olderThan)))
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	places, several, err := e.app.planned(ctx, &scope{}, args, rules)
	if err != nil {
		return err
	}
	e.several, e.showTags = several, true
	e.idle = "nothing has been in the trash for that long; the age counts from the end of the day in UTC"
	p := &planning{policy: rules, options: prune.ReadOptions{Concurrency: e.app.flags.concurrency, At: time.Now()}}
	return e.planAndCarryOut(ctx, p, places, e.dryRun)
}
