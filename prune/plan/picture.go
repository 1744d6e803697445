package plan

import (
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/internal/redact"
)

// A picture is the part of a plan that a diagram shows: what goes, and what stays and is
// next to it.
type picture struct {
	*outline
	maxNodes int
	nodes    []pictureNode
	edges    []pictureEdge
	number   map[regret.Digest]int // of a node
	omitted  map[regret.Digest]bool
	lines    int // edges that are omitted
}

type pictureNode struct {
	name, reason string
	verdict      string // remove, keep, untag or missing
	item         item   // without a manifest if it is missing
}

// A pictureEdge leads from an index to what it lists, or from what belongs to another to
// that.
type pictureEdge struct {
	from, to int
	kind     string // lists, subject or tag
}

// picture returns a picture of at most so many nodes and edges.
func (o *outline) picture(maxNodes, maxEdges int) *picture {
	p := &picture{outline: o, maxNodes: maxNodes, number: make(map[regret.Digest]int), omitted: make(map[regret.Digest]bool)}
	for _, dgst := range o.roots() {
		p.add(dgst)
	}
	for i := range o.steps {
		if s := &o.steps[i]; s.Action == Untag && p.add(s.Digest) {
			n := &p.nodes[p.number[s.Digest]]
			n.verdict, n.reason = "untag", "loses "+tagsInWords(s.Untag, false)+": "+s.Reason
		}
	}
	for i := range o.kept {
		if o.kept[i].Selected {
			p.add(o.kept[i].Digest)
		}
	}
	for from := range p.nodes {
		if p.nodes[from].item.Manifest != nil {
			p.connect(from)
		}
	}
	p.lines = max(0, len(p.edges)-maxEdges)
	p.edges = p.edges[:len(p.edges)-p.lines]
	return p
}

// add adds a manifest and what is next to it. It returns whether the manifest is in the
// picture.
func (p *picture) add(dgst regret.Digest) bool {
	if _, there := p.number[dgst]; there {
		return true
	}
	i, known := p.items[dgst]
	if !known && !p.missing[dgst] || p.omitted[dgst] {
		return false
	}
	if len(p.nodes) >= p.maxNodes {
		p.omitted[dgst] = true
	} else {
		p.number[dgst] = len(p.nodes)
		p.nodes = append(p.nodes, p.node(dgst, i))
	}
	for _, next := range p.next(i) {
		p.add(next)
	}
	return !p.omitted[dgst]
}

// next returns what is next to a manifest: of one that goes its parts, of one that stays
// what it stays for.
func (p *picture) next(i item) []regret.Digest {
	switch {
	case i.step != nil:
		return p.parts(i)
	case i.kept != nil:
		var causes []regret.Digest
		for _, r := range i.kept.Reasons {
			if r.By != "" {
				causes = append(causes, r.By)
			}
		}
		return causes
	}
	return nil
}

func (p *picture) node(dgst regret.Digest, i item) pictureNode {
	switch {
	case i.Manifest == nil:
		return pictureNode{name: short(dgst), verdict: "missing", reason: "it is not there"}
	case i.step != nil:
		return pictureNode{i.name, i.why(), "remove", i}
	}
	return pictureNode{i.name, i.why(), "keep", i}
}

// connect adds the edges that begin at a node.
func (p *picture) connect(from int) {
	i := p.nodes[from].item
	to := make(map[int]bool)
	add := func(dgst regret.Digest, kind string) {
		if n, there := p.number[dgst]; there && !to[n] && n != from {
			to[n] = true
			p.edges = append(p.edges, pictureEdge{from, n, kind})
		}
	}
	for _, dgst := range i.Lists {
		add(dgst, "lists")
	}
	if i.Subject != "" {
		add(i.Subject, "subject")
	}
	for _, dgst := range p.owned[i.Digest] {
		add(dgst, "tag")
	}
}

// more says what a picture leaves out; it is empty if that is nothing.
func (p *picture) more() string {
	switch {
	case len(p.omitted) > 0:
		return count(len(p.omitted), "more manifest") + " not shown"
	case p.lines > 0:
		return count(p.lines, "more line") + " not shown"
	}
	return ""
}

// title returns what a picture shows.
func (p *picture) title() string {
	return printable(p.header.Registry + "/" + p.header.Repository)
}

// labels returns the lines of a node, each of at most so many bytes.
func (n *pictureNode) labels(limit int) []string {
	lines := []string{redact.Printable(n.name, limit), n.verdict}
	if n.reason != "" {
		lines[1] = redact.Printable(n.verdict+": "+n.reason, limit)
	}
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
}
