package policyfile

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// scalar reads a text on one line: a plain one, or one in quotes.
func (w *walker) scalar(t *token.Token, p place) *node {
	n := &node{at: at(t)}
	w.begins(n.at, p, false)
	w.skip(n.at)
	if w.failed {
		return n
	}
	rest := w.src.lines[n.at.line-1][n.at.column-1:]
	if len(rest) > 0 && rest[0] == '\t' {
		w.fail(n.at, Tab, tabProblem)
		return n
	}
	switch t.Type {
	case token.SingleQuoteType, token.DoubleQuoteType:
		w.quoted(n, t.Value, rest)
	default:
		w.plain(n, t, rest)
	}
	return n
}

// quoted reads a text in quotes, the rest of the line, which must mean what the YAML
// library has read.
func (w *walker) quoted(n *node, value string, rest []rune) {
	n.style = quoted
	end := endOfQuoted(rest)
	if end < 0 {
		w.fail(n.at, LineBreak, "the text in quotes must end in its line: a long one can stand below >- or |-")
		return
	}
	raw := string(rest[:end])
	if raw[0] == '\'' {
		n.text = strings.ReplaceAll(raw[1:len(raw)-1], "''", "'")
	} else if err := json.Unmarshal([]byte(raw), &n.text); err != nil {
		w.fail(n.at, Syntax, `in double quotes, only the escapes of JSON are read, and a backslash is written twice: `+
			`regular expressions are easier to read in single quotes`)
		return
	}
	if n.text != value {
		w.fail(n.at, Syntax, "the YAML library does not read this text as it is written: write it in a simpler way")
		return
	}
	w.take(n.at, raw)
}

// endOfQuoted returns the length of the text in quotes that a line begins with, or -1.
func endOfQuoted(s []rune) int {
	if len(s) == 0 || s[0] != '"' && s[0] != '\'' {
		return -1
	}
	for i := 1; i < len(s); i++ {
		isPair := s[0] == '\'' && i+1 < len(s) && s[i+1] == '\''
		switch {
		case s[0] == '"' && s[i] == '\\', s[i] == '\'' && isPair:
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return -1
}

// plain reads a text without quotes.
func (w *walker) plain(n *node, t *token.Token, rest []rune) {
	n.text = t.Value
	n.resolves = resolve(n.text)
	if t.Type != token.StringType && n.resolves == "" {
		n.resolves = "something else" // as the YAML library does
	}
	inFlow := w.open > 0
	switch {
	case n.text == "", !strings.HasPrefix(string(rest[:min(len(rest), utf8.RuneCountInString(n.text))]), n.text):
		w.fail(n.at, LineBreak, "a text without quotes must end in its line: is the next line indented too much? A long text can stand below >- or |-")
		return
	case strings.ContainsAny(n.text[:1], ",[]{}#&*!|>'\"%@`"),
		strings.ContainsAny(n.text[:1], "-?:") && (len(n.text) == 1 || n.text[1] == ' '),
		strings.Contains(n.text, ": "), strings.Contains(n.text, " #"), strings.HasSuffix(n.text, ":"),
		strings.ContainsRune(n.text, '\t'), strings.TrimSpace(n.text) != n.text,
		inFlow && strings.ContainsAny(n.text, ",[]{}"):
		w.fail(n.at, Syntax, "this text must be quoted: %s", asQuoted(n.text))
		return
	}
	w.take(n.at, n.text)
	if r := w.next(); r != ' ' && r != '\t' && r != ':' && !(inFlow && strings.ContainsRune(",]}", r)) {
		w.fail(w.at, Syntax, "the text must be quoted: %q cannot stand here", r)
	}
	if r := w.next(); r == ':' && w.after() != ' ' {
		w.fail(w.at, Syntax, "a colon needs a space behind it, and a text with a colon must be quoted")
	}
}

// after returns the character after the next one.
func (w *walker) after() rune {
	line := w.src.lines[w.at.line-1]
	if w.at.column >= len(line) || line[w.at.column] == '\t' {
		return ' '
	}
	return line[w.at.column]
}

// block reads a text below | or >. It takes the lines itself, because the YAML library reads
// some texts differently from other readers.
func (w *walker) block(n *ast.LiteralNode, p place) *node {
	t := &node{at: at(n.Start), style: block}
	w.begins(t.at, p, false)
	header := n.Start.Value
	w.take(t.at, header)
	if !w.failed && len(header) > 1 && header[1:] != "-" && header[1:] != "+" {
		w.fail(t.at, Syntax, "after | and >, only - and + are read: write |-")
	}
	if w.open > 0 || p.parent == 0 {
		w.fail(t.at, Syntax, "a block of text stands behind a key or a dash")
	}
	if w.failed {
		return t
	}
	w.blank(len(w.src.lines[t.at.line-1]))
	lines, last := w.blockLines(t.at.line, p.parent)
	if len(lines) == 0 {
		w.fail(t.at, NoValue, "there is no text below: it must be indented more than the key")
		return t
	}
	t.text = strings.Join(lines, "\n")
	if header[0] == '>' {
		// An empty line, or one that is indented more, keeps its line break.
		if !slices.ContainsFunc(lines, func(line string) bool { return line == "" || line[0] == ' ' }) {
			t.text = strings.Join(lines, " ")
			t.joined = len(lines) > 1
		}
	}
	if !strings.HasSuffix(header, "-") {
		t.text += "\n"
	}
	w.at = position{last, len(w.src.lines[last-1]) + 1}
	return t
}

// blockLines returns the lines below a line that are indented more than a column, without what
// indents them, and the number of the last one. Empty lines at the end are left out.
func (w *walker) blockLines(line, column int) (lines []string, last int) {
	indent := -1
	last = line
	var empty []string // since the last line with a text
	for i, text := range w.src.lines[line:] {
		trimmed := strings.TrimLeft(string(text), " ")
		spaces := len(text) - utf8.RuneCountInString(trimmed)
		if trimmed == "" && (indent < 0 || spaces <= indent) {
			empty = append(empty, "")
			continue
		}
		if indent < 0 {
			indent = spaces
		}
		if indent < column || spaces < indent {
			break
		}
		lines = append(append(lines, empty...), string(text[indent:]))
		empty = nil
		last = line + i + 1
	}
	return lines, last
}
