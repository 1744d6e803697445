package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/htmlpage"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// A showCommand is what the flags of show say.
type showCommand struct {
	app  *app
	cmd  *cobra.Command
	all  bool
	path string
}

// newShow returns the command show.
func newShow(a *app) *cobra.Command {
	c := &showCommand{app: a}
	c.cmd = &cobra.Command{
		Use:   "show FILE",
		Short: "Print a plan, journal, report or archive",
		Long: "Print a plan, a journal, a report, or the folder of an archive or of several plans. What it is shows from\n" +
			"its content, never from its name. It sends nothing.",
		Example: join(
			"regret show plan.json",
			"regret show plan.json -o html > plan.html        a page for a review",
			"regret show plan.json -o mermaid                 a diagram; or dot, for Graphviz",
			"regret show regret-undo/20261126-77ad03c1be52    what apply did, and what can be restored",
		),
		Args: exactly(1, "one file or folder; - is stdin"),
	}
	setFormats(c.cmd, formatTree, formatTable, formatJSON, formatJSONL, formatName, formatMMD, formatDOT, formatHTML)
	c.cmd.Flags().BoolVar(&c.all, "all", false, "show also everything that stays")
	c.cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.path = args[0]
		ctx, cancel := a.context(cmd)
		defer cancel()
		return c.run(ctx)
	}
	return c.cmd
}

// run prints what is at the path.
func (c *showCommand) run(ctx context.Context) error {
	if c.path == "-" {
		if c.app.flags.passwordStdin {
			return usagef("stdin has the password, so that it cannot have a plan: leave out \"-\"")
		}
		return c.document("stdin", c.app.streams.In)
	}
	file, err := os.Open(c.path)
	if err != nil {
		return exit.With(exit.Usage, fmt.Errorf("%s: %w", c.path, reasonOf(err)))
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return exit.With(exit.Usage, fmt.Errorf("%s: %w", c.path, reasonOf(err)))
	case info.IsDir():
		return c.folder(ctx)
	}
	return c.document(c.path, file)
}

// document prints a plan, a journal, a report, or a list of plans.
func (c *showCommand) document(name string, from io.Reader) error {
	in := bufio.NewReaderSize(from, maxHead)
	head, err := in.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return malformed(name, reasonOf(err))
	}
	switch kind, what := recognise(head); kind {
	case kindPlan:
		p, err := plan.Read(in)
		if err != nil {
			return malformed(name, err)
		}
		return c.plan(p)
	case kindPlans:
		return c.plans(name, in)
	case kindJournal:
		return c.journal(name, in)
	case kindReport:
		r, err := apply.ReadReport(in)
		if err != nil {
			return malformed(name, err)
		}
		return c.report(r)
	case "":
		return malformed(name, fmt.Errorf("it is no plan, journal, report or archive: %s", what))
	default:
		return malformed(name, fmt.Errorf("it is no plan, journal, report or archive, but a document of the kind %q", kind))
	}
}

// malformed returns an error about a file that cannot be used as it is.
func malformed(name string, err error) error {
	err = fmt.Errorf("%s: %w", name, err)
	if exit.Of(err) == exit.Failed { // nothing is better the next time
		return exit.With(exit.Usage, err)
	}
	return err
}

// folder prints an archive, or the plans in a folder.
func (c *showCommand) folder(ctx context.Context) error {
	if file, err := os.Open(filepath.Join(c.path, indexFile)); err == nil {
		defer file.Close()
		in := bufio.NewReaderSize(file, maxHead)
		head, _ := in.Peek(maxHead)
		if kind, _ := recognise(head); kind == kindPlans {
			return c.plans(filepath.Join(c.path, indexFile), in)
		}
	}
	store, err := undo.DirStore(c.path)
	if err != nil {
		return malformed(c.path, err)
	}
	archive, err := undo.Open(ctx, store)
	if errors.Is(err, undo.ErrNoArchive) {
		err = fmt.Errorf("the folder is no archive, and has no plans: it has neither plan.json nor %s", indexFile)
	}
	if err != nil {
		return malformed(c.path, err)
	}
	return c.archive(archive)
}

// plan prints a plan.
func (c *showCommand) plan(p *plan.Plan) error {
	out := c.app.streams.Out
	switch c.format() {
	case formatTree:
		return c.app.printTree(p, plan.TreeOptions{All: c.all, More: "--all shows them"})
	case formatJSON:
		_, err := p.WriteTo(out)
		return err
	case formatMMD:
		return p.Mermaid(out)
	case formatDOT:
		return p.DOT(out)
	case formatHTML:
		return htmlpage.Write(out, p)
	case formatName:
		if c.all {
			return usagef("-o name prints what would go: leave out --all")
		}
	}
	rows, err := newPrinter(c.app, c.cmd, plannedListing())
	if err != nil {
		return err
	}
	if err := addRows(rows, repositoryOf(p), p, c.all); err != nil {
		return err
	}
	return rows.end()
}

// format returns the format to print; it is empty for a template.
func (c *showCommand) format() string {
	if c.app.flags.format != "" {
		return ""
	}
	return c.app.formatOf(c.cmd)
}

// hasNo returns an error about a format that something does not have.
func (c *showCommand) hasNo(what string) error {
	return usagef("%s cannot be printed as %s: use tree, table, json, jsonl or name", what, c.format())
}

// repositoryOf returns the repository of a plan with its registry.
func repositoryOf(p *plan.Plan) string {
	h := p.Header()
	return h.Registry + "/" + h.Repository
}

// maxIndex is how many bytes of a list of plans are read: about those of a million plans.
const maxIndex = 1 << 30

// plans prints a list of plans.
func (c *showCommand) plans(name string, in io.Reader) error {
	var doc struct {
		Items []planItem `json:"items"`
	}
	raw, err := readBounded(in, maxIndex)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		return malformed(name, err)
	}
	switch c.format() {
	case formatMMD, formatDOT, formatHTML:
		return c.hasNo("a list of plans")
	case formatTree: // it has no branches
		c.app.flags.output = formatTable
	}
	rows, err := newPrinter(c.app, c.cmd, plansListing(filepath.Dir(name)))
	if err != nil {
		return err
	}
	return printAll(rows, doc.Items)
}

// printAll prints all objects and the end.
func printAll[T any](p *printer[T], items []T) error {
	for _, item := range items {
		if err := p.add(item); err != nil {
			return err
		}
	}
	return p.end()
}
