package plan

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A VerifyError says that a plan contradicts itself, or its policy. Such a plan was not
// made by this package, or was edited.
type VerifyError struct {
	Digest  regret.Digest // the manifest in question; empty if the plan as a whole is
	Problem string
	Err     error // why the policy cannot be used; may be nil
}

func (e *VerifyError) Error() string {
	text := "the plan contradicts itself: "
	if e.Digest != "" {
		text += string(e.Digest) + ": "
	}
	return text + e.Problem + "; make a new one"
}

// Unwrap returns Err.
func (e *VerifyError) Unwrap() error { return e.Err }

// wrong returns an error about a manifest, or about the plan as a whole.
func wrong(dgst regret.Digest, problem string, args ...any) error {
	return &VerifyError{Digest: dgst, Problem: fmt.Sprintf(problem, args...)}
}

// verify checks that what goes is what can go by what the plan says of the repository.
func (p *Plan) verify() error {
	rules, err := p.header.verifyPolicy()
	if err != nil {
		return err
	}
	e, err := p.evidence(rules)
	if err != nil {
		return err
	}
	for _, check := range []func() error{
		e.checkSelected, e.checkManifests, e.checkDeletions, e.checkUntags, e.checkKept, e.checkTotals,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := e.brakes(); err != nil {
		err.Plan = p
		return err
	}
	return nil
}

// verifyPolicy returns the policy of the plan. It checks that the header has its in-use
// lists and its rules.
func (h *Header) verifyPolicy() (*policy.Policy, error) {
	p, err := policy.Parse(h.Policy)
	if err == nil {
		err = p.CheckRepository(h.Repository)
	}
	if err != nil {
		return nil, &VerifyError{Problem: "its policy: " + err.Error(), Err: err}
	}
	if !bytes.Equal(p.JSON(), h.Policy) {
		return nil, wrong("", "its policy is not in the canonical form")
	}
	counts, lists := h.Rules, h.InUse
	for i, rule := range slices.Concat(p.Keep(), p.Remove()) {
		keep := i < len(p.Keep())
		if len(counts) == 0 || counts[0].Rule != rule.Name() || counts[0].Keep != keep {
			return nil, wrong("", "its rules are not those of its policy")
		}
		counts = counts[1:]
		if rule.File() == "" {
			continue
		}
		if len(lists) == 0 || lists[0].Name != rule.File() || !lists[0].Expires.Equal(rule.MaxAge().After(lists[0].Made)) {
			return nil, wrong("", "its in-use lists are not those of its policy")
		}
		lists = lists[1:]
	}
	if len(counts)+len(lists) > 0 {
		return nil, wrong("", "it has more rules or in-use lists than its policy")
	}
	return p, nil
}

// checkSelected checks what is selected, as far as tags alone tell: not whether an image is
// old, or among the newest.
func (e *evidence) checkSelected() error {
	for id := range graph.ID(len(e.manifests)) {
		m := e.manifests[id]
		if m == nil {
			continue
		}
		if m.InUse && len(e.policy.Files()) == 0 {
			return wrong(m.Digest, "it is in use, but the policy has no in-use list")
		}
		if len(m.Tags) > 0 && e.candidate[id] < 0 {
			if m.Selected != e.isDueByTags(id) {
				return wrong(m.Digest, "its tags do not say that it is due, or they do and it is not selected")
			}
			continue
		}
		if err := e.checkSelectable(id); m.Selected && err != nil {
			return err
		}
	}
	return nil
}

// checkSelectable checks that rules may select a manifest that has ordinary tags or none.
func (e *evidence) checkSelectable(id graph.ID) error {
	m := e.manifests[id]
	if len(m.Tags) == 0 {
		subject := e.snapshot.nodes[id].subject
		orphaned := subject != none && e.snapshot.nodes[subject].flags&isMissing != 0
		if !e.isNamed(id) && !slices.ContainsFunc(e.removes, func(r *ranked) bool { return r.Untagged() || r.Orphans() && orphaned }) {
			return wrong(m.Digest, "it is selected, but no rule names it or is for untagged manifests")
		}
		return nil
	}
	for _, tag := range e.ordinaryTags(int(e.candidate[id])) {
		name := e.snapshot.tags[tag].name
		if !slices.ContainsFunc(e.removes, func(r *ranked) bool { return len(r.Match(name)) > 0 }) {
			return wrong(m.Digest, "it is selected, but no remove rule matches its tag %s", name)
		}
		if rule := e.keptByName(name); rule != "" {
			return wrong(m.Digest, "it is selected, but keep rule %q names its tag %s", rule, name)
		}
	}
	return nil
}

// keptByName returns the name of a keep rule without conditions that matches a tag, if
// there is one.
func (e *evidence) keptByName(tag string) string {
	for _, k := range e.keeps {
		if k.File() == "" && !k.HasConditions() && len(k.Match(tag)) > 0 {
			return k.Name()
		}
	}
	return ""
}

// checkManifests checks the role of each manifest, and that exactly what can go goes.
func (e *evidence) checkManifests() error {
	for id := range graph.ID(len(e.manifests)) {
		m := e.manifests[id]
		switch goes := e.result.Goes(id); {
		case m == nil && goes:
			return wrong(e.snapshot.digests.at(id), "nothing holds it, but no step deletes it")
		case m == nil:
		case e.deleted[id] && !goes && e.result.Concerned(id):
			return wrong(m.Digest, "a step deletes it, but it must stay: %s", e.needed(id).Text)
		case e.deleted[id] && !goes:
			return wrong(m.Digest, "a step deletes it, but no rule selects it, or what it belongs to")
		case goes && !e.deleted[id]:
			return wrong(m.Digest, "it stays, but nothing holds it")
		case e.role(id) != m.Role:
			return wrong(m.Digest, "it has the role %s, not %s", e.role(id), m.Role)
		}
	}
	return nil
}

// checkDeletions checks the order of the steps that delete, and what each comes after.
func (e *evidence) checkDeletions() error {
	order := e.graph.Order(e.result.Goes)
	if len(order) < len(e.steps) {
		return wrong("", "what goes lists itself, which no digest can")
	}
	for i, o := range order {
		dgst := e.snapshot.digests.at(o.ID)
		if i >= len(e.plan.steps) || e.plan.steps[i].Action != Delete || e.plan.steps[i].Digest != dgst {
			return wrong(dgst, "it is to be deleted in step %d, counted from 0", i)
		}
		step := &e.plan.steps[i]
		if !slices.EqualFunc(step.After, o.After, func(d regret.Digest, id graph.ID) bool { return d == e.snapshot.digests.at(id) }) {
			return wrong(dgst, "its step is not after those that it must come after")
		}
		if err := e.checkRules(step); err != nil {
			return err
		}
	}
	return nil
}

// checkRules checks that the rules of a step are remove rules of the policy.
func (e *evidence) checkRules(s *Step) error {
	for _, name := range s.Rules {
		if !slices.ContainsFunc(e.removes, func(r *ranked) bool { return r.Name() == name }) {
			return wrong(s.Digest, "the policy has no remove rule %q", name)
		}
	}
	return nil
}

// checkKept checks the order of what stays: images and tagged referrers by their first
// ordinary tag, then the others by digest.
func (e *evidence) checkKept() error {
	last := ""
	for i := range e.plan.kept {
		k := &e.plan.kept[i]
		id := e.node(k.Digest)
		key := "1" + string(k.Digest)
		if c := e.candidate[id]; c >= 0 {
			key = "0" + e.snapshot.tags[e.ordinaryTags(int(c))[0]].name
		}
		if strings.Compare(last, key) >= 0 {
			return wrong(k.Digest, "it is not sorted into what stays")
		}
		last = key
		if !slices.Equal(k.Missing, e.missingOf(id)) {
			return wrong(k.Digest, "what it lists that is missing is not what the plan says is missing")
		}
	}
	return nil
}

func (e *evidence) checkTotals() error {
	want := e.totals(e.plan)
	want.Tie = e.plan.totals.Tie // the plan does not say which images share a place
	if got := e.plan.totals; got != want {
		return wrong("", "its totals are %+v, but its steps add up to %+v", got, want)
	}
	return nil
}

// same reports whether a plan says the same of a manifest in two places.
func same(a, b *Manifest) bool { return reflect.DeepEqual(a, b) }
