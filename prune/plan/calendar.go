package plan

import (
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// calendar holds in each group the newest of each of the last N periods that have one, and
// its equals. The best groups are those with the newest images.
func (d *Decision) calendar(k *ranking, groups [][]contender) {
	best := k.bestGroups(groups)
	for g, entries := range groups {
		status := best[g]
		if status == placeIn && len(entries) > 1 && isOpen(entries) {
			status = placeOpen
			k.leaveOpen(entries)
		}
		if status != placeIn {
			k.raiseAll(entries, status)
			continue
		}
		slices.SortFunc(entries, func(a, b contender) int { return k.compare(&a, &b) })
		for _, p := range k.rule.Calendar() {
			k.period(p, entries)
		}
	}
}

func (k *ranking) raiseAll(entries []contender, status placeStatus) {
	for _, e := range entries {
		k.raise(e.candidate, place{status: status, better: -1})
	}
}

func (k *ranking) period(p policy.Period, sorted []contender) {
	var periods int
	var last, newest int64
	for _, e := range sorted {
		key := p.Unit.Key(time.Unix(e.date, 0), k.rule.Location())
		if periods == 0 || key != last {
			if periods++; periods > p.N {
				last = key
			} else {
				last, newest = key, e.date
			}
		}
		status := placeOut
		if periods <= p.N && e.date == newest {
			status = placeIn
		}
		k.raise(e.candidate, place{status: status, better: -1, unit: int8(p.Unit)})
	}
}
