package plan

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Mermaid refuses diagrams of more than 500 edges or 50,000 characters. These limits stay
// below that, whatever the names are.
//
// See https://mermaid.js.org/config/schema-docs/config.html
const (
	mermaidNodes = 100
	mermaidEdges = 400
	mermaidLabel = 60
)

// Mermaid writes what goes, and what stays next to it, as a Mermaid flowchart. It shows up
// to 100 manifests, and says how many it leaves out.
func (p *Plan) Mermaid(w io.Writer) error {
	out := bufio.NewWriter(w)
	picture := p.outline().picture(mermaidNodes, mermaidEdges)
	fmt.Fprintf(out, "flowchart LR\n")
	for i, n := range picture.nodes {
		fmt.Fprintf(out, "  n%d[\"%s\"]:::%s\n", i, mermaidText(n.labels(mermaidLabel)...), n.verdict)
	}
	if more := picture.more(); more != "" {
		fmt.Fprintf(out, "  more[\"%s\"]\n", mermaidText(more))
	}
	if len(picture.nodes) == 0 {
		fmt.Fprintf(out, "  nothing[\"%s\"]\n", mermaidText("nothing goes"))
	}
	for _, e := range picture.edges {
		if e.kind == "lists" {
			fmt.Fprintf(out, "  n%d --> n%d\n", e.from, e.to)
		} else {
			fmt.Fprintf(out, "  n%d -. %s .-> n%d\n", e.from, e.kind, e.to)
		}
	}
	for _, verdict := range verdictColors {
		fmt.Fprintf(out, "  classDef %s fill:%s,stroke:%s,color:#000\n", verdict.name, verdict.fill, verdict.line)
	}
	return out.Flush()
}

// verdictColors are the colors of nodes.
var verdictColors = []struct{ name, fill, line string }{
	{"remove", "#fbd5d5", "#b42318"},
	{"keep", "#d7f0dd", "#1a7f37"},
	{"untag", "#fff1cc", "#9a6700"},
	{"missing", "#eeeeee", "#666666"},
}

// mermaidText returns lines as a label. Whatever is not plain becomes a character code, so
// that a name can be neither syntax nor HTML.
//
// See https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
func mermaidText(lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteString("<br/>")
		}
		for _, r := range line {
			if isPlain(r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
	}
	return b.String()
}

func isPlain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" ._-/,", r)
}
