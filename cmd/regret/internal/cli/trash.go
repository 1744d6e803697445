package cli

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// newTrash returns the command trash.
func newTrash(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trash",
		Short: "List, empty or restore what --quarantine has put in the trash",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: join(
			"regret trash ls localhost:5000/app",
			"regret trash restore localhost:5000/app                  give the images their tags back",
			"regret trash empty localhost:5000/app --older-than 14d   delete them for good",
		),
	}
	cmd.AddCommand(newTrashLs(a), newTrashEmpty(a), newTrashRestore(a))
	return cmd
}

// newTrashLs returns the command trash ls.
func newTrashLs(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "ls REPO...",
		Short:             "List the images in the trash",
		Example:           join("regret trash ls localhost:5000/app"),
		Args:              atLeast(1, "a repository, such as localhost:5000/app"),
		ValidArgsFunction: a.completeRepository,
	}
	setFormats(cmd, formatTable, formatJSON, formatJSONL, formatName)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.listTrash(cmd, args) }
	return cmd
}

// A trashed is what trash ls prints of an image.
type trashed struct {
	Reference string        `json:"reference"` // by its tag of the trash
	Digest    regret.Digest `json:"digest,omitempty"`
	Since     string        `json:"since"` // the day
	Tags      []string      `json:"tags"`  // that it had
	Plan      string        `json:"plan"`  // the first digits of the plan that put it there
	Problem   string        `json:"problem,omitempty"`
}

// listTrash lists what is in the trash of each repository. One that fails ends no others.
func (a *app) listTrash(cmd *cobra.Command, args []string) error {
	ctx, cancel := a.context(cmd)
	defer cancel()
	p, err := newPrinter(a, cmd, listing[trashed]{
		kind:   "trash/1",
		header: []string{"REFERENCE", "SINCE", "TAGS", "DIGEST", "PROBLEM"},
		row: func(t trashed) []string {
			return []string{t.Reference, t.Since, strings.Join(t.Tags, " "), t.Digest.String(), t.Problem}
		},
		name: func(t trashed) string { return t.Reference },
	})
	if err != nil {
		return err
	}
	failures := &failures{app: a, cmd: cmd}
	for place, err := range a.places(ctx, &scope{}, args) {
		var trash *undo.Trash
		if err == nil {
			trash, err = undo.ReadTrash(ctx, place.client, place.ref.Repository, &undo.TrashOptions{Concurrency: a.flags.concurrency})
		}
		if failures.add(err) {
			continue
		}
		for _, e := range trash.Images {
			item := trashed{place.ref.String() + ":" + e.Tag, e.Digest, e.Day.Format(time.DateOnly), append([]string{}, e.Names...), e.Plan, e.Problem}
			if err := p.add(item); err != nil {
				return err
			}
		}
		for _, e := range trash.Names {
			if e.Problem != "" {
				a.note("%s:%s: %s", place.name(), terminal.Safe(e.Tag), terminal.Safe(e.Problem))
			}
		}
	}
	return errors.Join(p.end(), failures.result())
}

// newTrashRestore returns the command trash restore.
func newTrashRestore(a *app) *cobra.Command {
	o := undo.RestoreOptions{}
	cmd := &cobra.Command{
		Use:   "restore REPO",
		Short: "Give the images in the trash their tags back",
		Example: join(
			"regret trash restore localhost:5000/app",
			"regret trash restore localhost:5000/app --dry-run      what would come back",
		),
		Args:              exactly(1, "one repository, such as localhost:5000/app"),
		ValidArgsFunction: a.completeRepository,
	}
	setFormats(cmd, formatTable, formatJSON, formatJSONL)
	f := cmd.Flags()
	f.BoolVarP(&o.DryRun, "dry-run", "n", false, "only look, and say what would come back")
	f.BoolVar(&o.Move, "move", false, "move tags back that point to something else by now")
	f.BoolVar(&o.Overwrite, "by-overwrite", false, "overwrite tags of the trash where the registry does not delete them")
	markConsent(f, "move", "by-overwrite")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.restoreTrash(cmd, args[0], o) }
	return cmd
}

// restoreTrash takes the images of a repository out of the trash.
func (a *app) restoreTrash(cmd *cobra.Command, arg string, o undo.RestoreOptions) error {
	ref, err := parseRepository(arg)
	if err != nil {
		return err
	}
	client, err := a.client(ref.Registry)
	if err != nil {
		return err
	}
	ctx, cancel := a.context(cmd)
	defer cancel()
	defer a.streams.Outlive()()
	status := a.startStatus()
	progress := newRestoreProgress(status)
	o.Concurrency, o.OnResult, o.Progress = a.flags.concurrency, progress.result, progress.show
	report, err := undo.RestoreTrash(ctx, client, ref.Repository, &o)
	status.Close()
	if report != nil && len(report.Results) == 0 && err == nil {
		a.note("The trash of %s is empty.", ref)
	}
	return a.restored(ctx, cmd, report, err)
}
