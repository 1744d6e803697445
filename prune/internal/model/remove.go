package model

import (
	"slices"
	"time"
)

// wants reports whether a remove rule wants a tag of a manifest: it matches the tag, and all its
// conditions hold. What is unknown is not old, and beyond nothing.
func (s *scenario) wants(r Rule, id, tag string) bool {
	if r.Untagged || r.Orphans || r.Trash || len(r.matches(tag)) == 0 {
		return false
	}
	if r.OlderThan != "" {
		isOld := func(date time.Time) bool {
			if date.IsZero() {
				return r.Undated
			}
			return date.Before(s.ago(r.OlderThan))
		}
		if !slices.ContainsFunc(s.datesFor(r, id, []string{tag}), isOld) {
			return false
		}
	}
	if r.Beyond > 0 {
		k := s.rank(r, r.rankedBy())
		if k.newest(s.ranked(id), r.Beyond) != outside {
			return false
		}
	}
	return r.NotPulled == "" || s.isIdle(id, r.NotPulled)
}

// isIdle reports whether a native API says that a manifest was not pulled for a while. What was never
// pulled counts from its upload.
func (s *scenario) isIdle(id, span string) bool {
	m := s.manifests[id]
	var last time.Time
	switch {
	case s.Listing != "lister":
	case m.Pulled.Never && s.isPlausible(m.Uploaded):
		last = m.Uploaded
	case s.isPlausible(m.Pulled.At):
		last = m.Pulled.At
	}
	return !last.IsZero() && last.Before(s.ago(span))
}

// wantedBy returns the names of the remove rules that want at least one tag of a manifest, sorted.
func (s *scenario) wantedBy(id string) []string {
	names := []string{}
	for _, r := range s.policy.Remove {
		if slices.ContainsFunc(s.manifests[id].ordinary, func(tag string) bool { return s.wants(r, id, tag) }) {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *scenario) isWanted(id, tag string) bool {
	return slices.ContainsFunc(s.policy.Remove, func(r Rule) bool { return s.wants(r, id, tag) })
}

// unwanted returns the ordinary tags of a manifest that no rule wants, sorted.
func (s *scenario) unwanted(id string) []string {
	tags := []string{}
	for _, tag := range s.manifests[id].ordinary {
		if !s.isWanted(id, tag) {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

// isSelected reports whether the policy wants a manifest deleted.
func (s *scenario) isSelected(m *manifest) bool {
	switch {
	case !m.there:
		return false
	case len(m.ordinary) > 0:
		return len(s.unwanted(m.ID)) == 0 && len(s.keptBy(m.ID)) == 0
	case m.hasTags():
		return s.allTagsAreTaken(m)
	}
	return slices.ContainsFunc(s.policy.Remove, func(r Rule) bool { return s.isDueWithoutTag(r, m) })
}

// allTagsAreTaken reports whether rules take all tags of a manifest: trash tags that are due, and
// companion tags of what is gone.
func (s *scenario) allTagsAreTaken(m *manifest) bool {
	for _, tag := range m.trash {
		if !s.trashIsDue(tag) {
			return false
		}
	}
	for _, tag := range m.companions {
		if !s.isOrphan(tag) || s.orphansRule() == nil {
			return false
		}
	}
	return len(m.ordinary) == 0
}

// isDueWithoutTag reports whether a rule wants a manifest without tags: a list names it with an upload
// time that is long ago, and for the rule about orphans, its subject is gone.
func (s *scenario) isDueWithoutTag(r Rule, m *manifest) bool {
	orphan := m.Subject != "" && !s.subjectThere(m)
	return (r.Untagged || r.Orphans && orphan) && s.isDueBy(r, m)
}

// isDueBy reports whether a list says that a manifest without tags was uploaded before the time that a
// rule for such gives it.
func (s *scenario) isDueBy(r Rule, m *manifest) bool {
	span := "24h"
	if r.OlderThan != "" {
		span = r.OlderThan
	}
	return !m.hasTags() && s.listsDigests() && s.isPlausible(m.Uploaded) && m.Uploaded.Truncate(time.Second).Before(s.ago(span))
}
