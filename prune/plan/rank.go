package plan

import (
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

func isOpen(entries []contender) bool {
	return slices.ContainsFunc(entries, func(e contender) bool { return e.open })
}
