package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A usage is what the in-use lists say about the repository.
type usage struct {
	byRule  map[string]map[graph.ID]bool // what a rule holds
	unknown []regret.Digest              // digests of what is not read yet
	tags    map[string]bool              // tags that are in use
}

// holds reports whether a manifest is in use.
func (u *usage) holds(id graph.ID) bool {
	for _, held := range u.byRule {
		if held[id] {
			return true
		}
	}
	return false
}

// usage finds what is in use: by a tag of this repository, by the digest of a manifest, or
// by that of its configuration, which CRI-O reports.
func (d *Decision) usage() (usage, error) {
	u := usage{byRule: make(map[string]map[graph.ID]bool), tags: make(map[string]bool)}
	s := d.snapshot
	var configs map[graph.ID][]graph.ID
	for _, rule := range d.policy.Keep() {
		if rule.File() == "" {
			continue
		}
		if s.hasSeveralInUse(rule.File()) {
			return u, &policy.InUseError{
				Rule: rule.Name(), Name: rule.File(), Detail: policy.InUseSeveral, Problem: "there are different ones of this name: give one",
			}
		}
		tags, dgsts, err := s.inUseList(rule.File()).Held(s.registry, s.repository, rule, d.at)
		if err != nil {
			return u, err
		}
		held := make(map[graph.ID]bool)
		u.byRule[rule.Name()] = held
		for _, name := range tags {
			u.tags[name] = true
		}
		s.holdTags(held, tags)
		if configs == nil && len(dgsts) > 0 {
			configs = s.byConfig()
		}
		for _, dgst := range dgsts {
			found := false
			if id, ok := s.digests.find(dgst); ok {
				held[id] = true
				found = s.nodes[id].flags&(isRead|isMissing) != 0
			}
			if config, ok := s.blobs.find(dgst); ok {
				for _, id := range configs[config] {
					held[id], found = true, true
				}
			}
			if !found {
				u.unknown = append(u.unknown, dgst)
			}
		}
	}
	return u, nil
}

// byConfig returns the manifests of each configuration.
func (s *Snapshot) byConfig() map[graph.ID][]graph.ID {
	configs := make(map[graph.ID][]graph.ID)
	for id := range s.nodes {
		if config := s.nodes[id].config; config != none {
			configs[config] = append(configs[config], graph.ID(id))
		}
	}
	return configs
}

// holdTags marks what tags point to.
func (s *Snapshot) holdTags(held map[graph.ID]bool, tags []string) {
	if len(tags) == 0 {
		return
	}
	used := make(map[string]bool, len(tags))
	for _, name := range tags {
		used[name] = true
	}
	for _, t := range s.tags {
		if t.id != none && used[t.name] {
			held[t.id] = true
		}
	}
}

// hasSeveralInUse reports whether there are different in-use lists of a name. A plan records one.
func (s *Snapshot) hasSeveralInUse(name string) bool {
	first := s.inUseList(name)
	return slices.ContainsFunc(s.options.InUse, func(l *policy.InUse) bool {
		return l != nil && l.Name() == name && (l.Digest() != first.Digest() || !l.Made().Equal(first.Made()))
	})
}

// inUseList returns the in-use list of a name; nil if there is none.
func (s *Snapshot) inUseList(name string) *policy.InUse {
	if i := slices.IndexFunc(s.options.InUse, func(l *policy.InUse) bool { return l != nil && l.Name() == name }); i >= 0 {
		return s.options.InUse[i]
	}
	return nil
}
