package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestCases decides every scenario without a registry: the answers to what deciding asks
// come from the scenario. Those that only a registry can serve are tested where it is read.
func TestCases(t *testing.T) {
	t.Parallel()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if len(c.Faults.Unparsable) > 0 || c.Faults.List != "" || c.Faults.Referrers != 0 {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			d, p, err := decideCase(c)
			if err != nil && d == nil {
				t.Log(err)
			}
			for _, difference := range cases.Compare(c, c.ResultOf(d, p, err)) {
				t.Error(difference)
			}
			if t.Failed() && p != nil {
				for step := range p.Steps() {
					t.Log(step.Action, c.IDOf(step.Digest), step.Tags, step.Reason)
				}
			}
		})
	}
}

// decideCase reads a scenario to the end and decides.
func decideCase(c *cases.Case) (*plan.Decision, *plan.Plan, error) {
	p, err := policy.Parse(c.PolicyJSON())
	if err != nil {
		return nil, nil, err
	}
	options := plan.Options{Sizes: c.Expect.Freed != nil}
	for name, file := range c.Files {
		list, err := policy.ParseInUse(name, strings.NewReader(file.Content), file.Modified)
		if err != nil {
			return nil, nil, nameRule(err, p)
		}
		options.InUse = append(options.InUse, list)
	}
	s := snapshotOf(c, options)
	for range 50 {
		d, err := plan.Decide(p, s, c.Now)
		if err != nil {
			return nil, nil, err
		}
		questions := slices.Collect(d.Missing())
		if len(questions) == 0 {
			made, err := d.Plan()
			return d, made, err
		}
		for _, q := range questions {
			if err := c.Answer(s, q); err != nil {
				return nil, nil, fmt.Errorf("%+v: %w", q, err)
			}
		}
	}
	return nil, nil, errors.New("deciding asks for ever")
}

// snapshotOf returns a snapshot of what the lists of a scenario say.
func snapshotOf(c *cases.Case, o plan.Options) *plan.Snapshot {
	s := plan.NewSnapshot(cases.Registry, c.Repository, o)
	seen := map[string]bool{}
	for _, m := range c.Manifests {
		for _, tag := range m.Tags {
			if !m.Missing {
				seen[tag] = true
				s.AddTag(tag)
			}
		}
		if c.Listing != cases.ListingOCI && !m.Missing {
			desc := c.Content(m.ID).Manifest.Descriptor
			e := regret.ListEntry{Descriptor: desc, Uploaded: m.Uploaded, Pulled: m.Pulled.At, NeverPulled: m.Pulled.Never}
			if err := s.AddListed(e); err != nil {
				panic(err)
			}
			s.NamesAll()
		}
	}
	for _, entry := range c.Faults.Entries {
		if !seen[entry] {
			s.AddInvalid(entry)
		}
	}
	for _, id := range c.Faults.DigestEntries {
		if err := s.AddListed(regret.ListEntry{Descriptor: regret.Descriptor{Digest: c.Digest(id)}}); err != nil {
			panic(err)
		}
	}
	return s
}

// nameRule names the rule that refers to an in-use list that cannot be read, as the caller
// that reads the file does.
func nameRule(err error, p *policy.Policy) error {
	if e, ok := errors.AsType[*policy.InUseError](err); ok {
		for _, rule := range p.Keep() {
			if rule.File() == e.Name {
				e.Rule = rule.Name()
			}
		}
	}
	return err
}
