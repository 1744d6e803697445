package policyfile

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a YAML file. They keep the YAML library fast, whose time grows with the square
// of each; no policy comes near them.
const (
	maxKeys   = 5000 // in the file
	maxAnchor = 200
	maxDepth  = 24 // brackets and braces that are open, or dashes in one line
)

// parseYAML returns the value of a YAML file, and what is wrong with the file. The value is
// nil if the file cannot be read to its end.
func parseYAML(src *source) (root *node, found Errors) {
	defer func() {
		if failure := recover(); failure != nil { // in the YAML library
			root, found = nil, Errors{src.fault(position{1, 1}, Syntax, "the YAML library cannot read this file: %v", failure)}
		}
	}()
	lines := make([]string, len(src.lines))
	for i, line := range src.lines {
		lines[i] = string(line)
	}
	tokens := lexer.Tokenize(strings.Join(lines, "\n"))
	if found := checkTokens(src, tokens); len(found) > 0 {
		return nil, found
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Errors{syntaxOfYAML(src, err)}
	}
	w := &walker{src: src, anchors: map[string]*node{}}
	root = w.file(file)
	if w.failed {
		root = nil
	}
	return root, w.faults
}

// checkTokens reports what a policy does not need and readers of YAML treat differently, and
// what would take the YAML library long.
func checkTokens(src *source, tokens token.Tokens) (found Errors) {
	add := func(t *token.Token, detail Detail, format string, args ...any) {
		if len(found) < maxFaults {
			found = append(found, src.fault(at(t), detail, format, args...))
		}
	}
	values, keys, anchors, open, dashes, dashLine, content := 0, 0, 0, 0, 0, 0, false
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.DirectiveType:
			return append(found, src.fault(at(t), Directive, "directives are not read: remove this one, or quote a text that begins with %%"))
		case token.TagType:
			add(t, Tag, "tags are not read: write a text in quotes without %s, and quote one that begins with !", t.Value)
		case token.MappingKeyType:
			add(t, Syntax, "keys after a question mark are not read: write key: value, and quote a text that begins with ?")
		case token.DocumentHeaderType:
			if content {
				add(t, Documents, "a second document begins here: a policy file has one")
			}
		case token.MappingValueType:
			keys++
		case token.CollectEntryType:
			values++
		case token.AnchorType:
			anchors++
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			if t.Position.Line != dashLine {
				dashes, dashLine = 0, t.Position.Line
			}
			dashes++
			values++
		}
		content = true
		if values > maxValues {
			return append(found, src.fault(at(t), TooLarge, "a policy has at most %d values: lists of images that must stay belong into an in-use list", maxValues))
		}
		if keys > maxKeys || anchors > maxAnchor || open > maxDepth || dashes > maxDepth {
			return append(found, src.fault(at(t), TooLarge, "a policy in YAML has at most %d keys, %d anchors and %d levels", maxKeys, maxAnchor, maxDepth))
		}
	}
	return found
}

func at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

// A walker makes nodes of what the YAML library has parsed. It follows the file from its
// beginning to its end, and checks that everything stands where the YAML library says, and
// that nothing but spaces and comments is between. So nothing is read in another way than it
// is written, and nothing is left out.
type walker struct {
	src     *source
	at      position // what is before it has been read
	faults  Errors
	failed  bool
	anchors map[string]*node
	open    int // brackets and braces
	commas  int // since the last thing that was read
}

// A place is where a value is expected.
type place struct {
	parent int  // the column of what contains the value: of a key, or of a dash; 0 at the top
	line   int  // of the key or dash
	dash   bool // a block may begin in the same line
}

const tabProblem = "a tab stands outside quotes and comments: write a space"

// fail ends the reading.
func (w *walker) fail(at position, detail Detail, format string, args ...any) {
	if !w.failed {
		w.faults = append(w.faults, w.src.fault(at, detail, format, args...))
	}
	w.failed = true
}

func (w *walker) file(file *ast.File) *node {
	w.at = position{1, 1}
	var root *node
	for _, doc := range file.Docs {
		begin := place{}
		if doc.Start != nil {
			w.take(at(doc.Start), "---")
			begin.line = doc.Start.Position.Line
		}
		if doc.Body != nil && root != nil {
			w.fail(position{at(doc.Body.GetToken()).line, 1}, Documents, "a second document begins in this line: a policy file has one")
		} else if doc.Body != nil {
			root = w.value(doc.Body, begin)
		}
		if doc.End != nil {
			w.take(at(doc.End), "...")
		}
	}
	if root == nil {
		w.fail(position{1, 1}, Empty, "the file has no policy: a policy begins with version: 1")
	}
	w.skip(position{len(w.src.lines) + 1, 1})
	return root
}

// skip reads spaces and comments, and commas between brackets, up to a position.
func (w *walker) skip(to position) {
	for ; w.at.line < to.line && w.at.line <= len(w.src.lines); w.at = (position{w.at.line + 1, 1}) {
		w.blank(len(w.src.lines[w.at.line-1]))
	}
	if w.at.line == to.line && w.at.line <= len(w.src.lines) {
		w.blank(min(to.column-1, len(w.src.lines[w.at.line-1])))
	}
	if w.at != to {
		w.fail(to, Syntax, "the YAML library does not read this line as it is written: write it in a simpler way")
	}
}

// blank reads spaces, comments and commas in the line, before a column from 0.
func (w *walker) blank(end int) {
	line := w.src.lines[w.at.line-1]
	for i := w.at.column - 1; i < end && !w.failed; i++ {
		w.at.column = i + 1
		switch r := line[i]; {
		case r == ' ':
		case r == '\t':
			w.fail(w.at, Tab, tabProblem)
		case r == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			w.at.column = len(line) + 1
			return
		case r == '#':
			w.fail(w.at, Syntax, "a comment needs a space before it, and a text with # must be quoted")
		case r == ',' && w.open > 0:
			w.commas++
		default:
			w.fail(w.at, Syntax, "%q cannot stand here%s", r, hint(w.src, w.at))
		}
	}
	w.at.column = max(w.at.column, end+1)
}

// take reads a text that is at a position.
func (w *walker) take(at position, text string) {
	w.skip(at)
	if w.failed {
		return
	}
	end := at.column - 1 + len([]rune(text))
	line := w.src.lines[at.line-1]
	switch {
	case end <= len(line) && string(line[at.column-1:end]) == text:
		w.at, w.commas = position{at.line, end + 1}, 0
	case slices.Contains(line, '\t'):
		w.fail(position{at.line, slices.Index(line, '\t') + 1}, Tab, tabProblem)
	default:
		w.fail(at, Syntax, "the YAML library does not read this as it is written: write it in a simpler way")
	}
}

// next returns the character after what has been read, or a space at the end of the line.
func (w *walker) next() rune {
	if w.at.line > len(w.src.lines) || w.at.column > len(w.src.lines[w.at.line-1]) {
		return ' '
	}
	return w.src.lines[w.at.line-1][w.at.column-1]
}
