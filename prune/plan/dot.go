package plan

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Graphviz takes minutes for more.
const (
	dotNodes = 1000
	dotEdges = 4000
	dotLabel = maxName
)

// DOT writes what goes, and what stays next to it, in the language of Graphviz. It shows up
// to 1,000 manifests, and says how many it leaves out.
//
// See https://graphviz.org/doc/info/lang.html
func (p *Plan) DOT(w io.Writer) error {
	out := bufio.NewWriter(w)
	picture := p.outline().picture(dotNodes, dotEdges)
	fmt.Fprintf(out, "digraph plan {\n  graph [rankdir=LR, labelloc=t, label=%s]\n  node [shape=box, style=filled]\n", dotText(picture.title()))
	for i, n := range picture.nodes {
		fill, line := colorsOf(n.verdict)
		fmt.Fprintf(out, "  n%d [label=%s, fillcolor=%q, color=%q]\n", i, dotText(n.labels(dotLabel)...), fill, line)
	}
	if more := picture.more(); more != "" {
		fmt.Fprintf(out, "  more [label=%s, style=dashed]\n", dotText(more))
	}
	if len(picture.nodes) == 0 {
		fmt.Fprintf(out, "  nothing [label=%s, style=dashed]\n", dotText("nothing goes"))
	}
	for _, e := range picture.edges {
		if e.kind == "lists" {
			fmt.Fprintf(out, "  n%d -> n%d\n", e.from, e.to)
		} else {
			fmt.Fprintf(out, "  n%d -> n%d [style=dashed, label=%q]\n", e.from, e.to, e.kind)
		}
	}
	fmt.Fprintf(out, "}\n")
	return out.Flush()
}

func colorsOf(verdict string) (fill, line string) {
	for _, c := range verdictColors {
		if c.name == verdict {
			return c.fill, c.line
		}
	}
	return "", ""
}

// dotText returns lines as a quoted string, in which Graphviz finds neither escapes nor
// entities of its own.
func dotText(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;", "<", "&lt;", ">", "&gt;")
	for i := range lines {
		lines[i] = escape.Replace(lines[i])
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
