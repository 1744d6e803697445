package model

import (
	"fmt"
	"slices"
	"time"
)

// dateFor returns the date that counts for a manifest under a rule that read m from its tag: that in
// the tag if the pattern reads one, and otherwise the age of the manifest. The age of a tagged
// referrer is that of its subject, and of the subject of that, down to what refers to nothing.
func (s *scenario) dateFor(id string, m match) time.Time {
	switch {
	case m.dated && !s.isPlausible(m.date):
		return time.Time{}
	case m.dated:
		return m.date
	}
	return s.age(s.root(id)).Time
}

// root returns what a manifest refers to in the end. What refers to nothing is its own root.
func (s *scenario) root(id string) string {
	for s.manifests[id].Subject != "" {
		id = s.manifests[id].Subject
	}
	return id
}

// datesFor returns the dates that count for tags of a manifest under a rule. Zero is unknown.
func (s *scenario) datesFor(r Rule, id string, tags []string) (dates []time.Time) {
	for _, tag := range tags {
		for _, m := range r.matches(tag) {
			dates = append(dates, s.dateFor(id, m))
		}
	}
	return dates
}

// ranked returns whose rank counts for a manifest: that of the subject of a tagged referrer.
func (s *scenario) ranked(id string) string {
	if s.manifests[id].isTaggedReferrer() {
		return s.manifests[id].Subject
	}
	return id
}

func (r Rule) matchesAny(tags []string) bool {
	return slices.ContainsFunc(tags, func(tag string) bool { return len(r.matches(tag)) > 0 })
}

// keeps reports whether a keep rule holds a manifest. One condition suffices, no condition holds all
// that the rule matches, and what is unknown is held.
func (s *scenario) keeps(r Rule, id string) bool {
	m := s.manifests[id]
	if r.File != "" {
		return s.listKeeps(r, m)
	}
	if !r.matchesAny(m.ordinary) {
		return false
	}
	conditions := 0
	held := func(is bool) bool { conditions++; return is }
	if r.Newest > 0 {
		k := s.rank(r, r.rankedBy())
		if held(k.newest(s.ranked(id), r.Newest) != outside) {
			return true
		}
	}
	for _, c := range r.calendar() {
		k := s.rank(r, "date")
		if held(k.newestOfPeriods(s.ranked(id), c.n, c.period) != outside) {
			return true
		}
	}
	if r.Within != "" {
		isYoung := func(date time.Time) bool { return date.IsZero() || !date.Before(s.ago(r.Within)) }
		if held(slices.ContainsFunc(s.datesFor(r, id, m.ordinary), isYoung)) {
			return true
		}
	}
	return conditions == 0
}

// listKeeps reports whether an in-use list keeps a manifest. A digest in the list holds a tagged
// referrer by itself, but names none of its tags.
func (s *scenario) listKeeps(r Rule, m *manifest) bool {
	i := slices.IndexFunc(s.inUse, func(l inUseList) bool { return l.rule == r.Name })
	if m.isTaggedReferrer() {
		return slices.ContainsFunc(m.ordinary, func(tag string) bool { return slices.Contains(s.inUse[i].tags, tag) })
	}
	return s.inUse[i].holds(s, m)
}

// names reports whether a keep rule names a tag: it matches the tag, on a manifest that it holds.
func (s *scenario) names(r Rule, id, tag string) bool {
	if r.File != "" {
		i := slices.IndexFunc(s.inUse, func(l inUseList) bool { return l.rule == r.Name })
		return slices.Contains(s.inUse[i].tags, tag)
	}
	return len(r.matches(tag)) > 0 && s.keeps(r, id)
}

// keptBy returns the names of the keep rules that hold a manifest, sorted.
func (s *scenario) keptBy(id string) []string {
	names := []string{}
	for _, r := range s.policy.Keep {
		if s.keeps(r, id) {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

// A calendar condition holds the newest of each of the last n periods.
type calendar struct {
	n      int
	period func(t time.Time) string
}

func (r Rule) calendar() (all []calendar) {
	zone := r.location()
	add := func(n int, period func(t time.Time) string) {
		if n > 0 {
			all = append(all, calendar{n, func(t time.Time) string { return period(t.In(zone)) }})
		}
	}
	add(r.Hourly, func(t time.Time) string { return t.Format("2006-01-02T15 -0700") }) // with the offset, because an hour can come twice
	add(r.Daily, func(t time.Time) string { return t.Format(time.DateOnly) })
	add(r.Weekly, func(t time.Time) string { year, week := t.ISOWeek(); return fmt.Sprint(year, " ", week) })
	add(r.Monthly, func(t time.Time) string { return t.Format("2006-01") })
	add(r.Yearly, func(t time.Time) string { return t.Format("2006") })
	return all
}

// nearly returns by how much an image misses to be among the newest of each keep rule that matches it
// and does not hold it: its place and the number of places.
func (s *scenario) nearly(id string) map[string][2]int {
	nearly := map[string][2]int{}
	for _, r := range s.policy.Keep {
		if r.Newest == 0 || s.keeps(r, id) {
			continue
		}
		k := s.rank(r, r.rankedBy())
		if place, ok := k.place(id); ok && place > r.Newest {
			nearly[r.Name] = [2]int{place, r.Newest}
		}
	}
	return nearly
}
