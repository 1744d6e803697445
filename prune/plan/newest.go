package plan

import "slices"

// newest holds the best N of each group, and all that equal the last of these.
func (d *Decision) newest(k *ranking, groups [][]contender) {
	best := k.bestGroups(groups)
	n := k.rule.Count()
	for g, entries := range groups {
		status := best[g]
		if isOpen(entries) {
			if status == placeIn && len(entries) > n {
				status = placeOpen
				k.leaveOpen(entries)
			}
			k.raiseAll(entries, status)
			continue
		}
		slices.SortFunc(entries, func(a, b contender) int { return k.compare(&a, &b) })
		better := 0
		for i := range entries {
			if i > 0 && k.compare(&entries[i-1], &entries[i]) < 0 {
				better = i
			}
			k.rule.tie = max(k.rule.tie, i-better+1)
			p := place{status: placeOut, better: int32(better)}
			if better < n {
				p.status = status
			}
			k.raise(entries[i].candidate, p)
		}
	}
}

// bestGroups returns for each group whether it is among the best G of its pool; all are if
// the rule names no G.
func (k *ranking) bestGroups(groups [][]contender) []placeStatus {
	status := make([]placeStatus, len(groups))
	for g := range status {
		status[g] = placeIn
	}
	limit := k.rule.Groups()
	if limit == 0 {
		return status
	}
	pools := make(map[pool][]int)
	for g := range groups {
		if len(groups[g]) > 0 {
			pools[k.pools[g]] = append(pools[k.pools[g]], g)
		}
	}
	for _, members := range pools {
		if len(members) <= limit {
			continue
		}
		if slices.ContainsFunc(members, func(g int) bool { return isOpen(groups[g]) }) {
			var all [][]contender
			for _, g := range members {
				status[g] = placeOpen
				all = append(all, groups[g])
			}
			k.leaveOpen(all...)
			continue
		}
		best := func(g int) contender {
			return slices.MinFunc(groups[g], func(a, b contender) int { return k.compare(&a, &b) })
		}
		slices.SortFunc(members, func(a, b int) int {
			x, y := best(a), best(b)
			return k.compare(&x, &y)
		})
		last := best(members[limit-1])
		for _, g := range members[limit:] {
			if b := best(g); k.compare(&last, &b) < 0 {
				status[g] = placeOut
			}
		}
	}
	return status
}
