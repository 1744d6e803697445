package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/terminal"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// explanationForm is the kind and version of an explanation as JSON.
const explanationForm = "explanation/1"

// An explanation says why a manifest goes or stays.
type explanation struct {
	Regret    string         `json:"regret"`
	Reference string         `json:"reference"`
	Plan      regret.Digest  `json:"plan,omitempty"` // that says so; empty if the registry was asked
	At        time.Time      `json:"at"`             // of the decision
	Digest    regret.Digest  `json:"digest"`
	Role      plan.Role      `json:"role"`
	Tags      []string       `json:"tags,omitempty"`
	Created   time.Time      `json:"created,omitzero"` // only if a rule asked for it
	Source    plan.AgeSource `json:"source,omitempty"` // of Created
	Verdict   string         `json:"verdict"`
	Untag     []string       `json:"untag,omitempty"` // the tags that come off what stays
	Reason    string         `json:"reason"`
	Rules     []ruleVerdict  `json:"rules"` // from a plan, only those that decided
}

// A ruleVerdict is what one rule says.
type ruleVerdict struct {
	Rule    string   `json:"rule"`
	Keep    bool     `json:"keep"`              // a keep rule
	Matched []string `json:"matched,omitempty"` // the tags that its patterns match; a plan does not say it
	Decides bool     `json:"decides"`           // it holds the image, or wants tags of it
	Wants   []string `json:"wants,omitempty"`   // of a remove rule: the tags; a plan does not say it
	Place   int      `json:"place,omitzero"`    // in the ranking of the rule, of so many
	Of      int      `json:"of,omitzero"`
	Text    string   `json:"text,omitempty"`
}

// newExplanation returns an explanation without a verdict.
func newExplanation(ref regret.Reference, m *plan.Manifest) *explanation {
	return &explanation{
		Regret: explanationForm, Reference: ref.String(), Digest: m.Digest, Role: m.Role, Tags: m.Tags,
		Created: m.Created, Source: m.Source, Verdict: verdictKeep, Rules: []ruleVerdict{},
	}
}

// orNew returns the explanation, or a new one instead of nil.
func (e *explanation) orNew(ref regret.Reference, m *plan.Manifest) *explanation {
	if e == nil {
		return newExplanation(ref, m)
	}
	return e
}

// ofImage returns what is decided about an image.
func ofImage(ref regret.Reference, image *plan.Image, verdicts []plan.Verdict) *explanation {
	e := newExplanation(ref, &image.Manifest)
	e.Untag = image.Untag
	for _, v := range verdicts {
		e.Rules = append(e.Rules, ruleVerdict{v.Rule, v.Keep, v.Matched, v.Holds || len(v.Wants) > 0, v.Wants, v.Place, v.Of, v.Text})
	}
	switch {
	case image.Goes:
		e.Verdict = verdictRemove
	case len(image.Untag) > 0:
		e.Verdict = verdictUntag
	}
	e.Reason = whyOf(image)
	return e
}

// whyOf returns why an image goes or stays, in a sentence.
func whyOf(image *plan.Image) string {
	switch {
	case image.Goes:
		return "remove rules want each of its tags, and no keep rule holds it"
	case len(image.KeptBy) > 0:
		return "held by " + strings.Join(image.KeptBy, ", ")
	case image.Needed != nil:
		return image.Needed.Text
	case len(image.SharedWith) > 0:
		return "no remove rule wants its tags " + strings.Join(image.SharedWith, ", ")
	case len(image.WantedBy) == 0:
		return "no remove rule wants it"
	}
	return "remove rules do not want each of its tags"
}

// addStep adds what a plan does to a manifest.
func (e *explanation) addStep(s *plan.Step) {
	e.Verdict, e.Reason = verdictRemove, s.Reason
	if s.Action == plan.Untag {
		e.Verdict = verdictUntag
		e.Untag = append(e.Untag, s.Untag...)
	}
	e.addRemoveRules(s.Rules)
}

// addKept adds why a plan lets a manifest stay.
func (e *explanation) addKept(k *plan.Kept) {
	if reason := reasonsInWords(k.Reasons); reason != "" {
		e.Reason = reason
	}
	for _, r := range k.Reasons {
		if r.Rule != "" {
			e.Rules = append(e.Rules, ruleVerdict{Rule: r.Rule, Keep: true, Decides: true, Text: r.Text})
		}
	}
	e.addRemoveRules(k.WantedBy)
	if e.Reason == "" {
		e.Reason = "no remove rule wants it"
	}
}

// addRemoveRules adds the remove rules that want a manifest, each once.
func (e *explanation) addRemoveRules(names []string) {
	for _, name := range names {
		if !slices.ContainsFunc(e.Rules, func(r ruleVerdict) bool { return !r.Keep && r.Rule == name }) {
			e.Rules = append(e.Rules, ruleVerdict{Rule: name, Decides: true, Text: "wants it"})
		}
	}
}

// says returns what a rule says, in a word.
func (r ruleVerdict) says() string {
	switch {
	case !r.Decides:
		return "-"
	case r.Keep:
		return verdictKeep
	}
	return verdictRemove
}

// kind returns which kind of rule it is.
func (r ruleVerdict) kind() string {
	if r.Keep {
		return "keep rule"
	}
	return "remove rule"
}

// printExplanation prints an explanation.
func (a *app) printExplanation(cmd *cobra.Command, e *explanation) error {
	switch format := a.formatOf(cmd); {
	case a.flags.format != "":
		p, err := newPrinter(a, cmd, listing[*explanation]{})
		if err != nil {
			return err
		}
		return printAll(p, []*explanation{e})
	case format == formatJSON:
		return json.NewEncoder(a.streams.Out).Encode(e)
	case format == formatTable:
		p, err := newPrinter(a, cmd, listing[ruleVerdict]{
			header: []string{"SAYS", "KIND", "RULE", "TAGS", "WHY"},
			row: func(r ruleVerdict) []string {
				return []string{r.says(), r.kind(), r.Rule, strings.Join(r.Matched, ","), r.Text}
			},
		})
		if err != nil {
			return err
		}
		return printAll(p, e.Rules)
	}
	_, err := fmt.Fprint(a.streams.Out, e.tree())
	return err
}

// tree returns an explanation for people.
func (e *explanation) tree() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s: %s\n", e.Reference, e.Verdict, terminal.Safe(e.Reason))
	facts := []string{string(e.Digest), string(e.Role)}
	if len(e.Tags) > 0 {
		facts = append(facts, "tags "+terminal.Safe(strings.Join(e.Tags, ", ")))
	}
	if !e.Created.IsZero() {
		facts = append(facts, fmt.Sprintf("%d d old (%s)", int(e.At.Sub(e.Created).Hours()/24), e.Source))
	}
	fmt.Fprintf(&b, "%s\n", strings.Join(facts, "   "))
	if len(e.Untag) > 0 {
		fmt.Fprintf(&b, "comes off: %s\n", terminal.Safe(strings.Join(e.Untag, ", ")))
	}
	width := 0
	for _, r := range e.Rules {
		width = max(width, terminal.Width(terminal.Safe(r.Rule)))
	}
	for i, r := range e.Rules {
		branch := "├─"
		if i == len(e.Rules)-1 {
			branch = "└─"
		}
		rule := terminal.Safe(r.Rule)
		pad := strings.Repeat(" ", width-terminal.Width(rule))
		line := fmt.Sprintf("%s %-11s  %s%s  %-6s  %s", branch, r.kind(), rule, pad, r.says(), terminal.Safe(r.Text))
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	if e.Plan != "" {
		b.WriteString("The plan has the rules that decided, and no others; for all of them: -p policy.yaml\n")
	}
	return b.String()
}
