package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/undofolder"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// plansListing says how a list of plans in a folder is printed.
func plansListing(folder string) listing[planItem] {
	return listing[planItem]{
		kind:   plansForm,
		header: []string{"REPOSITORY", "KEEP", "REMOVE", "TAGS", "FREES", "FILE", "PROBLEM"},
		row: func(i planItem) []string {
			row := []string{i.Repository, "", "", "", "", i.File, i.Error}
			if len(i.Refused) > 0 {
				row[6] = strings.Join(i.Refused, "; ")
			}
			if t := i.Totals; t != nil {
				row[1], row[2], row[3], row[4] = strconv.Itoa(t.Kept), strconv.Itoa(t.Removed), strconv.Itoa(t.Tags), strconv.FormatInt(t.Bytes, 10)
			}
			return row
		},
		name: func(i planItem) string { return filepath.Join(folder, i.File) },
	}
}

// A shownResult is how a step of a plan ended, as show prints it.
type shownResult struct {
	apply.Result
	Repository string `json:"repository"` // with its registry
}

// resultsListing says how the results of a report are printed.
func resultsListing() listing[shownResult] {
	return listing[shownResult]{
		kind:   "results/1",
		header: []string{"STATUS", "ACTION", "TAGS", "DIGEST", "REASON", "REPOSITORY"},
		row: func(r shownResult) []string {
			return []string{string(r.Status), string(r.Action), strings.Join(r.Tags, ","), r.Digest.String(), r.Reason, r.Repository}
		},
		name: func(r shownResult) string { return r.Repository + "@" + r.Digest.String() },
	}
}

// report prints a report.
func (c *showCommand) report(r *apply.Report) error {
	switch c.format() {
	case formatTree:
		_, err := fmt.Fprint(c.app.streams.Out, terminal.SafeLines(r.String()))
		return err
	case formatJSON:
		_, err := r.WriteTo(c.app.streams.Out)
		return err
	case formatMMD, formatDOT, formatHTML:
		return c.hasNo("a report")
	}
	rows, err := newPrinter(c.app, c.cmd, resultsListing())
	if err != nil {
		return err
	}
	for _, result := range r.Results {
		if err := rows.add(shownResult{result, r.Registry + "/" + r.Repository}); err != nil {
			return err
		}
	}
	return rows.end()
}

// An archived is a manifest in an archive.
type archived struct {
	Digest    regret.Digest `json:"digest"`
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	Tags      []string      `json:"tags,omitempty"` // that the plan takes away
	reference string
}

// An archiveDocument is an archive as JSON.
type archiveDocument struct {
	Regret     string          `json:"regret"`
	Repository string          `json:"repository"` // with its registry
	Plan       regret.Digest   `json:"plan"`
	Missing    []regret.Digest `json:"missing,omitempty"` // what was gone before it could be archived
	Manifests  []archived      `json:"manifests"`
}

// archiveForm is the kind and version of an archive as JSON.
const archiveForm = "archive/1"

// archive prints what can be restored.
func (c *showCommand) archive(a *undo.Archive) error {
	p := a.Plan()
	doc := archiveDocument{Regret: archiveForm, Repository: repositoryOf(p), Plan: p.Digest(), Missing: a.Missing(), Manifests: []archived{}}
	for e := range a.Entries() {
		d := e.Descriptor
		doc.Manifests = append(doc.Manifests, archived{d.Digest, d.MediaType, d.Size, e.Tags, doc.Repository + "@" + d.Digest.String()})
	}
	out := c.app.streams.Out
	switch c.format() {
	case formatTree:
		return c.archiveTree(&doc, p)
	case formatJSON:
		return json.NewEncoder(out).Encode(doc)
	case formatMMD, formatDOT, formatHTML:
		return c.plan(p)
	}
	rows, err := newPrinter(c.app, c.cmd, listing[archived]{
		kind:   archiveForm,
		header: []string{"TAGS", "DIGEST", "TYPE", "SIZE"},
		row: func(m archived) []string {
			return []string{strings.Join(m.Tags, ","), m.Digest.String(), m.MediaType, strconv.FormatInt(m.Size, 10)}
		},
		name: func(m archived) string { return m.reference },
	})
	if err != nil {
		return err
	}
	return printAll(rows, doc.Manifests)
}

// archiveTree prints an archive for people: what is in it, how to restore it, and its plan.
func (c *showCommand) archiveTree(doc *archiveDocument, p *plan.Plan) error {
	tags := 0
	for _, m := range doc.Manifests {
		tags += len(m.Tags)
	}
	out := c.app.streams.Out
	fmt.Fprintf(out, "Archive of the plan %s: %s, %s.\n", doc.Plan, counted(len(doc.Manifests), "manifest"), counted(tags, "tag"))
	if n := len(doc.Missing); n > 0 {
		fmt.Fprintf(out, "%s of the plan had gone before, and cannot be restored.\n", counted(n, "manifest"))
	}
	fmt.Fprintf(out, "Undo: regret restore %s\n", shown(c.path))
	if text := c.progressText(p); text != "" {
		fmt.Fprintf(out, "\n%s", text)
	}
	fmt.Fprintln(out)
	return c.plan(p)
}

// progressText returns how far the plan of an archive was carried out, as the report or the journal
// beside it say; empty if there is none.
func (c *showCommand) progressText(p *plan.Plan) string {
	if report := undofolder.Finished(c.path, p); report != nil {
		return terminal.SafeLines(report.String())
	}
	journal, err := os.Open(filepath.Join(c.path, "journal.jsonl"))
	if err != nil {
		return ""
	}
	defer journal.Close()
	if info, err := journal.Stat(); err == nil && info.Size() == 0 { // no run has begun since something was restored
		return ""
	}
	s, err := apply.ReadJournal(journal)
	if err != nil {
		return fmt.Sprintf("journal.jsonl: %s\n", terminal.Safe(err.Error()))
	}
	doc := newJournalDocument(s)
	return doc.text()
}
