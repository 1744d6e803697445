package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A restoring is a call of the command restore.
type restoring struct {
	app    *app
	cmd    *cobra.Command
	dryRun bool
	move   bool
}

// newRestore returns the command restore.
func newRestore(a *app) *cobra.Command {
	r := &restoring{app: a}
	cmd := &cobra.Command{
		Use:     "restore ARCHIVE",
		Aliases: []string{"undo"},
		Short:   "Bring back what a plan has deleted",
		Long: `Bring back what a plan has deleted: the same manifests, the same digests, the same tags.

This is possible until the registry collects its garbage: the archive has manifests and configurations,
but no layers. A tag that points to something else by now is left alone unless --move is given.
Restoring again goes on where it stopped.`,
		Example: join(
			"regret restore regret-undo/20261126-77ad03c1be52",
			"regret restore regret-undo/20261126-77ad03c1be52 --dry-run     what would come back",
		),
		Args: exactly(1, "one undo folder, such as regret-undo/20261126-77ad03c1be52"),
	}
	r.cmd = cmd
	setFormats(cmd, formatTable, formatJSON, formatJSONL)
	f := cmd.Flags()
	f.BoolVarP(&r.dryRun, "dry-run", "n", false, "only look, and say what would come back")
	f.BoolVar(&r.move, "move", false, "move tags back that point to something else by now")
	markConsent(f, "move")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return r.run(args[0]) }
	return cmd
}

// run restores what an undo folder has.
func (r *restoring) run(path string) error {
	ctx, cancel := r.app.context(r.cmd)
	defer cancel()
	defer r.app.streams.Outlive()()
	archive, store, err := openArchive(ctx, path)
	if err != nil {
		return err
	}
	registry := archive.Plan().Header().Registry
	if err := r.app.checkLoginInFile(registry, path); err != nil {
		return err
	}
	client, err := r.app.client(registry)
	if err != nil {
		return err
	}
	if !r.dryRun {
		release, err := undofolder.Retire(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer release()
	}
	status := r.app.startStatus()
	progress := newRestoreProgress(status)
	report, err := undo.Restore(ctx, client, store, &undo.RestoreOptions{
		DryRun: r.dryRun, Move: r.move, Concurrency: r.app.flags.concurrency,
		OnResult: progress.result, Progress: progress.show,
	})
	status.Close()
	return r.app.restored(ctx, r.cmd, report, err)
}

// openArchive opens the archive in an undo folder. What is wrong with it is found before anything
// is sent.
func openArchive(ctx context.Context, path string) (*undo.Archive, undo.Store, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		if err == nil {
			err = errors.New("it is a file; name the folder that it is in")
		}
		return nil, nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", path, reasonOf(err)))
	}
	store, err := undo.DirStore(path)
	if err != nil {
		return nil, nil, exit.With(exit.Usage, err)
	}
	archive, err := undo.Open(ctx, store)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = exit.With(exit.Usage, err)
		}
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return archive, store, nil
}

// restored prints what came of restoring, and returns what that means.
func (a *app) restored(ctx context.Context, cmd *cobra.Command, report *undo.Report, err error) error {
	if report == nil {
		return err
	}
	if failed := a.printRestored(cmd, report); failed != nil {
		err = errors.Join(err, failed)
	}
	code := exit.OfRestore(report, err)
	if ctx.Err() != nil {
		back := 0
		for i := range report.Results {
			if report.Results[i].Status.IsBack() {
				back++
			}
		}
		err = fmt.Errorf("%w; %s of %s are back\n  Go on: the same command again", context.Cause(ctx),
			terminal.Number(back), terminal.Number(len(report.Results)))
	}
	if err != nil {
		a.printError(cmd, err)
	}
	return exit.Quietly(code)
}

// A restoreDocument is a report of restoring as JSON.
type restoreDocument struct {
	Regret     string              `json:"regret"`
	Plan       regret.Digest       `json:"plan,omitempty"`
	Registry   string              `json:"registry"`
	Repository string              `json:"repository"`
	DryRun     bool                `json:"dryRun,omitzero"`
	Totals     map[undo.Status]int `json:"totals"`
	Results    []restoreResult     `json:"results"`
}

// A restoreResult is how one object ended in such a document.
type restoreResult struct {
	Digest regret.Digest   `json:"digest,omitempty"`
	Tag    string          `json:"tag,omitempty"` // empty for the manifest itself
	Status undo.Status     `json:"status"`
	Reason string          `json:"reason,omitempty"`
	Lacks  []regret.Digest `json:"lacks,omitempty"`
	Found  regret.Digest   `json:"found,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// printRestored prints a report of restoring to stdout.
func (a *app) printRestored(cmd *cobra.Command, report *undo.Report) error {
	if a.formatOf(cmd) == formatTable {
		_, err := fmt.Fprintln(a.streams.Out, terminal.SafeLines(asCommands(restoredText(report))))
		return err
	}
	d := restoreDocument{
		Regret: "restore/1", Plan: report.Plan, Registry: report.Registry, Repository: report.Repository, DryRun: report.DryRun,
		Totals: make(map[undo.Status]int), Results: []restoreResult{},
	}
	for _, result := range report.Results {
		d.Totals[result.Status]++
		item := restoreResult{result.Digest, result.Tag, result.Status, result.Reason, result.Lacks, result.Found, ""}
		if result.Err != nil {
			item.Error = result.Err.Error()
		}
		d.Results = append(d.Results, item)
	}
	text, err := toJSON(d)
	if err == nil {
		_, err = fmt.Fprintln(a.streams.Out, text)
	}
	return err
}

// restoredText returns the text of a report, of which long ones are cut: JSON has all of it.
func restoredText(report *undo.Report) string {
	lines := strings.Split(strings.TrimSpace(report.String()), "\n")
	if more := len(lines) - 1 - maxNamed; more > 0 {
		lines = append(lines[:1+maxNamed], fmt.Sprintf("and %s more: -o json prints all", terminal.Number(more)))
	}
	return strings.Join(lines, "\n")
}

// A restoreProgress shows how many manifests and tags are back.
type restoreProgress struct {
	status *terminal.Status

	mu     sync.Mutex
	counts map[string]int
}

// newRestoreProgress returns the progress of restoring something.
func newRestoreProgress(status *terminal.Status) *restoreProgress {
	return &restoreProgress{status: status, counts: make(map[string]int)}
}

// result counts a result.
func (p *restoreProgress) result(r undo.Result) {
	name := "failed"
	switch {
	case r.Status == undo.AlreadyThere:
		name = "there"
	case r.Status.IsBack():
		name = "restored"
	case r.Status == undo.Elsewhere, r.Status == undo.Lost, r.Status == undo.Refused:
		name = string(r.Status)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[name]++
}

// show shows how far restoring is.
func (p *restoreProgress) show(done, total int) {
	shown := terminal.Progress{Done: done, Total: total}
	p.mu.Lock()
	for _, name := range []string{"restored", "there", "elsewhere", "lost", "refused", "failed"} {
		if n := p.counts[name]; n > 0 || name == "restored" || name == "failed" {
			shown.Counts = append(shown.Counts, terminal.Count{Name: name, N: n})
		}
	}
	p.mu.Unlock()
	p.status.Update(shown)
}
