package policyfile

import (
	"strconv"
	"strings"
)

// A node is a value of a file.
type node struct {
	kind nodeKind
	at   position
	text string // of a scalar: what it says; of a flow collection on one line: its source

	style    style  // of a scalar of YAML
	resolves string // of a plain scalar: what YAML reads it as, if that is no text
	joined   bool   // lines of a block scalar were joined with spaces
	bare     bool   // an object in braces that has no colons, such as the glob {a,b}
	flow     bool   // a collection in brackets or braces
	faulty   bool   // a value or a key with a fault that has been reported

	keys   []*node // of an object
	values []*node // of an object or a list
}

type nodeKind int

const (
	scalar nodeKind = iota
	object
	list
)

type style int

const (
	plain  style = iota
	quoted       // in single or double quotes
	block        // after | or >
	absent       // nothing is there
)

// first returns the value of a key, and the key. Of repeated keys, the first one counts.
func (n *node) first(key string) (k, value *node) {
	for i, k := range n.keys {
		if k.text == key {
			return k, n.values[i]
		}
	}
	return nil, nil
}

// find returns the key and the value that a JSON pointer leads to. If there is no such
// value it returns what should contain it, and false.
func (n *node) find(pointer string) (key, value *node, found bool) {
	value = n
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var k, next *node
		switch value.kind {
		case object:
			k, next = value.first(part)
		case list:
			if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(value.values) {
				next = value.values[i]
			}
		}
		if next == nil {
			return key, value, false
		}
		key, value = k, next
	}
	return key, value, true
}
