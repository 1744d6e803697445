package model_test

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// TestPlansAgreeWithTheModel compares the decision that users get with the model.
func TestPlansAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := model.Draw(t)
		want := decide(t, c)
		got, brakes, err := planned(c, readNecessary)
		if err != nil {
			t.Fatalf("%v\n%s", err, model.Describe(c))
		}
		makeComparable(c, want, &got, readNecessary)
		if hasMissing(c) {
			for _, step := range got.Steps {
				if !slices.ContainsFunc(want.Steps, func(s cases.Step) bool { return s.Action == step.Action && s.ID == step.ID }) {
					t.Errorf("the plan has a step that the model has not: %+v\n%s", step, model.Describe(c))
				}
			}
			return
		}
		if diff := gocmp.Diff(want.Brakes, brakes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("brakes (-model +plan):\n%s\n%s", diff, model.Describe(c))
		}
		if diff := gocmp.Diff(want.Result, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("result (-model +plan):\n%s\n%s", diff, model.Describe(c))
		}
	})
}

// hasMissing reports whether something is gone that an index lists, a list names or a companion
// tag points to. Planning notices that only once it matters, and until then protects whatever
// needs it; the model knows it at once.
func hasMissing(c *cases.Case) bool {
	return slices.ContainsFunc(c.Manifests, func(m cases.Manifest) bool {
		named := slices.Contains(c.Faults.DigestEntries, m.ID) || slices.ContainsFunc(m.Tags, func(tag string) bool { return strings.HasPrefix(tag, "sha") })
		return m.Missing || named && slices.Contains(c.Faults.Gone, m.ID)
	})
}

// TestRulesAgreeWithTheModel compares what each rule says of each image once everything is read. A
// plan is made without what decides nothing.
func TestRulesAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := model.Draw(t)
		want := decide(t, c)
		got, _, err := planned(c, readEverything)
		if err != nil {
			t.Fatalf("%v\n%s", err, model.Describe(c))
		}
		if hasMissing(c) {
			return
		}
		makeComparable(c, want, &got, readEverything)
		if diff := gocmp.Diff(want.Images, got.Images, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("images (-model +plan):\n%s\n%s", diff, model.Describe(c))
		}
	})
}

// makeComparable makes two results equal in what is left to those who plan: the order of steps, the role
// of what has several, and what only those know who have read everything.
func makeComparable(c *cases.Case, want *model.Outcome, got *cases.Result, how reading) {
	for _, r := range []*cases.Result{&want.Result, got} {
		slices.SortFunc(r.Steps, func(a, b cases.Step) int {
			return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.ID, b.ID), cmp.Compare(strings.Join(a.Tags, " "), strings.Join(b.Tags, " ")))
		})
		for i, s := range r.Steps {
			slices.Sort(s.After)
			if m := c.Manifest(s.ID); m.Subject != "" || len(m.Tags) > 1 || m.Kind == cases.KindAttestation {
				r.Steps[i].Role = ""
			}
		}
		r.Freed, r.FreedBytes, r.Reported, r.UnknownDates = nil, 0, nil, 0
		for id, image := range r.Images {
			if how == readNecessary {
				image.KeptBy, image.WantedBy, image.SharedWith, image.Nearly = nil, nil, nil, nil
				image.Age, image.AgeSource = time.Time{}, ""
			}
			// A place that is good enough is no near miss, nor is one in a rule that holds the image.
			maps.DeleteFunc(image.Nearly, func(rule string, place [2]int) bool {
				return place[0] <= place[1] || slices.Contains(image.KeptBy, rule)
			})
			r.Images[id] = image
		}
	}
}

// reading is how much is read before a decision.
type reading int

const (
	readNecessary  reading = iota // what the decision asks for
	readEverything                // also the dates that it does not need
)

// planned returns what package plan decides about a scenario, whatever the brakes say, and these.
func planned(c *cases.Case, how reading) (cases.Result, map[string]int, error) {
	p, err := policy.Parse(c.PolicyJSON())
	if err != nil {
		return cases.Result{}, nil, err
	}
	options := plan.Options{}
	for name, file := range c.Files {
		list, err := policy.ParseInUse(name, strings.NewReader(file.Content), file.Modified)
		if err != nil {
			return cases.Result{}, nil, err
		}
		options.InUse = append(options.InUse, list)
	}
	s := listed(c, options)
	for range 50 {
		d, err := plan.Decide(p, s, c.Now)
		if err != nil {
			return cases.Result{}, nil, err
		}
		questions := slices.Collect(d.Missing())
		if len(questions) == 0 && how == readEverything {
			questions, how = everyDate(c), readNecessary
		}
		for _, q := range questions {
			if err := c.Answer(s, q); err != nil {
				return cases.Result{}, nil, err
			}
		}
		if len(questions) > 0 {
			continue
		}
		brakes := map[string]int{}
		made, err := d.Plan()
		if e, ok := errors.AsType[*plan.BrakeError](err); ok {
			made, err = e.Plan, nil
			for _, b := range e.Brakes {
				brakes[b.Limit] = b.Needed
			}
		}
		if err != nil {
			return cases.Result{}, nil, err
		}
		return c.ResultOf(d, made, nil), brakes, nil
	}
	return cases.Result{}, nil, errors.New("deciding asks for ever")
}

// everyDate returns the questions for all dates of what tags point to.
func everyDate(c *cases.Case) (questions []plan.Question) {
	var ask func(id string)
	ask = func(id string) {
		content := c.Content(id)
		questions = append(questions, plan.Question{Kind: plan.AskManifest, Digest: content.Manifest.Descriptor.Digest})
		if content.Config != nil {
			questions = append(questions, plan.Question{Kind: plan.AskConfig, Digest: content.Config.Descriptor.Digest})
		}
		for _, child := range c.Manifest(id).Children {
			ask(child)
		}
	}
	for _, m := range c.Manifests {
		if len(m.Tags) > 0 && !slices.Contains(c.Faults.Gone, m.ID) && !slices.Contains(c.Faults.Vanished, m.ID) {
			ask(m.ID)
		}
	}
	return questions
}

// listed returns a snapshot of what the lists of a scenario say.
func listed(c *cases.Case, o plan.Options) *plan.Snapshot {
	s := plan.NewSnapshot(cases.Registry, c.Repository, o)
	for _, m := range c.Manifests {
		for _, tag := range m.Tags {
			s.AddTag(tag)
		}
		if m.Missing || c.Listing == cases.ListingOCI && !slices.Contains(c.Faults.DigestEntries, m.ID) {
			continue
		}
		e := regret.ListEntry{Descriptor: regret.Descriptor{Digest: c.Digest(m.ID)}}
		if c.Listing != cases.ListingOCI {
			e.Descriptor, e.Uploaded = c.Content(m.ID).Manifest.Descriptor, m.Uploaded
			e.Pulled, e.NeverPulled = m.Pulled.At, m.Pulled.Never
			s.NamesAll()
		}
		if err := s.AddListed(e); err != nil {
			panic(err)
		}
	}
	for _, entry := range c.Faults.Entries {
		s.AddInvalid(entry)
	}
	return s
}
