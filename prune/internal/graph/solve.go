package graph

// A Rule says why a manifest stays although the policy wants it, or something it belongs
// to, deleted.
type Rule uint8

const (
	None           Rule = iota
	Tagged              // a tag that stays points to it
	Used                // it is in use, or lists what is
	Listed              // an index that stays lists it
	SubjectStays        // it refers to a manifest that stays
	ReferrerStays       // a manifest that stays refers to it: Harbor and ACR would delete that along
	ListsWhatStays      // it lists a manifest that stays: Harbor, zot and olareg would delete that along
)

// A Result is what can be deleted.
type Result struct {
	state []state
	rule  []Rule
	by    []ID
}

type state uint8

const (
	outside state = iota // not concerned
	goes
	stays // taken out
)

// Goes reports whether a manifest can be deleted.
func (r *Result) Goes(id ID) bool { return r.state[id] == goes }

// Concerned reports whether the policy selects a manifest, or it belongs to one that the
// policy selects.
func (r *Result) Concerned(id ID) bool { return r.state[id] != outside }

// Reason returns the rule by which a concerned manifest stays, and the manifest that
// causes it: for a companion tag what it belongs to, for an index above a manifest in use
// the next one on the way down to it, and the manifest itself if the cause is any other tag
// or its own use. Following the causes never leads in a circle.
func (r *Result) Reason(id ID) (rule Rule, by ID) { return r.rule[id], r.by[id] }

// Solve returns what is left of everything that is selected, listed by it or refers to
// it, to any depth, after taking out what must stay, until nothing changes.
func (g *Graph) Solve() *Result { return g.solve(ListsWhatStays) }

// SolveTagsAndLists is Solve without the rules about subjects, referrers and what an index
// lists. What it takes out, Solve takes out too; before referrers are known, it tells
// whose referrers matter.
func (g *Graph) SolveTagsAndLists() *Result { return g.solve(Listed) }

func (g *Graph) solve(last Rule) *Result {
	g.prepare()
	n := len(g.Flags)
	s := solver{Graph: g, last: last, Result: &Result{state: make([]state, n), rule: make([]Rule, n), by: make([]ID, n)}}
	s.begin()
	s.takeOutPinned()
	for id := range ID(n) {
		if s.state[id] == outside && g.present(id) {
			s.spread(id)
		}
	}
	for len(s.next) > 0 {
		var frontier []ID
		frontier, s.next = s.next, nil
		s.settle(frontier)
		for _, id := range frontier {
			s.spread(id)
		}
	}
	return s.Result
}

// A solver takes manifests out in rounds: first what stays for its own sake or because of
// what is outside, then what stays because of these, and so on. Each manifest gets the
// first cause in a fixed order of those that take it out in the same round.
type solver struct {
	*Graph
	*Result
	last Rule
	next []ID // taken out in this round
}

// begin marks everything selected, everything these list, and everything that refers to
// any of these by subject or by companion tag, to any depth.
func (s *solver) begin() {
	var queue []ID
	add := func(id ID) {
		if s.present(id) && s.state[id] == outside {
			s.state[id] = goes
			queue = append(queue, id)
		}
	}
	for id := range ID(len(s.Flags)) {
		if s.has(id, Selected) {
			add(id)
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, edges := range []*Edges{s.Lists, s.referrers, s.companionsOf} {
			for _, to := range edges.Of(id) {
				add(to)
			}
		}
	}
}

// takeOutPinned takes out what stays for its own sake.
func (s *solver) takeOutPinned() {
	for id := range ID(len(s.Flags)) {
		if s.has(id, Pinned) || s.has(id, Ordinary) && !s.has(id, Selected) {
			s.takeOut(id, Tagged, id)
		}
	}
	s.takeOutUsed()
}

// takeOutUsed takes out what is in use, then the indexes that list it, then those above, each
// manifest once: indexes that share what they list lead to the same ones on many ways.
func (s *solver) takeOutUsed() {
	reached := make([]int32, len(s.Flags)) // how many steps above what is in use, from 1
	var used []ID
	for id := range ID(len(s.Flags)) {
		if s.has(id, InUse) {
			reached[id] = 1
			used = append(used, id)
			s.takeOut(id, Used, id)
		}
	}
	for step := int32(2); len(used) > 0; step++ {
		var above []ID
		for _, id := range used {
			for _, index := range s.listedBy.Of(id) {
				if s.present(index) && reached[index] == 0 {
					reached[index] = step
					above = append(above, index)
				}
				if reached[index] == step { // of several causes at this step, the first one counts
					s.takeOut(index, Used, id)
				}
			}
		}
		used = above
	}
}

// spread takes out what must stay because a manifest stays.
func (s *solver) spread(id ID) {
	for _, listed := range s.Lists.Of(id) {
		s.takeOut(listed, Listed, id)
	}
	for _, companion := range s.companionsOf.Of(id) {
		if !s.has(companion, Explicit) {
			s.takeOut(companion, Tagged, id)
		}
	}
	for _, referrer := range s.referrers.Of(id) {
		if !s.has(referrer, Explicit) {
			s.takeOut(referrer, SubjectStays, id)
		}
	}
	for _, subject := range s.Subjects.Of(id) {
		s.takeOut(subject, ReferrerStays, id)
	}
	if s.protectsIndexes(id) {
		for _, index := range s.listedBy.Of(id) {
			s.takeOut(index, ListsWhatStays, id)
		}
	}
}

// protectsIndexes reports whether an index stays because it lists this manifest, which
// stays. It need not if the manifest has a tag of its own that nothing wants removed, or
// another index lists it that no rule is about: registries that delete what an index lists
// spare such manifests.
func (s *solver) protectsIndexes(id ID) bool {
	if !s.present(id) || s.has(id, Ordinary) && !s.has(id, Selected) {
		return false
	}
	for _, index := range s.listedBy.Of(id) {
		if s.state[index] == outside && s.present(index) {
			return false
		}
	}
	return true
}

// takeOut records that a manifest stays. If it was taken out in the same round already,
// the first of both causes counts.
func (s *solver) takeOut(id ID, rule Rule, by ID) {
	if rule > s.last || s.state[id] != goes {
		return
	}
	if s.rule[id] == None {
		s.next = append(s.next, id)
	} else if !s.before(rule, by, id) {
		return
	}
	s.rule[id], s.by[id] = rule, by
}

func (s *solver) before(rule Rule, by, id ID) bool {
	if rule != s.rule[id] {
		return rule < s.rule[id]
	}
	return s.Compare(by, s.by[id]) < 0
}

// settle ends a round.
func (s *solver) settle(taken []ID) {
	for _, id := range taken {
		s.state[id] = stays
	}
}
