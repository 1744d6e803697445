package plan

import (
	"slices"
	"time"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// calendar holds in each group the newest of each of the last N periods that have one, and
// its equals.
func (d *Decision) calendar(k *ranking, groups [][]contender) {
	best := d.bestGroupsOfCalendar(k, groups)
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

// bestGroupsOfCalendar returns which groups a calendar counts in. The rule may rank groups
// by version or number, although its calendar ranks images by date.
func (d *Decision) bestGroupsOfCalendar(k *ranking, groups [][]contender) []placeStatus {
	if k.rule.Groups() == 0 || k.rule.By() == k.by {
		return k.bestGroups(groups)
	}
	byRule, ranked, _ := d.contest(k.rule, k.rule.By())
	best, status := byRule.bestGroups(ranked), make([]placeStatus, len(groups))
	for key, g := range k.groups {
		status[g] = best[byRule.groups[key]]
	}
	return status
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
