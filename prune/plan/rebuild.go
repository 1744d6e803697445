package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// An evidence is what a plan says of the repository, arranged as it was for the decision
// that the plan was made from: what points where, and what the rules select.
type evidence struct {
	assembler // without rankings
	plan      *Plan
	manifests []*Manifest // by number; nil if the plan only names the digest
	deleted   []bool      // by number: a step of the plan deletes it
	pinned    []graph.ID  // stay whatever tags and rules say; see Guard
}

// evidence returns what the plan says of the repository. It fails if the plan says two
// things of one manifest or tag.
func (p *Plan) evidence(rules *policy.Policy) (*evidence, error) {
	s := NewSnapshot(p.header.Registry, p.header.Repository, Options{})
	s.namesAll, s.invalid = p.header.NamesAll, p.header.Broken
	e := &evidence{plan: p, assembler: assembler{Decision: &Decision{
		policy: rules, snapshot: s, at: p.header.At, now: p.header.At.Unix(), refs: namesOf(rules),
	}}}
	for i := range p.steps {
		if step := &p.steps[i]; step.Action == Delete {
			if err := e.add(&step.Manifest, true); err != nil {
				return nil, err
			}
		}
	}
	for i := range p.kept {
		if err := e.add(&p.kept[i].Manifest, false); err != nil {
			return nil, err
		}
	}
	for _, dgst := range p.header.Missing {
		id := e.node(dgst)
		if e.manifests[id] != nil {
			return nil, wrong(dgst, "it is both here and missing")
		}
		s.nodes[id].flags |= isMissing
	}
	if err := e.checkTags(); err != nil {
		return nil, err
	}
	e.decide()
	return e, nil
}

// add adds what the plan says of a manifest.
func (e *evidence) add(m *Manifest, deleted bool) error {
	s, id := e.snapshot, e.node(m.Digest)
	if e.manifests[id] != nil {
		return wrong(m.Digest, "it is in the plan twice")
	}
	e.manifests[id], e.deleted[id] = m, deleted
	s.nodes[id].flags |= isPresent | isListed // by the plan
	if m.Role == RoleAttestation {
		s.nodes[id].flags |= isAttestation
	}
	if m.Subject != "" {
		subject := e.node(m.Subject)
		s.nodes[id].subject = subject
	}
	for _, name := range m.Tags {
		s.tags = append(s.tags, tag{name, id, tagRead})
	}
	lists := span{from: uint32(len(s.listed)), n: uint32(len(m.Lists))}
	for _, dgst := range m.Lists {
		s.list(e.node(dgst), false)
	}
	s.nodes[id].lists = lists
	return nil
}

// node returns the number of a digest.
func (e *evidence) node(dgst regret.Digest) graph.ID {
	id := e.snapshot.node(dgst)
	for len(e.manifests) <= int(id) {
		e.manifests, e.deleted = append(e.manifests, nil), append(e.deleted, false)
	}
	return id
}

// checkTags checks that each tag is on one manifest only.
func (e *evidence) checkTags() error {
	names := make([]string, len(e.snapshot.tags))
	for i, t := range e.snapshot.tags {
		names[i] = t.name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i-1] == names[i] {
			return wrong("", "the tag %s is on two manifests", names[i])
		}
	}
	return nil
}

// decide takes over what rules select and what is in use, and computes what goes.
func (e *evidence) decide() {
	for _, rule := range e.policy.Keep() {
		e.keeps = append(e.keeps, &ranked{Rule: rule})
	}
	for _, rule := range e.policy.Remove() {
		e.removes = append(e.removes, &ranked{Rule: rule})
	}
	e.arrange()
	e.solve()
	e.steps = make(map[graph.ID]regret.Digest)
	for id, deleted := range e.deleted {
		if deleted {
			e.steps[graph.ID(id)] = e.manifests[id].Digest
		}
	}
}

// arrange arranges what is known, and takes over from the plan what rules select and what is
// in use.
func (e *evidence) arrange() {
	e.layout = e.snapshot.layout()
	used := make(map[graph.ID]bool)
	e.inUse = usage{byRule: map[string]map[graph.ID]bool{"": used}}
	e.selected, e.ages, e.loose = make([]bool, len(e.candidates)), make([]age, len(e.candidates)), nil
	for id := range graph.ID(len(e.manifests)) {
		m := e.manifests[id]
		if m == nil {
			continue
		}
		if m.InUse {
			used[id] = true
		}
		if c := e.candidate[id]; c >= 0 {
			e.selected[c] = m.Selected
			e.ages[c].complete = m.Undated
		} else if m.Selected {
			e.loose = append(e.loose, id)
		}
	}
}

// solve computes what goes.
func (e *evidence) solve() {
	e.flags()
	for _, id := range e.pinned {
		e.graph.Flags[id] |= graph.Pinned
	}
	e.result = e.graph.Solve()
}

// grow makes room for manifests that the snapshot has learned of.
func (e *evidence) grow() {
	for len(e.manifests) < len(e.snapshot.nodes) {
		e.manifests, e.deleted = append(e.manifests, nil), append(e.deleted, false)
	}
}
