package graph

// components numbers the strongly connected components of what goes: manifests of one
// component would wait for each other. Tarjan's algorithm, without recursion, because the
// graph comes from a registry.
//
// See https://en.wikipedia.org/wiki/Tarjan%27s_strongly_connected_components_algorithm
func (g *Graph) components(goes func(ID) bool) []int32 {
	n := len(g.Flags)
	t := tarjan{Graph: g, goes: goes, index: make([]int32, n), low: make([]int32, n), component: make([]int32, n)}
	for id := range ID(n) {
		if goes(id) && t.index[id] == 0 {
			t.visit(id)
		}
	}
	return t.component
}

type tarjan struct {
	*Graph
	goes       func(ID) bool
	index, low []int32 // from 1; 0 is not visited
	component  []int32 // from 1; 0 while on the stack
	stack      []ID
	visited    int32
	found      int32
	frames     []frame
}

// A frame is a visit that is not over.
type frame struct {
	id   ID
	edge int // the next one to follow
}

func (t *tarjan) visit(root ID) {
	t.enter(root)
	for len(t.frames) > 0 {
		f := &t.frames[len(t.frames)-1]
		to, ok := t.behind(f.id, f.edge)
		if !ok {
			t.leave(f.id)
			continue
		}
		f.edge++
		switch {
		case !t.goes(to):
		case t.index[to] == 0:
			t.enter(to)
		case t.component[to] == 0:
			t.low[f.id] = min(t.low[f.id], t.index[to])
		}
	}
}

// behind returns where the n-th edge leads from a manifest to those that go after it.
func (g *Graph) behind(id ID, n int) (to ID, ok bool) {
	for _, edges := range [...]*Edges{g.Lists, g.referrers, g.companionsOf} {
		all := edges.Of(id)
		if n < len(all) {
			return all[n], true
		}
		n -= len(all)
	}
	return 0, false
}

func (t *tarjan) enter(id ID) {
	t.visited++
	t.index[id], t.low[id] = t.visited, t.visited
	t.stack = append(t.stack, id)
	t.frames = append(t.frames, frame{id: id})
}

func (t *tarjan) leave(id ID) {
	t.frames = t.frames[:len(t.frames)-1]
	if len(t.frames) > 0 {
		above := t.frames[len(t.frames)-1].id
		t.low[above] = min(t.low[above], t.low[id])
	}
	if t.low[id] == t.index[id] {
		t.close(id)
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
