package graph

import "slices"

// A Step is a manifest to delete, and those that must be deleted before it.
type Step struct {
	ID    ID
	After []ID
}

// Order returns what goes in the order in which to delete it: an index before what it
// lists, and a subject before what refers to it, by its subject or by a companion tag.
// Where these contradict each other, the lists decide.
func (g *Graph) Order(goes func(ID) bool) []Step {
	g.prepare()
	o := orderer{Graph: g, goes: goes, component: g.components(goes)}
	return o.order()
}

type orderer struct {
	*Graph
	goes      func(ID) bool
	component []int32
}

// order emits what may come next right after what it waited for, so that an image is
// followed by what belongs to it.
func (o *orderer) order() []Step {
	after, count := o.after()
	next := after.reverse() // what waits for a manifest
	waits := make([]int32, len(o.Flags))
	var ready []ID // a stack
	for id := range ID(len(o.Flags)) {
		waits[id] = int32(len(after.Of(id)))
		if waits[id] == 0 && o.goes(id) {
			ready = append(ready, id)
		}
	}
	descending := func(a, b ID) int { return o.Compare(b, a) }
	slices.SortFunc(ready, descending)
	ordered := make([]Step, 0, count)
	for len(ready) > 0 {
		id := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		ordered = append(ordered, Step{ID: id, After: after.Of(id)})
		freed := len(ready)
		for _, waiting := range next.Of(id) {
			if waits[waiting]--; waits[waiting] == 0 {
				ready = append(ready, waiting)
			}
		}
		slices.SortFunc(ready[freed:], descending)
	}
	return ordered
}

// after leads from each manifest that goes to those that must go before it, in order and
// without duplicates. It also returns how many go.
func (o *orderer) after() (edges *Edges, count int) {
	edges = &Edges{start: make([]int32, 1, len(o.Flags)+1)}
	for id := range ID(len(o.Flags)) {
		if o.goes(id) {
			count++
			begin := len(edges.to)
			edges.to = o.appendBefore(edges.to, id)
			slices.SortFunc(edges.to[begin:], o.Compare)
			edges.to = edges.to[:begin+len(slices.Compact(edges.to[begin:]))]
		}
		edges.start = append(edges.start, int32(len(edges.to)))
	}
	return edges, count
}

func (o *orderer) appendBefore(before []ID, id ID) []ID {
	for _, index := range o.listedBy.Of(id) {
		if o.goes(index) {
			before = append(before, index)
		}
	}
	for _, edges := range [...]*Edges{o.Subjects, o.Companions} {
		for _, subject := range edges.Of(id) {
			if o.goes(subject) && o.component[subject] != o.component[id] {
				before = append(before, subject)
			}
		}
	}
	return before
}
