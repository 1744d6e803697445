package model

import (
	"fmt"
	"slices"
	"time"
)

// An entry is an image in a group of a rule, by the best of its tags there.
type entry struct {
	id    string
	group group
	best  *match    // nil if no tag there has what ranks
	date  time.Time // of the best match, where dates rank
}

// A ranking is all images that a rule matches, in groups.
type ranking struct {
	*scenario
	rule    Rule
	by      string
	entries []entry
}

// rank ranks the images that a rule matches, whatever other rules do with them.
func (s *scenario) rank(r Rule, by string) *ranking {
	key := fmt.Sprintf("%s %+v", by, r)
	if s.rankings[key] == nil {
		k := &ranking{scenario: s, rule: r, by: by}
		for _, id := range s.images() {
			k.add(id)
		}
		s.rankings[key] = k
	}
	return s.rankings[key]
}

// add puts an image into each group of its tags. Tags without what ranks take no place if another tag
// has it.
func (k *ranking) add(id string) {
	var of []entry
	for _, tag := range k.manifests[id].ordinary {
		for _, m := range k.rule.matches(tag) {
			e := entry{id: id, group: k.rule.groupOf(m)}
			if e.date = k.dateFor(id, m); k.isRanked(m, e.date) {
				e.best = &m
			}
			of = append(of, e)
		}
	}
	isRanked := func(e entry) bool { return e.best != nil }
	if !slices.ContainsFunc(of, isRanked) {
		k.entries = append(k.entries, of...)
		return
	}
	for _, e := range of {
		isBetter := func(other entry) bool { return isRanked(other) && other.group == e.group && k.compare(other, e) > 0 }
		if isRanked(e) && !slices.ContainsFunc(of, isBetter) {
			k.entries = append(k.entries, e)
		}
	}
}

func (k *ranking) isRanked(m match, date time.Time) bool {
	switch k.by {
	case "version":
		return m.version != nil
	case "number":
		return m.number != ""
	}
	return !date.IsZero()
}

// compare returns a positive number if the first of two ranked entries is better.
func (k *ranking) compare(a, b entry) int {
	switch k.by {
	case "version":
		return a.best.version.Compare(b.best.version)
	case "number":
		return compareNumbers(a.best.number, b.best.number)
	}
	return a.date.Compare(b.date)
}

// of returns the entries of an image.
func (k *ranking) of(id string) (of []entry) {
	for _, e := range k.entries {
		if e.id == id {
			of = append(of, e)
		}
	}
	return of
}

// listedBy returns the entries of the images in the same group that list an image. The image takes no
// place there and shares their verdict.
func (k *ranking) listedBy(e entry) (parents []entry) {
	for _, other := range k.entries {
		if other.group == e.group && slices.Contains(k.manifests[other.id].lists, e.id) {
			parents = append(parents, other)
		}
	}
	return parents
}

// takesPlace reports whether an entry counts in its group.
func (k *ranking) takesPlace(e entry) bool { return e.best != nil && len(k.listedBy(e)) == 0 }

// better returns how many images of the same group are better.
func (k *ranking) better(e entry) int {
	better := map[string]bool{}
	for _, other := range k.entries {
		if other.group == e.group && k.takesPlace(other) && k.compare(other, e) > 0 {
			better[other.id] = true
		}
	}
	return len(better)
}

// isBestGroup reports whether a group is one of those that the rule is limited to: the best groups of
// the same variant and class, by the best image of each.
func (k *ranking) isBestGroup(g group) bool {
	if k.rule.Groups == 0 {
		return true
	}
	inOrder := k.rank(k.rule, k.rule.rankedBy()) // which orders groups even where a calendar asks
	best, ok := inOrder.bestOf(g)
	if !ok {
		return true // nothing tells its rank, and unknown is never old
	}
	better := map[group]bool{}
	for _, e := range inOrder.entries {
		other, ok := inOrder.bestOf(e.group)
		if e.group.sameClass(g) && ok && inOrder.compare(other, best) > 0 {
			better[e.group] = true
		}
	}
	return len(better) < k.rule.Groups
}

func (k *ranking) bestOf(g group) (best entry, ok bool) {
	for _, e := range k.entries {
		if e.group == g && k.takesPlace(e) && (!ok || k.compare(e, best) > 0) {
			best, ok = e, true
		}
	}
	return best, ok
}

// A standing is what a ranking says of an image.
type standing int

const (
	unknown standing = iota // it has nothing that ranks, or it is in no group
	inside
	outside
)

// standing returns whether an image is among those that a condition selects, of which isInside decides
// for an entry that takes a place. One group that holds the image suffices.
func (k *ranking) standing(id string, isInside func(e entry) bool) standing {
	result := unknown
	for i, e := range k.of(id) {
		var of standing
		switch parents := k.listedBy(e); {
		case len(parents) > 0:
			of = outside
			for _, parent := range parents {
				of = best(of, k.standing(parent.id, isInside))
			}
		case e.best == nil:
			of = unknown
		case isInside(e):
			of = inside
		default:
			of = outside
		}
		if i == 0 {
			result = of
		}
		result = best(result, of)
	}
	return result
}

// best returns which of two standings counts for an image that has both.
func best(a, b standing) standing {
	switch {
	case a == inside || b == inside:
		return inside
	case a == unknown || b == unknown:
		return unknown
	}
	return outside
}

// newest returns whether an image is among the newest n of a group.
func (k *ranking) newest(id string, n int) standing {
	return k.standing(id, func(e entry) bool { return k.better(e) < n && k.isBestGroup(e.group) })
}

// place returns the place of an image in its best group, and whether it has any.
func (k *ranking) place(id string) (place int, ok bool) {
	better := func(p int) {
		if !ok || p < place {
			place, ok = p, true
		}
	}
	for _, e := range k.of(id) {
		switch parents := k.listedBy(e); {
		case len(parents) > 0:
			for _, parent := range parents {
				if p, ok := k.place(parent.id); ok {
					better(p)
				}
			}
		case e.best != nil:
			better(1 + k.better(e))
		}
	}
	return place, ok
}

// newestOfPeriods returns whether an image is the newest of one of the last n periods of a group that
// have one, or as new. The ranking is by date.
func (k *ranking) newestOfPeriods(id string, n int, period func(t time.Time) string) standing {
	return k.standing(id, func(e entry) bool {
		later, newer := map[string]bool{}, 0
		for _, other := range k.entries {
			if other.group != e.group || !k.takesPlace(other) || !other.date.After(e.date) {
				continue
			}
			if period(other.date) == period(e.date) {
				newer++
			}
			later[period(other.date)] = true
		}
		return newer == 0 && len(later) < n && k.isBestGroup(e.group)
	})
}
