package cli

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// The verdicts on a manifest.
const (
	verdictRemove = "remove"
	verdictUntag  = "untag"
	verdictKeep   = "keep"
)

// A plannedManifest is what a table and lines of JSON have of a manifest in a plan.
type plannedManifest struct {
	Repository string        `json:"repository"` // with its registry
	Verdict    string        `json:"verdict"`
	Digest     regret.Digest `json:"digest"`
	Tags       []string      `json:"tags,omitempty"` // of "untag": those that come off
	Role       plan.Role     `json:"role"`
	Platform   string        `json:"platform,omitempty"`
	Created    time.Time     `json:"created,omitzero"`
	Rules      []string      `json:"rules,omitempty"` // that want it gone
	Reason     string        `json:"reason,omitempty"`
	Bytes      int64         `json:"bytes,omitzero"`
}

// newPlannedManifest returns what a step and what stays have in common.
func newPlannedManifest(repository, verdict string, m *plan.Manifest) plannedManifest {
	return plannedManifest{
		Repository: repository, Verdict: verdict, Digest: m.Digest, Tags: m.Tags, Role: m.Role,
		Platform: m.Platform, Created: m.Created,
	}
}

// ofStep returns what a step does.
func ofStep(repository string, s *plan.Step) plannedManifest {
	m := newPlannedManifest(repository, verdictRemove, &s.Manifest)
	m.Rules, m.Reason, m.Bytes = s.Rules, s.Reason, s.Bytes
	if s.Action == plan.Untag {
		m.Verdict, m.Tags = verdictUntag, s.Untag
	}
	return m
}

// ofKept returns why something stays.
func ofKept(repository string, k *plan.Kept) plannedManifest {
	m := newPlannedManifest(repository, verdictKeep, &k.Manifest)
	m.Rules, m.Reason = k.WantedBy, reasonsInWords(k.Reasons)
	return m
}

// reasonsInWords returns why something stays, in one text.
func reasonsInWords(reasons []plan.Reason) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = r.Text
		if r.Rule != "" {
			texts[i] = r.Rule + ": " + r.Text
		}
	}
	return strings.Join(texts, "; ")
}

// names returns what rm and untag take as arguments.
func (m plannedManifest) names() string {
	if m.Verdict != verdictUntag {
		return m.Repository + "@" + m.Digest.String()
	}
	names := make([]string, len(m.Tags))
	for i, tag := range m.Tags {
		names[i] = m.Repository + ":" + tag
	}
	return strings.Join(names, "\n")
}

// plannedListing says how the manifests of plans are printed.
func plannedListing() listing[plannedManifest] {
	return listing[plannedManifest]{
		kind:   "planned/1",
		header: []string{"VERDICT", "TAGS", "DIGEST", "ROLE", "CREATED", "REASON", "REPOSITORY"},
		row: func(m plannedManifest) []string {
			created := ""
			if !m.Created.IsZero() {
				created = m.Created.UTC().Format(time.RFC3339)
			}
			return []string{m.Verdict, strings.Join(m.Tags, ","), m.Digest.String(), string(m.Role), created, m.Reason, m.Repository}
		},
		name: plannedManifest.names,
	}
}

// A planPrinter prints plans to stdout, each as soon as it is made.
type planPrinter struct {
	app     *app
	format  string
	several bool
	all     bool
	count   int
	path    string                    // of --out
	rows    *printer[plannedManifest] // of all formats but trees and JSON
	items   *itemWriter               // of JSON
}

// newPlanPrinter returns a printer of plans in the format of the command line.
func newPlanPrinter(c *planCommand, several bool) (*planPrinter, error) {
	p := &planPrinter{app: c.app, format: c.app.formatOf(c.cmd), several: several, all: c.all, path: c.out}
	if c.app.flags.format != "" {
		p.format = ""
	}
	if p.format == formatJSON && several {
		p.items = &itemWriter{w: c.app.streams.Out}
	}
	if p.format == formatTree || p.format == formatJSON {
		return p, nil
	}
	rows, err := newPrinter(c.app, c.cmd, plannedListing())
	p.rows = rows
	return p, err
}

// add prints a plan. It is nil if there is none.
func (p *planPrinter) add(item planItem, made *plan.Plan) error {
	if made != nil {
		item.describe(made)
	}
	switch {
	case p.items != nil:
		p.items.add(item, made)
		return p.items.err
	case made == nil:
		return nil
	case p.format == formatTree:
		return p.tree(item, made)
	case p.format == formatJSON:
		_, err := made.WriteTo(p.app.streams.Out)
		return err
	case len(item.Refused) > 0 && p.format != formatTable:
		return nil // lines are for other programs, which might delete what they name
	}
	return addRows(p.rows, item.Repository, made, p.all)
}

// tree prints a plan as a tree, and where it was written.
func (p *planPrinter) tree(item planItem, made *plan.Plan) error {
	out := p.app.streams.Out
	if p.count++; p.count > 1 {
		fmt.Fprintln(out)
	}
	err := p.app.printTree(made, plan.TreeOptions{All: p.all, More: "--all shows them"})
	if p.path != "" && len(item.Refused) == 0 && err == nil {
		path := p.path
		if p.several {
			path = filepath.Join(p.path, item.File)
		}
		_, err = fmt.Fprintln(out, whereWritten(path, item, made))
	}
	return err
}

// whereWritten returns the line about a plan that was written.
func whereWritten(path string, item planItem, made *plan.Plan) string {
	text := fmt.Sprintf("%s  %s  ", shown(path), item.Digest)
	if !hasSteps(made) {
		return text + "Nothing to do."
	}
	return text + fmt.Sprintf("%s.  Apply it: regret apply %s", whatGoes(made), shown(path))
}

// whatGoes counts what a plan takes away: images or, if there are none, what else it is about.
func whatGoes(p *plan.Plan) string {
	totals := p.Totals()
	switch {
	case totals.Removed > 0:
		return counted(totals.Removed, "image")
	case totals.Manifests > 0:
		return counted(totals.Manifests, "manifest")
	}
	return counted(totals.Tags, "tag")
}

// counted returns a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return terminal.Number(n) + " " + noun
}

// shown returns a path as it is shown, and can be given to a shell.
func shown(path string) string {
	if strings.ContainsAny(path, " \t'\"$&|;<>()*?[]`") {
		return strconv.Quote(path)
	}
	return terminal.Safe(path)
}

// addRows prints what a plan does, and with all also what stays.
func addRows(rows *printer[plannedManifest], repository string, p *plan.Plan, all bool) error {
	for s := range p.Steps() {
		if err := rows.add(ofStep(repository, &s)); err != nil {
			return err
		}
	}
	if !all {
		return nil
	}
	for k := range p.Kept() {
		if err := rows.add(ofKept(repository, &k)); err != nil {
			return err
		}
	}
	return nil
}

// end prints what comes after the last plan.
func (p *planPrinter) end(out *planFiles) error {
	var err error
	switch {
	case p.items != nil:
		err = p.items.end()
	case p.rows != nil:
		err = p.rows.end()
	}
	switch {
	case p.path == "" && p.format == formatTree && p.count > 0:
		p.app.note("Nothing was changed. To apply a plan, write it first: --out FILE")
	case p.path != "" && p.several:
		p.app.note("%s: %s of %s.", shown(filepath.Join(p.path, indexFile)), counted(out.written, "plan"), counted(out.removed, "image"))
	case p.path != "" && p.format != formatTree && out.written > 0:
		p.app.note("%s is written.", shown(p.path))
	}
	return err
}

// stop ends the output of a command that did not get to its end.
func (p *planPrinter) stop() error {
	if p.rows == nil {
		return nil
	}
	return p.rows.stop()
}
