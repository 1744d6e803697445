package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"pgregory.net/rapid"
)

// solved returns what goes and which manifests are concerned, by their place in the repository.
func solved(n numbering, result *graph.Result) (goes, concerned set) {
	for _, id := range n {
		goes = append(goes, result.Goes(id))
		concerned = append(concerned, result.Concerned(id))
	}
	return goes, concerned
}

func TestSolveAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		n := drawNumbering(t, r)
		goes, concerned := solved(n, r.graph(n, rapid.Uint64().Draw(t, "seed")).Solve())
		want := r.goes(tagged, used, listed, subjectStays, referrerStays, listsWhatStays)
		if diff := cmp.Diff(want, goes); diff != "" {
			t.Errorf("what goes (-model +Solve):\n%s", diff)
		}
		if diff := cmp.Diff(r.beginning(), concerned); diff != "" {
			t.Errorf("what is concerned (-model +Solve):\n%s", diff)
		}
	})
}

func TestSolveTagsAndListsAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		n := drawNumbering(t, r)
		goes, concerned := solved(n, r.graph(n, rapid.Uint64().Draw(t, "seed")).SolveTagsAndLists())
		if diff := cmp.Diff(r.goes(tagged, used, listed), goes); diff != "" {
			t.Errorf("what goes (-model +SolveTagsAndLists):\n%s", diff)
		}
		if diff := cmp.Diff(r.beginning(), concerned); diff != "" {
			t.Errorf("what is concerned (-model +SolveTagsAndLists):\n%s", diff)
		}
	})
}

func TestWhatSolveTagsAndListsTakesOutSolveTakesOutToo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		g := r.graph(inOrder(r), 0)
		few, all := g.SolveTagsAndLists(), g.Solve()
		for m := range r {
			if all.Goes(graph.ID(m)) && !few.Goes(graph.ID(m)) {
				t.Errorf("%d goes by all rules, but not by some", m)
			}
		}
	})
}

func TestAllRulesInAnyOrderGiveTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		want := r.goes(tagged, used, listed, subjectStays, referrerStays, listsWhatStays)
		got := r.goes(listsWhatStays, referrerStays, subjectStays, listed, used, tagged)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNothingThatStaysLosesAnything checks what the rules are for, in words that are not theirs.
func TestNothingThatStaysLosesAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		goes, concerned := solved(inOrder(r), r.graph(inOrder(r), 0).Solve())
		for m := range r {
			for _, loss := range r.losses(m, goes, concerned) {
				t.Errorf("%d: %s", m, loss)
			}
		}
	})
}

func (r repository) losses(m int, goes, concerned set) (losses []string) {
	report := func(bad bool, format string, args ...any) {
		if bad {
			losses = append(losses, fmt.Sprintf(format, args...))
		}
	}
	report(goes[m] && r[m].missing, "goes and is missing")
	report(goes[m] && r[m].inUse, "goes and is in use")
	report(goes[m] && !concerned[m], "goes and is not concerned")
	report(goes[m] && r.hasOrdinaryTag(m) && !r[m].selected, "goes with a tag that the policy does not remove")
	report(goes[m] && slices.ContainsFunc(r[m].tags, r.isPinned), "goes with a tag that stays")
	for other := range r {
		lost := r.stays(m, goes) && goes[other]
		report(lost && r.listsIt(m, other), "loses %d, which it lists", other)
		report(lost && r.subjectIs(m, other), "loses %d, its subject", other)
		report(lost && r.refersTo(other, m), "loses %d, which refers to it", other)
		// A registry that deletes what an index lists along with it must not reach what stays,
		// unless that has a tag of its own or belongs to something that is not concerned at all.
		cascades := goes[m] && r.stays(other, goes) && r.listsIt(m, other)
		report(cascades && (r[other].selected || !r.hasOrdinaryTag(other)) &&
			!r.any(func(index int) bool { return !concerned[index] && r.listsIt(index, other) }),
			"goes and lists %d, which stays only because of what is concerned itself", other)
	}
	return losses
}

func TestReasonsAreTrueAndEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		n := drawNumbering(t, r)
		result := r.graph(n, 0).Solve()
		goes, concerned := solved(n, result)
		for m := range r {
			if problem := r.reasonProblem(n, result, m, goes, concerned); problem != "" {
				t.Errorf("%d: %s", m, problem)
			}
		}
	})
}

// reasonProblem says what is wrong with the reason for which a manifest stays, or nothing.
func (r repository) reasonProblem(n numbering, result *graph.Result, m int, goes, concerned set) string {
	back := n.manifests()
	for steps := 0; ; steps++ {
		rule, cause := result.Reason(n[m])
		by := back[cause]
		switch {
		case !concerned[m] || goes[m]:
			if rule != graph.None {
				return fmt.Sprintf("%d goes or is not concerned, and has a reason to stay: %d", m, rule)
			}
			return ""
		case steps > len(r):
			return "the causes lead in a circle"
		case !r.isReason(rule, m, by, goes, concerned):
			return fmt.Sprintf("%d stays by rule %d because of %d, which is not so", m, rule, by)
		case by == m:
			return ""
		}
		m = by
	}
}

func (r repository) isReason(rule graph.Rule, m, by int, goes, concerned set) bool {
	switch rule {
	case graph.Tagged:
		if by == m {
			return r.hasOrdinaryTag(m) && !r[m].selected || slices.ContainsFunc(r[m].tags, r.isPinned)
		}
		return r.stays(by, goes) && slices.ContainsFunc(r[m].tags, func(t tag) bool { return slices.Contains(t.of, by) })
	case graph.Used:
		return by == m && r[m].inUse || r.listsIt(m, by) && r.isUsed(by, nil)
	case graph.Listed:
		return r.stays(by, goes) && r.listsIt(by, m)
	case graph.SubjectStays:
		return r.stays(by, goes) && r.subjectIs(m, by)
	case graph.ReferrerStays:
		return r.stays(by, goes) && r.subjectIs(by, m)
	case graph.ListsWhatStays:
		return r.stays(by, goes) && r.listsIt(m, by) && !r.staysByItself(by, concerned)
	}
	return false
}

func TestReasonsDoNotDependOnNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		n := drawNumbering(t, r)
		one, other := r.graph(inOrder(r), 0).Solve(), r.graph(n, rapid.Uint64().Draw(t, "seed")).Solve()
		back := n.manifests()
		for m := range r {
			rule, by := one.Reason(graph.ID(m))
			otherRule, otherBy := other.Reason(n[m])
			if rule != otherRule || rule != graph.None && int(by) != back[otherBy] {
				t.Errorf("%d stays by %d because of %d, and with other numbers by %d because of %d", m, rule, by, otherRule, back[otherBy])
			}
		}
	})
}
