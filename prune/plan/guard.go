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
// steps must not be taken any more, because of what a tag points to or what is in use by now.
// It only takes steps back, and never adds one.
//
// It knows of the repository what the plan says and what it is told. While [Guard.Missing]
// has questions, it does not know enough to answer.
//
// It is not safe for concurrent use.
type Guard struct {
	evidence *evidence
	tags     map[string]int           // the numbers of tags, by name
	planned  map[string]regret.Digest // what tags pointed to when the plan was made
	known    graph.ID                 // how many manifests the plan names
	inUse    usedNow
	back     map[graph.ID]bool // there again after they were deleted
	outdated bool              // the result does not know the latest changes
	unread   bool              // there may be something to read
}

// A usedNow is what newer in-use lists name.
type usedNow struct {
	tags    map[string]bool
	digests []regret.Digest // of manifests or of their configurations
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
	g := &Guard{
		evidence: e, tags: make(map[string]int), planned: make(map[string]regret.Digest),
		known: graph.ID(len(e.snapshot.nodes)), inUse: usedNow{tags: make(map[string]bool)}, back: make(map[graph.ID]bool),
	}
	for i, t := range e.snapshot.tags {
		g.tags[t.name] = i
		g.planned[t.name] = e.snapshot.digests.at(t.id)
	}
	return g, nil
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
	g.Found(dgst)
	id, _ := s.digests.find(dgst)
	s.tags[i].id, s.tags[i].state = id, tagRead
	g.unread = true
	return true
}

// DropTag records that a tag is gone. What it held may still be held until something else
// changes: to compute that anew for each tag that goes with its image would take long.
func (g *Guard) DropTag(name string) {
	if i, known := g.tags[name]; known && g.evidence.snapshot.tags[i].state == tagRead {
		g.evidence.snapshot.tags[i].id, g.evidence.snapshot.tags[i].state = none, tagVanished
	}
}

// Found records that the registry has a manifest.
func (g *Guard) Found(dgst regret.Digest) {
	n := &g.evidence.snapshot.nodes[g.evidence.node(dgst)]
	n.flags = n.flags&^isMissing | isPresent
	g.outdated = true
}

// Back records that a manifest is there again that was deleted, or is still there. It holds
// what it needs, and is not to be deleted once more.
func (g *Guard) Back(dgst regret.Digest) {
	g.Found(dgst)
	g.back[g.evidence.node(dgst)] = true
}

// Use records further in-use lists, each for the rule of the policy that names it. What they
// name stays, besides what the lists name that the plan was made with.
//
// Errors: [*policy.InUseError].
func (g *Guard) Use(lists []*policy.InUse, at time.Time) error {
	e := g.evidence
	for _, rule := range e.policy.Keep() {
		for _, list := range lists { // of several of the same name, all count
			if rule.File() == "" || list == nil || list.Name() != rule.File() {
				continue
			}
			tags, dgsts, err := list.Held(e.snapshot.registry, e.snapshot.repository, rule, at)
			if err != nil {
				return err
			}
			for _, name := range tags {
				g.inUse.tags[name] = true
			}
			for _, dgst := range dgsts {
				e.node(dgst) // now, so that no number is given while the others are in use
				g.inUse.digests = append(g.inUse.digests, dgst)
			}
		}
	}
	g.outdated, g.unread = true, true
	return nil
}

// NamesUnknown reports whether an in-use list names a digest that no manifest has that the
// plan or the guard knows. It may be that of a configuration, which CRI-O reports; see
// [Guard.Config].
func (g *Guard) NamesUnknown() bool {
	return slices.ContainsFunc(g.inUse.digests, func(dgst regret.Digest) bool {
		return g.evidence.node(dgst) >= g.known
	})
}

// Config records which configuration a manifest has. The plan does not say that.
func (g *Guard) Config(dgst, config regret.Digest) {
	s := g.evidence.snapshot
	s.nodes[g.evidence.node(dgst)].config = s.blob(config, 0)
	g.outdated = true
}

// Missing yields what must be read before the guard can answer: manifests that tags lead to
// since the plan was made, and what is in use under no tag. All questions are [AskManifest].
func (g *Guard) Missing() iter.Seq[Question] {
	return func(yield func(Question) bool) {
		if !g.unread {
			return
		}
		asked := make(map[graph.ID]bool)
		for id := range g.unreadManifests() {
			if asked[id] {
				continue
			}
			asked[id] = true
			if !yield(Question{Kind: AskManifest, Digest: g.evidence.snapshot.digests.at(id)}) {
				return
			}
		}
		g.unread = len(asked) > 0
	}
}

// unreadManifests yields manifests that are to be read, some of them more than once.
func (g *Guard) unreadManifests() iter.Seq[graph.ID] {
	e := g.evidence
	isUnread := func(id graph.ID) bool {
		return e.snapshot.nodes[id].flags&(isRead|isMissing) == 0 && !e.isDescribed(id)
	}
	return func(yield func(graph.ID) bool) {
		for _, t := range e.snapshot.tags {
			if t.state == tagRead && isUnread(t.id) && !yield(t.id) {
				return
			}
		}
		for id := range graph.ID(len(e.snapshot.nodes)) {
			if e.snapshot.nodes[id].flags&isRead == 0 {
				continue
			}
			for _, child := range e.snapshot.lists(id) {
				if e.snapshot.isIndex(child) && isUnread(child) && !yield(child) {
					return
				}
			}
			// It may refer to something that goes: registries that delete along what refers to
			// a manifest do so to any depth.
			if subject := e.snapshot.nodes[id].subject; subject != none && isUnread(subject) && !yield(subject) {
				return
			}
		}
		configs := e.snapshot.byConfig()
		for _, dgst := range g.inUse.digests {
			if config, ok := e.snapshot.blobs.find(dgst); ok && len(configs[config]) > 0 {
				continue
			}
			if id := e.node(dgst); isUnread(id) && !yield(id) {
				return
			}
		}
	}
}

// isDescribed reports whether the plan says what a manifest lists and refers to. Of some that
// stay, it only knows that they are there, such as what a companion tag belongs to.
func (e *evidence) isDescribed(id graph.ID) bool {
	m := e.manifests[id]
	return m != nil && (e.deleted[id] || len(m.Tags) > 0 || len(m.Lists) > 0 || m.Subject != "")
}

// Manifest answers a question of Missing. It fails if the content is no manifest.
func (g *Guard) Manifest(q Question, m *regret.Manifest) error {
	g.outdated, g.unread = true, true
	err := g.evidence.snapshot.Manifest(q, m)
	g.evidence.grow()
	return err
}

// NotFound answers a question of Missing about a manifest that is gone.
func (g *Guard) NotFound(q Question) {
	g.outdated, g.unread = true, true
	g.evidence.snapshot.NotFound(q)
}

// CheckLimits returns an error if what was read exceeds a limit of what planning reads, so
// that a tag that leads to ever more indexes cannot keep a run busy for ever.
//
// Errors: [*LimitError].
func (g *Guard) CheckLimits() error {
	g.decide()
	return g.evidence.checkLimits()
}

// Holds returns why a manifest that the plan deletes must stay by now.
func (g *Guard) Holds(dgst regret.Digest) (Reason, bool) {
	g.decide()
	e := g.evidence
	id, known := e.snapshot.digests.find(dgst)
	if !known || e.result.Goes(id) {
		return Reason{}, false
	}
	if g.back[id] {
		return Reason{Text: "it is there again"}, true
	}
	if name, ok := g.unplannedTag(id); ok {
		return Reason{Text: "a tag points to it that the plan does not know: " + name}, true
	}
	return e.needed(id), true
}

// unplannedTag returns an ordinary tag that was put on a manifest since the plan was made.
// Rules have not judged it, so that it holds the manifest.
func (g *Guard) unplannedTag(id graph.ID) (name string, ok bool) {
	e := g.evidence
	c := e.candidate[id]
	if c < 0 {
		return "", false
	}
	dgst := e.snapshot.digests.at(id)
	for _, tag := range e.ordinaryTags(int(c)) {
		if name := e.snapshot.tags[tag].name; g.planned[name] != dgst {
			return name, true
		}
	}
	return "", false
}

// Presumed returns the manifests that a step counts on to be gone, because what it takes away
// belongs to them: the owners of companion tags, and the subject.
func (g *Guard) Presumed(step *Step) []regret.Digest {
	s := g.evidence.snapshot
	var gone []regret.Digest
	add := func(dgst regret.Digest) {
		if id, known := s.digests.find(dgst); known && s.nodes[id].flags&isMissing != 0 && !slices.Contains(gone, dgst) {
			gone = append(gone, dgst)
		}
	}
	tags := step.Tags
	if step.Action == Untag {
		tags = step.Untag
	} else if step.Subject != "" {
		add(step.Subject)
	}
	for _, name := range tags {
		if whole := classify(name).whole; whole != "" {
			add(whole)
		}
	}
	return gone
}

// RefersTo returns what the manifest of a step refers to, by its subject or by a companion tag,
// as far as the guard knows it to be there.
func (g *Guard) RefersTo(step *Step) []regret.Digest {
	s := g.evidence.snapshot
	var to []regret.Digest
	if step.Subject != "" {
		to = append(to, step.Subject)
	}
	for _, name := range step.Tags {
		for _, owner := range s.owners(classify(name)) {
			to = append(to, s.digests.at(owner))
		}
	}
	return to
}

// decide computes again what goes, if anything has changed.
func (g *Guard) decide() {
	if !g.outdated {
		return
	}
	g.outdated = false
	e := g.evidence
	e.grow()
	e.arrange()
	g.markUsed(e.inUse.byRule[""])
	e.pinned = g.pinned()
	for id, deleted := range e.deleted {
		c := e.candidate[id]
		switch _, unplanned := g.unplannedTag(graph.ID(id)); {
		case !deleted, c < 0 && g.back[graph.ID(id)]:
		case c < 0: // it goes for its own sake by now: the tag by which it belonged to others may have moved
			e.loose = append(e.loose, graph.ID(id))
		case unplanned, g.back[graph.ID(id)]:
			e.selected[c] = false
		}
	}
	e.solve()
}

// markUsed marks what newer in-use lists name. Of a tag that has moved, what it pointed to
// may be what is in use.
func (g *Guard) markUsed(used map[graph.ID]bool) {
	s := g.evidence.snapshot
	for name := range g.inUse.tags {
		if i, known := g.tags[name]; known && s.tags[i].id != none {
			used[s.tags[i].id] = true
		}
		if dgst, known := g.planned[name]; known {
			used[g.evidence.node(dgst)] = true
		}
	}
	configs := s.byConfig()
	for _, dgst := range g.inUse.digests {
		used[g.evidence.node(dgst)] = true
		if config, ok := s.blobs.find(dgst); ok {
			for _, id := range configs[config] {
				used[id] = true
			}
		}
	}
}

// pinned returns what stays although tags and rules may not say so any more: what the plan
// keeps, because the guard never adds a step; what is back, or still there; and what a tag has
// moved to that rules take by its name alone, because it is of the trash or what it belongs to is
// gone, or because they name it.
func (g *Guard) pinned() []graph.ID {
	e := g.evidence
	var pinned []graph.ID
	for id, m := range e.manifests {
		if m != nil && !e.deleted[id] || g.back[graph.ID(id)] {
			pinned = append(pinned, graph.ID(id))
		}
	}
	for _, t := range e.snapshot.tags {
		if t.state != tagRead || g.planned[t.name] == e.snapshot.digests.at(t.id) {
			continue
		}
		if name := classify(t.name); name.class == trash || name.class == companion && (e.refs[t.name] || len(e.snapshot.owners(name)) == 0) {
			pinned = append(pinned, t.id)
		}
	}
	return pinned
}
