package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// dropParts removes the images that another one in their group lists: they take no place
// of their own. It returns which ones list them.
func (d *Decision) dropParts(groups [][]contender) map[int32][]int32 {
	parts := make(map[int32][]int32)
	for g, entries := range groups {
		indexes := make(map[int32]bool)
		for _, e := range entries {
			if d.snapshot.nodes[d.candidates[e.candidate]].lists.n > 0 {
				indexes[e.candidate] = true
			}
		}
		if len(indexes) == 0 {
			continue
		}
		groups[g] = slices.DeleteFunc(entries, func(e contender) bool {
			isPart := false
			for _, index := range d.graph.ListedBy(d.candidates[e.candidate]) {
				if whole := d.candidate[index]; whole >= 0 && indexes[whole] {
					parts[e.candidate] = append(parts[e.candidate], whole)
					isPart = true
				}
			}
			return isPart
		})
	}
	return parts
}

// dropUnranked removes what cannot be ranked. Where versions or numbers rank, another tag of
// the image may have a place; where dates rank, the date is unknown in each group.
func (k *ranking) dropUnranked(groups [][]contender) {
	for g, entries := range groups {
		groups[g] = slices.DeleteFunc(entries, func(e contender) bool {
			if e.unranked && k.by == policy.ByDate {
				k.unknown[e.candidate] = true
			}
			return e.unranked
		})
	}
}

// raisePart gives a part the place of the images that list it, and these first theirs if
// they are parts themselves.
func (k *ranking) raisePart(part int32, parts map[int32][]int32) {
	wholes := parts[part]
	delete(parts, part)
	for _, whole := range wholes {
		if _, isPart := parts[whole]; isPart {
			k.raisePart(whole, parts)
		}
		k.raise(part, k.places[whole])
		k.unknown[part] = k.unknown[part] || k.places[whole].status == unranked
		k.rule.openOf[part] = append(k.rule.openOf[part], k.rule.openOf[whole]...)
	}
	if open := k.rule.openOf[part]; len(open) > 0 { // each once, or else nested indexes multiply them
		slices.Sort(open)
		k.rule.openOf[part] = slices.Compact(open)
	}
	k.settleUnknown(part)
}

// settleUnknown makes the place of a part unknown if that of what lists it is, unless
// something else that lists it is among the best: unknown is never old.
func (k *ranking) settleUnknown(part int32) {
	if now := &k.places[part]; k.unknown[part] && now.status == placeOut {
		*now = place{status: unranked, better: -1}
	}
}
