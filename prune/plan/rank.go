package plan

import (
	"cmp"
	"slices"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A ranked is a rule with the ranking of all images that it matches, if it ranks at all.
type ranked struct {
	*policy.Rule
	newest   []place           // by candidate: among the newest N
	calendar []place           // by candidate: the newest of a period
	open     [][]int32         // groups or pools that cannot be ranked before all dates are read
	openOf   map[int32][]int32 // by candidate: the numbers of these
	tie      int               // the most images that share a place
	holds    []answer          // of a keep rule, by candidate: whether it holds that
}

// A place is the place of an image in the ranking of a rule.
type place struct {
	status placeStatus
	unit   int8  // of the calendar
	better int32 // how many are better, in its best group; -1 if there is no number
}

type placeStatus uint8

const (
	unmatched placeStatus = iota
	unranked              // without a usable date, version or number: it takes no place
	placeOut              // not among the best
	placeOpen             // some date decides that is not read yet
	placeIn               // among the best
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

// rank ranks the images that a rule matches, before any other rule.
func (d *Decision) rank(rule *policy.Rule) *ranked {
	r := &ranked{Rule: rule, openOf: make(map[int32][]int32)}
	if rule.Count() > 0 {
		r.newest = d.rankBy(r, rule.By(), d.newest)
	}
	if len(rule.Calendar()) > 0 {
		r.calendar = d.rankBy(r, policy.ByDate, d.calendar)
	}
	return r
}

// A pool is a set of groups that are ranked together: those of one variant and of either
// releases or pre-releases.
type pool struct {
	variant string
	pre     bool
}

type groupKey struct {
	pool
	group string
}

// A ranking is a ranking in progress.
type ranking struct {
	rule    *ranked
	by      policy.By
	places  []place
	groups  map[groupKey]int32
	pools   []pool // by group
	entries []contender
	unknown map[int32]bool // candidates that have no place in one group, which counts more than a bad one in another
}

func (d *Decision) rankBy(r *ranked, by policy.By, judge func(*ranking, [][]contender)) []place {
	k, groups, parts := d.contest(r, by)
	judge(k, groups)
	for len(parts) > 0 {
		for part := range parts {
			k.raisePart(part, parts)
		}
	}
	return k.places
}

// contest returns the contenders of each group, and the images that are parts of others.
func (d *Decision) contest(r *ranked, by policy.By) (k *ranking, groups [][]contender, parts map[int32][]int32) {
	k = &ranking{rule: r, by: by, places: make([]place, len(d.candidates)), groups: make(map[groupKey]int32), unknown: make(map[int32]bool)}
	for c, id := range d.candidates {
		if !d.snapshot.isReferrer(id) {
			d.enter(k, c)
		}
	}
	groups = k.byGroup()
	parts = d.dropParts(groups)
	k.dropUnranked(groups)
	return k, groups, parts
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

// raise improves the place of a candidate: one group that holds it suffices.
func (k *ranking) raise(candidate int32, p place) {
	now := &k.places[candidate]
	switch {
	case p.status > now.status:
		now.status, now.unit = p.status, p.unit
	case p.status == now.status:
		now.unit = min(now.unit, p.unit)
	}
	if p.better >= 0 && (now.better < 0 || p.better < now.better) {
		now.better = p.better
	}
}

// leaveOpen records contenders that cannot be ranked before all their dates are read.
func (k *ranking) leaveOpen(groups ...[]contender) {
	var unread []int32
	for _, entries := range groups {
		for _, e := range entries {
			if e.open {
				unread = append(unread, e.candidate)
			}
			k.rule.openOf[e.candidate] = append(k.rule.openOf[e.candidate], int32(len(k.rule.open)))
		}
	}
	k.rule.open = append(k.rule.open, unread)
}

// rivals returns the numbers of what must be read to rank a candidate, or its subject.
func (d *Decision) rivals(r *ranked, c int) []int32 {
	return r.openOf[int32(d.rankedAs(c))]
}

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

func isOpen(entries []contender) bool {
	return slices.ContainsFunc(entries, func(e contender) bool { return e.open })
}
