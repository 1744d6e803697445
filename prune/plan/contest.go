package plan

import (
	"cmp"
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A contender is an image in a group of a ranking.
type contender struct {
	candidate int32
	group     int32
	date      int64 // of the three, the one that ranks
	version   *policy.Version
	number    string
	open      bool // its date is not read yet
	unranked  bool // it has no usable date, version or number, and takes no place
}

// enter enters an image into each group of its tags, by the best of these.
func (d *Decision) enter(k *ranking, c int) {
	first := len(k.entries)
	var buffer [2]policy.Match
	for _, tag := range d.ordinaryTags(c) {
		for _, m := range k.rule.AppendMatches(buffer[:0], d.snapshot.tags[tag].name) {
			k.places[c] = place{status: max(k.places[c].status, unranked), better: -1}
			e, ok := d.contender(k, c, &m)
			e.unranked = !ok
			same := slices.IndexFunc(k.entries[first:], func(o contender) bool { return o.group == e.group })
			if same < 0 {
				k.entries = append(k.entries, e)
			} else {
				k.improve(&k.entries[first+same], &e)
			}
		}
	}
	if k.by == policy.ByDate {
		return
	}
	mine := k.entries[first:]
	if slices.ContainsFunc(mine, func(e contender) bool { return !e.unranked }) { // floating tags do not count beside a version
		k.entries = append(k.entries[:first], slices.DeleteFunc(mine, func(e contender) bool { return e.unranked })...)
	}
}

// improve makes the entry of an image in a group the better one of two. Where the date of one
// is not read yet, nothing tells which is better: only that the image is no older than either.
func (k *ranking) improve(best, e *contender) {
	switch {
	case e.unranked:
	case best.unranked:
		*best = *e
	case best.open || e.open:
		best.date, best.open = max(best.date, e.date), true
	case k.compare(e, best) < 0:
		*best = *e
	}
}

// contender returns the entry of an image by one of its tags, and whether it can be ranked.
func (d *Decision) contender(k *ranking, c int, m *policy.Match) (contender, bool) {
	e := contender{candidate: int32(c)}
	e.group = k.group(groupKey{pool{m.Variant, m.Pre}, m.Group})
	switch k.by {
	case policy.ByVersion:
		if m.Version == nil {
			return e, false
		}
		e.version = m.Version
	case policy.ByNumber:
		if m.Number == "" {
			return e, false
		}
		e.number = m.Number
	default:
		a := d.dateFor(c, m)
		if a.at == 0 && a.complete {
			return e, false
		}
		e.date, e.open = a.at, !a.complete
	}
	return e, true
}

func (k *ranking) group(key groupKey) int32 {
	g, ok := k.groups[key]
	if !ok {
		g = int32(len(k.pools))
		k.groups[key] = g
		k.pools = append(k.pools, key.pool)
	}
	return g
}

// dateFor returns the date of a candidate for a rule: that in its tag if the pattern reads
// one from it.
func (d *Decision) dateFor(c int, m *policy.Match) age {
	if !m.HasDate {
		return d.ages[c]
	}
	if m.Date.IsZero() {
		return age{complete: true}
	}
	return age{at: d.plausible(m.Date.Unix()), complete: true}
}

// compare orders contenders from the best to the worst.
func (k *ranking) compare(a, b *contender) int {
	switch k.by {
	case policy.ByVersion:
		return b.version.Compare(*a.version)
	case policy.ByNumber:
		return policy.CompareNumbers(b.number, a.number)
	}
	return cmp.Compare(b.date, a.date)
}

// byGroup returns the contenders of each group.
func (k *ranking) byGroup() [][]contender {
	sizes := make([]int, len(k.pools))
	for _, e := range k.entries {
		sizes[e.group]++
	}
	groups := make([][]contender, len(sizes))
	for g, size := range sizes {
		groups[g] = make([]contender, 0, size)
	}
	for _, e := range k.entries {
		groups[e.group] = append(groups[e.group], e)
	}
	return groups
}
