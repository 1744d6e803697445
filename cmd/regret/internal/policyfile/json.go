package policyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// syntaxOfJSON returns the fault of a file that is no JSON, or nil if it is. The library
// has the position in the text of its only error.
func syntaxOfJSON(src *source, data []byte, err error) *Error {
	fault, ok := errors.AsType[*policy.Error](err)
	if !ok {
		return src.wrap(position{}, Invalid, err)
	}
	var line, column int
	if _, scanErr := fmt.Sscanf(fault.Problem, "line %d, column %d: ", &line, &column); fault.Pointer != "" || scanErr != nil {
		return nil
	}
	_, problem, _ := strings.Cut(fault.Problem, ": ")
	hint := ""
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		hint = "; a policy in YAML has a name that ends in .yaml"
	}
	at := position{line, column}
	if line > 0 && line <= len(src.lines) { // the column counts bytes
		text := string(src.lines[line-1])
		at.column = utf8.RuneCountInString(text[:max(0, min(column-1, len(text)))]) + 1
	}
	return src.fault(at, Syntax, "%s%s", problem, hint)
}

// A jsonReader finds where the values of a JSON document are. The library has checked
// the document; what this reader cannot read has no position.
type jsonReader struct {
	dec    *json.Decoder
	data   []byte
	offset int // of at
	at     position
}

func parseJSON(data []byte) *node {
	r := &jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data, at: position{1, 1}}
	r.dec.UseNumber()
	return r.value()
}

// next returns the next token, and a scalar with its position.
func (r *jsonReader) next() (json.Token, *node) {
	start := int(r.dec.InputOffset())
	for start < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[start]) >= 0 {
		start++
	}
	for r.offset < start {
		char, size := utf8.DecodeRune(r.data[r.offset:])
		r.offset += size
		if r.at.column++; char == '\n' {
			r.at = position{r.at.line + 1, 1}
		}
	}
	token, err := r.dec.Token()
	if err != nil {
		token = nil
	}
	return token, &node{at: r.at, style: quoted}
}

func (r *jsonReader) value() *node {
	token, n := r.next()
	switch token := token.(type) {
	case json.Delim:
		n.kind = list
		if token == '{' {
			n.kind = object
		}
		for r.dec.More() {
			if n.kind == object {
				key, k := r.next()
				k.text, _ = key.(string)
				n.keys = append(n.keys, k)
			}
			n.values = append(n.values, r.value())
		}
		r.next()
	case string:
		n.text = token
	}
	return n
}
