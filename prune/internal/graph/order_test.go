package graph_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-8cb7cc86/regret/prune/internal/graph"
	"github.com/seed-8cb7cc86/regret/prune/internal/model/slow"
	"pgregory.net/rapid"
)

// mustPrecede reports whether a manifest goes before another in the order that the rules ask for, if
// that leads nowhere in a circle: an index before what it lists, a subject before what refers to it.
func (r repository) mustPrecede(m, other int) bool {
	return r.ListsIt(m, other) || r.RefersTo(other, m)
}

// leadsTo reports whether a manifest must go before another, directly or by way of others that go.
func (r repository) leadsTo(m, other int, goes slow.Set, seen slow.Set) bool {
	seen[m] = true
	return r.Any(func(next int) bool {
		return goes[next] && r.mustPrecede(m, next) && (next == other || !seen[next] && r.leadsTo(next, other, goes, seen))
	})
}

// after returns what must go before a manifest. A subject need not if it must also go after it.
func (r repository) after(m int, goes slow.Set) (after []int) {
	for other := range r.Nodes {
		inACircle := r.leadsTo(m, other, goes, make(slow.Set, len(r.Nodes)))
		if goes[other] && (r.ListsIt(other, m) || r.RefersTo(m, other) && !inACircle) {
			after = append(after, other)
		}
	}
	return after
}

// A step is a step of an order, by the places of manifests in the repository.
type step struct {
	Manifest int
	After    []int
}

func order(r repository, n numbering, seed uint64, goes slow.Set) (steps []step) {
	back := n.manifests()
	for _, s := range r.graph(n, seed).Order(func(id graph.ID) bool { return goes[back[id]] }) {
		var after []int
		for _, id := range s.After {
			after = append(after, back[id])
		}
		steps = append(steps, step{back[s.ID], after})
	}
	return steps
}

// drawGoes draws what goes: what can be deleted, or anything that is there.
func drawGoes(t *rapid.T, r repository) slow.Set {
	if rapid.Bool().Draw(t, "anything") {
		goes := make(slow.Set, len(r.Nodes))
		for m := range r.Nodes {
			goes[m] = !r.Nodes[m].Missing && rapid.Bool().Draw(t, "goes")
		}
		return goes
	}
	return r.Goes(slow.AllRules...)
}

func TestEachStepComesAfterWhatItMustFollow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		goes := drawGoes(t, r)
		done := make(slow.Set, len(r.Nodes))
		for _, step := range order(r, inOrder(r), 0, goes) {
			if done[step.Manifest] {
				t.Errorf("%d goes twice", step.Manifest)
			}
			if diff := cmp.Diff(r.after(step.Manifest, goes), step.After); diff != "" {
				t.Errorf("%d goes after (-want +got):\n%s", step.Manifest, diff)
			}
			for _, before := range step.After {
				if !done[before] {
					t.Errorf("%d goes before %d", step.Manifest, before)
				}
			}
			done[step.Manifest] = true
		}
		if diff := cmp.Diff(goes, done); diff != "" {
			t.Errorf("what goes (-want +got):\n%s", diff)
		}
	})
}

func TestTheOrderDoesNotDependOnNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRepository(t)
		goes := drawGoes(t, r)
		n, seed := drawNumbering(t, r), rapid.Uint64().Draw(t, "seed")
		if diff := cmp.Diff(order(r, inOrder(r), 0, goes), order(r, n, seed, goes)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, manifests, want string }{
		{"an index goes before what it lists", "p\nX wanted lists=p", "X p"},
		{"nested indexes go from the outside in", "p\no lists=p\nn lists=o\nX wanted lists=n,p", "X n o p"},
		{"a subject goes before what refers to it", "r subject=A\nA wanted", "A r"},
		{"what a companion tag belongs to goes before what it points to", "s companion=A companion=B\nA wanted\nB wanted", "A B s"},
		{"a list of referrers goes after its subject and before its entries", "r subject=A\nf companion=A lists=r\nA wanted", "A f r"},
		{"what belongs to an image follows it", "A wanted\nB wanted\nsB companion=B\nsA companion=A", "A sA B sB"},
		{"where lists and companion tags contradict each other, lists decide", "p companion=X\nX wanted lists=p companion=p", "X p"},
		{"an index that is a companion of its child goes first", "p\nX wanted lists=p companion=p", "X p"},
		{"companions of each other do not wait for each other", "c companion=s\ns companion=c companion=A\nA wanted", "c A s"},
		{"a companion of itself does not wait for itself", "A wanted companion=A", "A"},
		{"what stays is waited for by none", "A tag\nX wanted lists=p,q\np tag\nq", "X q"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, names := parse(t, test.manifests)
			var got []string
			goes := r.Goes(slow.AllRules...)
			for _, step := range order(r, inOrder(r), 0, goes) {
				got = append(got, names[step.Manifest])
			}
			if diff := cmp.Diff(strings.Fields(test.want), got); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASubjectIsNotWaitedForInACircle(t *testing.T) {
	t.Parallel()
	r, names := parse(t, "A wanted\nc companion=A companion=s\ns companion=c")
	for _, step := range order(r, inOrder(r), 0, slow.Set{true, true, true}) {
		want := map[string][]int{"A": nil, "c": {slices.Index(names, "A")}, "s": nil}[names[step.Manifest]]
		if diff := cmp.Diff(want, step.After); diff != "" {
			t.Errorf("%s goes after (-want +got):\n%s", names[step.Manifest], diff)
		}
	}
}
