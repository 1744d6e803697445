package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
	"pgregory.net/rapid"
)

// solved returns what goes and which manifests are concerned, by their place in the repository.
func solved(n numbering, result *graph.Result) (goes, concerned slow.Set) {
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
		want := r.Goes(slow.AllRules...)
		if diff := cmp.Diff(want, goes); diff != "" {
			t.Errorf("what goes (-model +Solve):\n%s", diff)
		}
		if diff := cmp.Diff(r.Beginning(), concerned); diff != "" {
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
		if diff := cmp.Diff(r.Goes(slow.Tagged, slow.Used, slow.Listed), goes); diff != "" {
			t.Errorf("what goes (-model +SolveTagsAndLists):\n%s", diff)
		}
		if diff := cmp.Diff(r.Beginning(), concerned); diff != "" {
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
		for m := range r.Nodes {
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
		want := r.Goes(slow.AllRules...)
		got := r.Goes(slow.ListsWhatStays, slow.ReferrerStays, slow.SubjectStays, slow.Listed, slow.Used, slow.Tagged)
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
		for m := range r.Nodes {
			for _, loss := range r.losses(m, goes, concerned) {
				t.Errorf("%d: %s", m, loss)
			}
		}
	})
}

func (r repository) losses(m int, goes, concerned slow.Set) (losses []string) {
	report := func(bad bool, format string, args ...any) {
		if bad {
			losses = append(losses, fmt.Sprintf(format, args...))
		}
	}
	report(goes[m] && r.Nodes[m].Missing, "goes and is missing")
	report(goes[m] && r.Nodes[m].InUse, "goes and is in use")
	report(goes[m] && !concerned[m], "goes and is not concerned")
	report(goes[m] && r.HasOrdinaryTag(m) && !r.Nodes[m].Selected, "goes with a tag that the policy does not remove")
	report(goes[m] && slices.ContainsFunc(r.Nodes[m].Tags, r.isPinned), "goes with a tag that stays")
	for other := range r.Nodes {
		lost := r.Stays(m, goes) && goes[other]
		report(lost && r.ListsIt(m, other), "loses %d, which it lists", other)
		report(lost && r.SubjectIs(m, other), "loses %d, its subject", other)
		report(lost && r.RefersTo(other, m) && !r.Nodes[other].Explicit, "loses %d, which refers to it", other)
		// A registry that deletes what an index lists along with it must not reach what stays,
		// unless that has a tag of its own or belongs to something that is not concerned at all.
		cascades := goes[m] && r.Stays(other, goes) && r.ListsIt(m, other)
		report(cascades && (r.Nodes[other].Selected || !r.HasOrdinaryTag(other)) &&
			!r.Any(func(index int) bool { return !concerned[index] && r.ListsIt(index, other) }),
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
		for m := range r.Nodes {
			if problem := r.reasonProblem(n, result, m, goes, concerned); problem != "" {
				t.Errorf("%d: %s", m, problem)
			}
		}
	})
}

// reasonProblem says what is wrong with the reason for which a manifest stays, or nothing.
func (r repository) reasonProblem(n numbering, result *graph.Result, m int, goes, concerned slow.Set) string {
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
		case steps > len(r.Nodes):
			return "the causes lead in a circle"
		case !r.isReason(rule, m, by, goes, concerned):
			return fmt.Sprintf("%d stays by rule %d because of %d, which is not so", m, rule, by)
		case by == m:
			return ""
		}
		m = by
	}
}

func (r repository) isReason(rule graph.Rule, m, by int, goes, concerned slow.Set) bool {
	switch rule {
	case graph.Tagged:
		if by == m {
			return r.HasOrdinaryTag(m) && !r.Nodes[m].Selected || slices.ContainsFunc(r.Nodes[m].Tags, r.isPinned)
		}
		return r.Stays(by, goes) && slices.ContainsFunc(r.Nodes[m].Tags, func(t slow.Tag) bool { return slices.Contains(t.Of, by) })
	case graph.Used:
		return by == m && r.Nodes[m].InUse || r.ListsIt(m, by) && r.IsUsed(by)
	case graph.Listed:
		return r.Stays(by, goes) && r.ListsIt(by, m)
	case graph.SubjectStays:
		return r.Stays(by, goes) && r.SubjectIs(m, by)
	case graph.ReferrerStays:
		return r.Stays(by, goes) && r.SubjectIs(by, m)
	case graph.ListsWhatStays:
		return r.Stays(by, goes) && r.ListsIt(m, by) && !r.StaysByItself(by, concerned)
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
		for m := range r.Nodes {
			rule, by := one.Reason(graph.ID(m))
			otherRule, otherBy := other.Reason(n[m])
			if rule != otherRule || rule != graph.None && int(by) != back[otherBy] {
				t.Errorf("%d stays by %d because of %d, and with other numbers by %d because of %d", m, rule, by, otherRule, back[otherBy])
			}
		}
	})
}
