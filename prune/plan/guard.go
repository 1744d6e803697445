package plan

import (
	"iter"
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A Guard follows what happens to a repository while a plan is carried out, and says which
// steps must not be taken any more: of what the plan wants to delete, what a tag now leads
// to or what is in use by now. It only takes steps back, and never adds one.
//
// It is not safe for concurrent use.
type Guard struct {
	evidence *evidence
	tags     map[string]int // the numbers of tags, by name
	planned  map[string]regret.Digest
	changed  bool
}

// Guard returns a guard for the plan as it is.
func (p *Plan) Guard() (*Guard, error) {
	rules, err := policy.Parse(p.header.Policy)
	if err != nil {
		return nil, &VerifyError{Problem: "its policy: " + err.Error(), Err: err}
	}
	e, err := p.evidence(rules)
	if err != nil {
		return nil, err
	}
	g := &Guard{evidence: e, tags: make(map[string]int), planned: make(map[string]regret.Digest)}
	for i, t := range e.snapshot.tags {
		g.tags[t.name] = i
		g.planned[t.name] = e.snapshot.digests.at(t.id)
	}
	return g, nil
}

// Planned returns what a tag pointed to when the plan was made.
func (g *Guard) Planned(tag string) (regret.Digest, bool) {
	dgst, ok := g.planned[tag]
	return dgst, ok
}

// SetTag records what a tag points to now. It reports whether that is new.
func (g *Guard) SetTag(name string, dgst regret.Digest) bool {
	s := g.evidence.snapshot
	i, known := g.tags[name]
	if known && s.tags[i].state == tagRead && s.digests.at(s.tags[i].id) == dgst {
		return false
	}
	if !known {
		i = len(s.tags)
		g.tags[name] = i
		s.tags = append(s.tags, tag{name: name})
	}
	id := g.evidence.node(dgst)
	s.nodes[id].flags = s.nodes[id].flags&^isMissing | isPresent
	s.tags[i].id, s.tags[i].state = id, tagRead
	g.changed = true
	return true
}

// DropTag records that a tag is gone.
func (g *Guard) DropTag(name string) {
	if i, known := g.tags[name]; known && g.evidence.snapshot.tags[i].state == tagRead {
		g.evidence.snapshot.tags[i].id, g.evidence.snapshot.tags[i].state = none, tagVanished
		g.changed = true
	}
}

// Use records further in-use lists, each for the rule of the policy that names it.
//
// Errors: [*policy.InUseError].
func (g *Guard) Use(lists []*policy.InUse, at time.Time) error {
	e := g.evidence
	e.snapshot.options.InUse, e.at = lists, at
	defer func() { e.at = e.plan.header.At }()
	for _, rule := range e.policy.Keep() {
		list := e.snapshot.inUseList(rule.File())
		if rule.File() == "" || list == nil {
			continue
		}
		tags, dgsts, err := list.Held(e.snapshot.registry, e.snapshot.repository, rule, at)
		if err != nil {
			return err
		}
		used := e.inUse.byRule[""]
		e.snapshot.holdTags(used, tags)
		for _, dgst := range dgsts {
			used[e.node(dgst)] = true
		}
		g.changed = true
	}
	return nil
}

// Missing yields what must be read of manifests that tags lead to since the plan was made:
// [AskManifest] only.
func (g *Guard) Missing() iter.Seq[Question] {
	e := g.evidence
	return func(yield func(Question) bool) {
		asked := make(map[graph.ID]bool)
		ask := func(id graph.ID) bool {
			n := &e.snapshot.nodes[id]
			if asked[id] || e.manifests[id] != nil || n.flags&(isRead|isMissing) != 0 {
				return true
			}
			asked[id] = true
			return yield(Question{Kind: AskManifest, Digest: e.snapshot.digests.at(id)})
		}
		for _, t := range e.snapshot.tags {
			if t.state == tagRead && !ask(t.id) {
				return
			}
		}
		for id := range graph.ID(len(e.snapshot.nodes)) {
			if e.snapshot.nodes[id].flags&isRead == 0 {
				continue
			}
			for _, child := range e.snapshot.lists(id) {
				if e.snapshot.isIndex(child) && !ask(child) {
					return
				}
			}
		}
	}
}

// Manifest answers a question of Missing.
func (g *Guard) Manifest(q Question, m *regret.Manifest) error {
	g.changed = true
	err := g.evidence.snapshot.Manifest(q, m)
	g.evidence.grow()
	return err
}

// NotFound answers a question of Missing about a manifest that is gone.
func (g *Guard) NotFound(q Question) {
	g.changed = true
	g.evidence.snapshot.NotFound(q)
}

// Holds returns why a manifest that the plan deletes must stay by now.
func (g *Guard) Holds(dgst regret.Digest) (Reason, bool) {
	g.decide()
	e := g.evidence
	id, known := e.snapshot.digests.find(dgst)
	if !known || e.result.Goes(id) {
		return Reason{}, false
	}
	if !e.result.Concerned(id) {
		return Reason{Text: "a tag points to it that the plan does not know: " + e.nameOf(id)}, true
	}
	return e.needed(id), true
}

// decide computes again what goes, if anything has changed.
func (g *Guard) decide() {
	if !g.changed {
		return
	}
	g.changed = false
	e := g.evidence
	e.grow()
	e.loose, e.keeps, e.removes = nil, nil, nil
	used := e.inUse.byRule[""]
	e.decide()
	for id := range used {
		e.inUse.byRule[""][id] = true
	}
	for c, id := range e.candidates {
		if e.selected[c] && !g.onlyPlannedTags(c, id) {
			e.selected[c] = false
		}
	}
	for id := range e.graph.Flags {
		e.graph.Flags[id] = 0
	}
	e.flags()
	e.result = e.graph.Solve()
}

// onlyPlannedTags reports whether no ordinary tag was put on a manifest since the plan was
// made: rules have not judged such a tag.
func (g *Guard) onlyPlannedTags(c int, id graph.ID) bool {
	dgst := g.evidence.snapshot.digests.at(id)
	return !slices.ContainsFunc(g.evidence.ordinaryTags(c), func(tag graph.ID) bool {
		return g.planned[g.evidence.snapshot.tags[tag].name] != dgst
	})
}

// Tags yields the tags that are there as far as the guard knows, and what they point to.
func (g *Guard) Tags() iter.Seq2[string, regret.Digest] {
	return func(yield func(string, regret.Digest) bool) {
		for _, t := range g.evidence.snapshot.tags {
			if t.state == tagRead && !yield(t.name, g.evidence.snapshot.digests.at(t.id)) {
				return
			}
		}
	}
}
