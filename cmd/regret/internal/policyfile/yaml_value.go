package policyfile

import (
	"regexp"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// value reads a value at a place. After a failure it returns an empty node.
func (w *walker) value(n ast.Node, p place) *node {
	if w.failed {
		return &node{}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle {
			return w.braces(n, p)
		}
		return w.mapping(n.Values, p)
	case *ast.MappingValueNode:
		return w.mapping([]*ast.MappingValueNode{n}, p)
	case *ast.SequenceNode:
		if n.IsFlowStyle {
			return w.brackets(n, p)
		}
		return w.sequence(n, p)
	case *ast.AnchorNode:
		return w.anchor(n, p)
	case *ast.AliasNode:
		return w.alias(n, p)
	case *ast.LiteralNode:
		return w.block(n, p)
	case *ast.NullNode:
		if n.Token.Type == token.ImplicitNullType {
			return &node{at: w.at, style: absent}
		}
		return w.scalar(n.Token, p)
	case ast.ScalarNode:
		return w.scalar(n.GetToken(), p)
	}
	w.fail(w.at, Syntax, "this kind of YAML is not read: write it in a simpler way")
	return &node{}
}

// begins checks that a value is indented more than what contains it. A block must begin in
// a line of its own, or behind a dash.
func (w *walker) begins(at position, p place, isBlock bool) {
	switch {
	case w.open > 0 && isBlock:
		w.fail(at, Syntax, "write a key with its value in braces here: {key: value}")
	case w.open > 0:
	case at.column <= p.parent:
		w.fail(at, Syntax, "the line must be indented more than the one that it belongs to")
	case isBlock && at.line == p.line && !p.dash:
		w.fail(at, Syntax, "a key or a dash cannot stand here: begin a new line, or quote the text")
	}
}

// mapping reads keys and values in lines.
func (w *walker) mapping(pairs []*ast.MappingValueNode, p place) *node {
	m := &node{kind: object}
	for i, pair := range pairs {
		before := w.at.line
		k := w.key(pair)
		if i == 0 {
			m.at = k.at
			w.begins(k.at, p, true)
		} else if k.at.column != m.at.column || k.at.line == before {
			w.fail(k.at, Syntax, "the key does not begin a line, indented as the keys before it are")
		}
		w.colon(pair, k, false)
		m.add(k, w.value(pair.Value, place{parent: parentOf(pair.Value, k.at.column), line: k.at.line}))
	}
	return m
}

// parentOf returns the column of a key for its value. The dashes of a list may stand right
// below the key.
func parentOf(value ast.Node, column int) int {
	if anchored, ok := value.(*ast.AnchorNode); ok {
		value = anchored.Value
	}
	if list, ok := value.(*ast.SequenceNode); ok && !list.IsFlowStyle {
		return column - 1
	}
	return column
}

func (n *node) add(key, value *node) {
	n.keys, n.values = append(n.keys, key), append(n.values, value)
}

func (w *walker) key(pair *ast.MappingValueNode) *node {
	if w.failed {
		return &node{}
	}
	switch k := pair.Key.(type) {
	case *ast.MergeKeyNode:
		w.take(at(k.Token), "<<")
		w.faults = append(w.faults, w.src.fault(at(k.Token), MergeKey, "merge keys are not read: write out what << is for"))
		return &node{at: at(k.Token), text: "<<", faulty: true}
	case *ast.AliasNode:
		w.fail(at(k.GetToken()), Alias, "a key cannot be an alias, and a text that begins with * must be quoted")
		return &node{}
	case ast.ScalarNode:
		if _, ok := pair.Key.(*ast.NullNode); !ok || pair.Key.GetToken().Type != token.ImplicitNullType {
			return w.scalar(pair.Key.GetToken(), place{})
		}
	}
	w.fail(at(pair.Key.GetToken()), Syntax, "a key is a word")
	return &node{}
}

// colon reads the colon after a key.
func (w *walker) colon(pair *ast.MappingValueNode, k *node, inFlow bool) {
	if w.failed {
		return
	}
	colon := at(pair.Start)
	w.take(colon, ":")
	switch {
	case w.failed:
	case w.next() == '\t':
		w.fail(w.at, Tab, tabProblem)
	case colon.line != k.at.line:
		w.fail(colon, Syntax, "the colon must be in the line of its key")
	case w.next() != ' ' && !(inFlow && k.style == quoted):
		w.fail(colon, Syntax, "a colon needs a space behind it")
	}
}

// sequence reads values behind dashes.
func (w *walker) sequence(n *ast.SequenceNode, p place) *node {
	l := &node{kind: list}
	if len(n.Entries) != len(n.Values) {
		w.fail(at(n.Start), Syntax, "this list cannot be read: write it in a simpler way")
	}
	for i, value := range n.Values {
		if w.failed {
			break
		}
		before := w.at.line
		dash := at(n.Entries[i].Start)
		w.take(dash, "-")
		if i == 0 {
			l.at = dash
			w.begins(dash, p, true)
		} else if dash.column != l.at.column || dash.line == before {
			w.fail(dash, Syntax, "the dash does not begin a line, indented as the dashes before it are")
		}
		if w.next() == '\t' {
			w.fail(w.at, Tab, tabProblem)
		} else if w.next() != ' ' {
			w.fail(dash, Syntax, "a dash needs a space behind it")
		}
		l.values = append(l.values, w.value(value, place{parent: dash.column, line: dash.line, dash: true}))
	}
	return l
}

// brackets reads a list in brackets.
func (w *walker) brackets(n *ast.SequenceNode, p place) *node {
	l := &node{kind: list, at: at(n.Start), flow: true}
	w.begins(l.at, p, false)
	w.take(l.at, "[")
	w.open++
	for i, value := range n.Values {
		before := w.at
		l.values = append(l.values, w.separated(i, before, func() *node { return w.value(value, place{}) }))
	}
	w.close(l, n.End, "]")
	return l
}

// braces reads an object in braces.
func (w *walker) braces(n *ast.MappingNode, p place) *node {
	m := &node{kind: object, at: at(n.Start), flow: true, bare: len(n.Values) > 0}
	w.begins(m.at, p, false)
	w.take(m.at, "{")
	w.open++
	for i, pair := range n.Values {
		k := w.separated(i, w.at, func() *node { return w.key(pair) })
		if pair.Start != nil && pair.Start.Type == token.MappingValueType {
			m.bare = false
			w.colon(pair, k, true)
		}
		m.add(k, w.value(pair.Value, place{}))
	}
	w.close(m, n.End, "}")
	return m
}

// separated reads an element of a list or of an object, and checks that a comma is before it.
func (w *walker) separated(i int, before position, read func() *node) *node {
	w.commas = 0
	want := min(i, 1)
	start := w.commasBefore(before)
	n := read()
	if !w.failed && start != want {
		w.fail(n.at, Syntax, "elements are separated by one comma each")
	}
	return n
}

// commasBefore counts the commas that come next, without reading them.
func (w *walker) commasBefore(from position) (count int) {
	for line := from.line; line <= len(w.src.lines); line++ {
		text := w.src.lines[line-1]
		first := 0
		if line == from.line {
			first = from.column - 1
		}
		for i := first; i < len(text); i++ {
			switch {
			case text[i] == ',':
				count++
			case text[i] == '#':
				i = len(text)
			case text[i] != ' ' && text[i] != '\t':
				return count
			}
		}
	}
	return count
}

func (w *walker) close(n *node, end *token.Token, bracket string) {
	if w.failed {
		return
	}
	if end == nil || w.commasBefore(w.at) > min(len(n.values), 1) {
		w.fail(n.at, Syntax, "%s is missing, or a comma is too much", bracket)
		return
	}
	w.take(at(end), bracket)
	w.open--
	if line := at(end).line; !w.failed && line == n.at.line {
		n.text = string(w.src.lines[line-1][n.at.column-1 : at(end).column])
	}
}

var anchorName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// anchor reads an anchor, and the value that it names.
func (w *walker) anchor(n *ast.AnchorNode, p place) *node {
	name, start := n.Name.GetToken().Value, at(n.Start)
	w.take(start, "&"+name)
	w.begins(start, p, false)
	if !w.failed && !anchorName.MatchString(name) {
		w.fail(start, Syntax, "a text that begins with & must be quoted, and the name of an anchor has letters and digits")
	}
	value := w.value(n.Value, place{parent: p.parent, line: max(p.line, start.line)})
	if _, ok := w.anchors[name]; ok && !w.failed {
		w.faults = append(w.faults, w.src.fault(start, Duplicate, "the anchor %s is there twice", name))
	}
	w.anchors[name] = value
	return value
}

// alias returns the value that an alias stands for.
func (w *walker) alias(n *ast.AliasNode, p place) *node {
	name, start := n.Value.GetToken().Value, at(n.Start)
	w.take(start, "*"+name)
	w.begins(start, p, false)
	if value, ok := w.anchors[name]; ok {
		return value
	}
	if !w.failed {
		w.faults = append(w.faults, w.src.fault(start, Alias, "no anchor before this has the name %s: a text that begins with * must be quoted: %s", name, asQuoted("*"+name)))
	}
	return &node{at: start, faulty: true}
}
