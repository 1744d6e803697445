package apply

import (
	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// Registries such as Harbor and ACR delete along with a manifest what refers to it. So a subject is
// not deleted while it is open whether an index stays that lists one of its referrers: if the
// deletion of the index is refused, the referrer stays, and with it the subject.

// A listerFinder finds the steps that delete such indexes.
type listerFinder struct {
	all      []plan.Step
	byDigest map[regret.Digest]int
	isOpen   []bool
	listers  map[int][]int   // by the step of a subject
	asked    map[[2]int]bool // subjects and steps that were looked at together
}

// findListers returns, by the step of a subject, the open steps that must end before it, however
// they end. None of them waits for the subject itself, as its list of referrers does. So does
// what must not be taken if an earlier step stays, and does not wait for it anyway.
func findListers(all []plan.Step, byDigest map[regret.Digest]int, isOpen []bool, unordered map[int][]int) map[int][]int {
	f := &listerFinder{all, byDigest, isOpen, make(map[int][]int), make(map[[2]int]bool)}
	for i := range all {
		if subject, known := byDigest[all[i].Subject]; known && all[i].Action == plan.Delete {
			f.add(i, subject)
		}
	}
	for first := range all {
		for _, second := range unordered[first] {
			if first < second && isOpen[first] && isOpen[second] && !f.waitsFor(second, first) && !f.waitsFor(first, second) {
				f.listers[second] = append(f.listers[second], first)
			}
		}
	}
	return f.listers
}

// add adds what goes before a referrer to its subject, to the subject of that, and so on.
func (f *listerFinder) add(referrer, subject int) {
	seen := make(map[int]bool)
	for known := true; known && !seen[subject]; subject, known = f.subjectOf(subject) {
		seen[subject] = true
		for _, before := range f.all[referrer].After {
			lister, known := f.byDigest[before]
			pair := [2]int{subject, lister}
			if !known || !f.isOpen[lister] || !f.isOpen[subject] || f.asked[pair] {
				continue
			}
			f.asked[pair] = true
			if !f.waitsFor(lister, subject) {
				f.listers[subject] = append(f.listers[subject], lister)
			}
		}
	}
}

func (f *listerFinder) subjectOf(step int) (subject int, known bool) {
	subject, known = f.byDigest[f.all[step].Subject]
	return subject, known
}

// waitsFor reports whether a step is another one, or comes after it, directly or not.
func (f *listerFinder) waitsFor(step, other int) bool {
	seen := map[int]bool{step: true}
	for next := []int{step}; len(next) > 0; {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		if i == other {
			return true
		}
		before := f.listers[i]
		for _, dgst := range f.all[i].After {
			if b, known := f.byDigest[dgst]; known {
				before = append(before[:len(before):len(before)], b)
			}
		}
		for _, b := range before {
			if !seen[b] {
				seen[b] = true
				next = append(next, b)
			}
		}
	}
	return false
}
