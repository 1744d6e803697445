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

// after returns what must go before a manifest, in order and without duplicates.
func (o *orderer) after(id ID) []ID {
	var after []ID
	for _, index := range o.listedBy.Of(id) {
		if o.goes(index) {
			after = append(after, index)
		}
	}
	for _, edges := range []*Edges{o.Subjects, o.Companions} {
		for _, subject := range edges.Of(id) {
			if o.goes(subject) && o.component[subject] != o.component[id] {
				after = append(after, subject)
			}
		}
	}
	slices.SortFunc(after, o.Compare)
	return slices.Compact(after)
}

// order emits what may come next right after what it waited for, so that an image is
// followed by what belongs to it.
func (o *orderer) order() []Step {
	steps := make(map[ID]*Step)
	waits := make(map[ID]int)
	next := make(map[ID][]ID) // what waits for a manifest
	var ready []ID
	for id := range ID(len(o.Flags)) {
		if !o.goes(id) {
			continue
		}
		after := o.after(id)
		steps[id] = &Step{ID: id, After: after}
		waits[id] = len(after)
		for _, before := range after {
			next[before] = append(next[before], id)
		}
		if len(after) == 0 {
			ready = append(ready, id)
		}
	}
	descending := func(a, b ID) int { return o.Compare(b, a) }
	slices.SortFunc(ready, descending)
	ordered := make([]Step, 0, len(steps))
	for len(ready) > 0 {
		id := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		ordered = append(ordered, *steps[id])
		var freed []ID
		for _, waiting := range next[id] {
			if waits[waiting]--; waits[waiting] == 0 {
				freed = append(freed, waiting)
			}
		}
		slices.SortFunc(freed, descending)
		ready = append(ready, freed...)
	}
	return ordered
}

// components numbers the strongly connected components of what goes: manifests of one
// component would wait for each other. Tarjan's algorithm, without recursion, because the
// graph comes from a registry.
//
// See https://en.wikipedia.org/wiki/Tarjan%27s_strongly_connected_components_algorithm
func (g *Graph) components(goes func(ID) bool) []int32 {
	n := len(g.Flags)
	t := tarjan{index: make([]int32, n), low: make([]int32, n), component: make([]int32, n)}
	for id := range ID(n) {
		if goes(id) && t.index[id] == 0 {
			t.visit(id, func(id ID) []ID {
				var to []ID
				for _, edges := range []*Edges{g.Lists, g.referrers, g.companionsOf} {
					for _, next := range edges.Of(id) {
						if goes(next) {
							to = append(to, next)
						}
					}
				}
				return to
			})
		}
	}
	return t.component
}

type tarjan struct {
	index, low []int32 // from 1; 0 is not visited
	component  []int32 // from 1; 0 while on the stack
	stack      []ID
	visited    int32
	found      int32
}

type frame struct {
	id ID
	to []ID
}

func (t *tarjan) visit(root ID, edges func(ID) []ID) {
	var frames []frame
	enter := func(id ID) {
		t.visited++
		t.index[id], t.low[id] = t.visited, t.visited
		t.stack = append(t.stack, id)
		frames = append(frames, frame{id, edges(id)})
	}
	enter(root)
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if len(f.to) > 0 {
			to := f.to[0]
			f.to = f.to[1:]
			switch {
			case t.index[to] == 0:
				enter(to)
			case t.component[to] == 0:
				t.low[f.id] = min(t.low[f.id], t.index[to])
			}
			continue
		}
		id := f.id
		frames = frames[:len(frames)-1]
		if len(frames) > 0 {
			above := frames[len(frames)-1].id
			t.low[above] = min(t.low[above], t.low[id])
		}
		if t.low[id] == t.index[id] {
			t.close(id)
		}
	}
}

// close numbers the component whose first manifest is id.
func (t *tarjan) close(id ID) {
	t.found++
	for {
		last := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.component[last] = t.found
		if last == id {
			return
		}
	}
}
