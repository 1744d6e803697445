package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

// journalForm is the kind and version of what a journal says as JSON. The journal itself is not one
// document, but one a line.
const journalForm = "journal-summary/1"

// A journalDocument is what a journal says as JSON.
type journalDocument struct {
	Regret     string        `json:"regret"`
	Plan       regret.Digest `json:"plan"`
	Quarantine bool          `json:"quarantine"`
	Runs       int           `json:"runs"`
	Begun      time.Time     `json:"begun"`
	Finished   bool          `json:"finished"`
	Torn       bool          `json:"torn"` // the last line was cut off
	Open       []int         `json:"open"` // steps that were about to be taken when a run ended
	Results    []journalStep `json:"results"`
}

// A journalStep says how a step ended.
type journalStep struct {
	Step   int          `json:"step"` // its number in the plan, from 0
	Status apply.Status `json:"status"`
	Reason string       `json:"reason,omitempty"`
	Kind   regret.Kind  `json:"kind,omitempty"`
}

// newJournalDocument returns what a journal says.
func newJournalDocument(s *apply.JournalSummary) *journalDocument {
	doc := &journalDocument{
		Regret: journalForm, Plan: s.Plan, Quarantine: s.Quarantine, Runs: s.Runs, Begun: s.Begun,
		Finished: s.Finished, Torn: s.Torn, Open: append([]int{}, s.Open...), Results: []journalStep{},
	}
	for _, r := range s.Results {
		doc.Results = append(doc.Results, journalStep{r.Step, r.Status, r.Reason, r.Kind})
	}
	return doc
}

// journal prints what a journal says.
func (c *showCommand) journal(name string, in io.Reader) error {
	s, err := apply.ReadJournal(in)
	if err != nil {
		return malformed(name, err)
	}
	doc := newJournalDocument(s)
	switch c.format() {
	case formatTree:
		_, err := io.WriteString(c.app.streams.Out, doc.text())
		return err
	case formatJSON:
		return json.NewEncoder(c.app.streams.Out).Encode(doc)
	case formatMMD, formatDOT, formatHTML, formatName:
		return usagef("a journal cannot be printed as %s: use tree, table, json or jsonl", c.format())
	}
	rows, err := newPrinter(c.app, c.cmd, listing[journalStep]{
		kind:   journalForm,
		header: []string{"STEP", "STATUS", "REASON"},
		row: func(r journalStep) []string {
			return []string{strconv.Itoa(r.Step), string(r.Status), r.Reason}
		},
	})
	if err != nil {
		return err
	}
	return printAll(rows, doc.Results)
}

// maxProblems is how many steps that did not end as planned a text names.
const maxProblems = 20

// text returns what a journal says, for people.
func (d *journalDocument) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Journal of the plan %s: %s, begun %s.\n", d.Plan, counted(d.Runs, "run"), d.Begun.UTC().Format(time.RFC3339))
	if d.Quarantine {
		b.WriteString("Images were put in the trash, not deleted.\n")
	}
	counts := make(map[apply.Status]int)
	problems := 0
	for _, r := range d.Results {
		counts[r.Status]++
	}
	var parts []string
	for _, status := range endings {
		if n := counts[status]; n > 0 {
			parts = append(parts, string(status)+" "+terminal.Number(n))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no step has ended"}
	}
	fmt.Fprintf(&b, "%s\n", strings.Join(parts, " · "))
	for _, r := range d.Results {
		if r.Reason == "" {
			continue
		}
		if problems++; problems <= maxProblems {
			fmt.Fprintf(&b, "  step %d %s: %s\n", r.Step, r.Status, terminal.Safe(r.Reason))
		}
	}
	if problems > maxProblems {
		fmt.Fprintf(&b, "  and %s more: -o table shows them\n", terminal.Number(problems-maxProblems))
	}
	if d.Torn {
		b.WriteString("The last line was cut off, and is ignored.\n")
	}
	switch {
	case d.Finished:
		b.WriteString("The last run got to its end.\n")
	case len(d.Open) > 0:
		fmt.Fprintf(&b, "The last run did not get to its end. The registry knows whether %s taken; apply the same plan again to go on.\n",
			wereOpen(len(d.Open)))
	default:
		b.WriteString("The last run did not get to its end; apply the same plan again to go on.\n")
	}
	return b.String()
}

// wereOpen counts steps of which it is not known whether they were taken.
func wereOpen(n int) string {
	if n == 1 {
		return "1 step was"
	}
	return terminal.Number(n) + " steps were"
}
