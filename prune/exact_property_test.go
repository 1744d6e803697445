package prune_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/internal/model"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// TestExactPlansOfDrawnRepositories names tags and digests of repositories that are made up. What
// goes is what was named, and no tag, index or subject that stays loses anything by it.
func TestExactPlansOfDrawnRepositories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := model.Draw(t)
		reg := c.Serve()
		o := prune.ExactOptions{ReadOptions: prune.ReadOptions{At: c.Now}, WithTags: rapid.Bool().Draw(t, "with tags")}
		if lister, ok := c.Lister(); ok {
			o.Lister = lister
		}
		references := drawReferences(t, c, reg)
		made, err := prune.MakeExact(t.Context(), newClient(t, cases.Registry, reg), c.Repository, references, &o)
		if err != nil {
			made = planBeside(t, err)
			references = slices.DeleteFunc(references, func(reference string) bool { return isGone(c, reg, reference) })
		}
		if made == nil {
			return
		}
		e := exactCheck{made, reg, c.Repository, references, o.WithTags, make(map[regret.Digest]bool)}
		for _, problem := range e.problems() {
			t.Errorf("%s; named: %v\n%s", problem, references, model.Describe(c))
		}
	})
}

// drawReferences draws some of the tags and digests of a repository, and some of neither.
func drawReferences(t *rapid.T, c *cases.Case, reg *fakeregistry.Registry) []string {
	all := slices.Collect(maps.Keys(reg.Tags(c.Repository)))
	for _, m := range c.Manifests {
		all = append(all, string(c.Digest(m.ID)))
	}
	all = append(all, "no-such-tag")
	slices.Sort(all)
	return rapid.SliceOfN(rapid.SampledFrom(all), 1, 4).Draw(t, "references")
}

// isGone reports whether the registry acts as if it did not have what a reference leads to.
func isGone(c *cases.Case, reg *fakeregistry.Registry, reference string) bool {
	dgst, isTag := reg.Tag(c.Repository, reference)
	if !isTag {
		dgst = regret.Digest(reference)
	}
	return slices.ContainsFunc(slices.Concat(c.Faults.Gone, c.Faults.Vanished), func(id string) bool { return c.Digest(id) == dgst })
}

// planBeside returns the plan for what is there, if only other references are missing. Every error
// has a type that says why there is no plan.
func planBeside(t *rapid.T, err error) *plan.Plan {
	if missing, ok := errors.AsType[*prune.MissingError](err); ok {
		return missing.Plan
	}
	_, shared := errors.AsType[*prune.SharedError](err)
	_, needed := errors.AsType[*prune.NeededError](err)
	_, broken := errors.AsType[*prune.BrokenError](err)
	_, incomplete := errors.AsType[*prune.IncompleteError](err)
	if !shared && !needed && !broken && !incomplete {
		t.Errorf("%T: %v", err, err)
	}
	return nil
}

// An exactCheck checks what must be true of an exact plan.
type exactCheck struct {
	plan       *plan.Plan
	reg        *fakeregistry.Registry
	repository string
	references []string
	withTags   bool
	goes       map[regret.Digest]bool
}

func (e *exactCheck) problems() (problems []string) {
	report := func(bad bool, problem string, dgst regret.Digest) {
		if bad {
			problems = append(problems, string(dgst)+": "+problem)
		}
	}
	for step := range e.plan.Steps() {
		if step.Action == plan.Delete {
			e.goes[step.Digest] = true
		} else {
			off := plan.Manifest{Tags: step.Untag}
			report(len(off.OrdinaryTags()) > 0, "an ordinary tag is taken off", step.Digest)
		}
	}
	for step := range e.plan.Steps() {
		if step.Action != plan.Delete {
			continue
		}
		named := e.isNamed(step.Digest)
		for _, tag := range step.Tags {
			isCompanion := strings.HasPrefix(tag, "sha256-")
			report(!isCompanion && !slices.Contains(e.references, tag) && !(e.withTags && named), "it goes with the tag "+tag, step.Digest)
		}
		stays := step.Subject != "" && e.reg.HasManifest(e.repository, step.Subject) && !e.goes[step.Subject]
		report(stays && !named, "it goes, and what it refers to stays", step.Digest)
	}
	for kept := range e.plan.Kept() {
		report(e.isNamed(kept.Digest), "it was named, and stays", kept.Digest)
		report(slices.ContainsFunc(kept.Lists, func(d regret.Digest) bool { return e.goes[d] }), "it stays, and loses what it lists", kept.Digest)
		report(e.goes[kept.Subject], "it stays, and loses what it refers to", kept.Digest)
	}
	for _, reference := range e.references {
		if dgst := regret.Digest(reference); strings.Contains(reference, ":") && e.reg.HasManifest(e.repository, dgst) {
			report(!e.goes[dgst], "it was named, and does not go", dgst)
		}
	}
	return problems
}

// isNamed reports whether a manifest is named, by its digest or a tag.
func (e *exactCheck) isNamed(dgst regret.Digest) bool {
	return slices.ContainsFunc(e.references, func(reference string) bool {
		at, isTag := e.reg.Tag(e.repository, reference)
		return reference == string(dgst) || isTag && at == dgst
	})
}
