package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
)

// checkUntags checks the steps that take tags off: companion and trash tags exactly where
// they come off, ordinary ones only where a rule may say so, and none where the manifest
// would be left without a tag.
func (e *evidence) checkUntags() error {
	steps := e.plan.steps[len(e.steps):] // those before delete
	off := make(map[graph.ID][]string)
	for i := range steps {
		s := &steps[i]
		if err := e.checkUntag(s); err != nil {
			return err
		}
		if i > 0 && compareUntags(&steps[i-1], s) >= 0 {
			return wrong(s.Digest, "the steps that take tags off are not sorted")
		}
		id := e.node(s.Digest)
		off[id] = append(off[id], s.Untag...)
	}
	for id := range graph.ID(len(e.manifests)) {
		if e.manifests[id] == nil || e.deleted[id] {
			continue
		}
		if err := e.checkTagsOff(id, off[id]); err != nil {
			return err
		}
	}
	return nil
}

// checkUntag checks a step that takes tags off.
func (e *evidence) checkUntag(s *Step) error {
	if s.Action != Untag {
		return wrong(s.Digest, "its deletion is no part of the order of deletions")
	}
	id, known := e.snapshot.digests.find(s.Digest)
	if !known || e.manifests[id] == nil || e.deleted[id] || !same(e.manifests[id], &s.Manifest) {
		return wrong(s.Digest, "a step takes tags off it, but it is not what stays")
	}
	if err := e.checkRules(s); err != nil {
		return err
	}
	var after []regret.Digest
	for _, name := range s.Untag {
		class := classify(name)
		for _, owner := range e.snapshot.owners(class) {
			after = append(after, e.snapshot.digests.at(owner))
		}
		if class.class == ordinary && !e.mayComeOff(s, name) {
			return wrong(s.Digest, "no rule of the step takes the tag %s off", name)
		}
		if class.class != ordinary && s.Overwrite {
			return wrong(s.Digest, "the tag %s is not to be overwritten", name)
		}
	}
	slices.Sort(after)
	if !slices.Equal(slices.Compact(after), s.After) {
		return wrong(s.Digest, "the step that takes tags off is not after those that it must come after")
	}
	return nil
}

// mayComeOff reports whether a rule of a step may take an ordinary tag off an image that
// stays.
func (e *evidence) mayComeOff(s *Step, tag string) bool {
	return s.Role == RoleImage && e.keptByName(tag) == "" && slices.ContainsFunc(e.removes, func(r *ranked) bool {
		return r.Untag() && (r.Overwrite() || !s.Overwrite) && slices.Contains(s.Rules, r.Name()) && len(r.Match(tag)) > 0
	})
}

// checkTagsOff checks what comes off one manifest by all steps together.
func (e *evidence) checkTagsOff(id graph.ID, off []string) error {
	m := e.manifests[id]
	slices.Sort(off)
	if len(slices.Compact(off)) < len(off) {
		return wrong(m.Digest, "a tag is taken off twice")
	}
	var ordinaryOff, othersOff, others []string
	for _, name := range off {
		if classify(name).class == ordinary {
			ordinaryOff = append(ordinaryOff, name)
		} else {
			othersOff = append(othersOff, name)
		}
	}
	for _, tag := range e.tagsOf.Of(id) {
		if e.comesOffAlone(tag) {
			others = append(others, e.snapshot.tags[tag].name)
		}
	}
	if len(ordinaryOff)+len(others) == len(m.Tags) {
		others = nil // the last tag of a manifest never comes off
	}
	if c := e.candidate[id]; len(ordinaryOff) > 0 && len(ordinaryOff) == len(e.ordinaryTags(int(c))) {
		return wrong(m.Digest, "its last ordinary tag is taken off")
	}
	if !slices.Equal(othersOff, others) {
		return wrong(m.Digest, "the companion and trash tags that come off are not those that are due")
	}
	return nil
}
