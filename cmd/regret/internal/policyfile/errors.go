package policyfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A Detail says which kind of fault an [Error] is.
type Detail string

// Kinds of faults.
const (
	Invalid    Detail = "invalid"     // the library refuses a value, or misses one
	Unknown    Detail = "unknown key" // an object does not have this key; case counts
	Ambiguous  Detail = "ambiguous"   // without quotes, YAML readers take a text for something else
	Mistyped   Detail = "mistyped"    // it is not a number, or not true or false, where that is due
	NoValue    Detail = "no value"    // a key or a dash has nothing behind it
	LineBreak  Detail = "line break"  // a text has line breaks, or joins its lines
	Duplicate  Detail = "duplicate"   // a key or an anchor is there twice
	MergeKey   Detail = "merge key"   // <<
	Alias      Detail = "alias"       // it has no anchor, is a key, or aliases expand to too much
	Tag        Detail = "tag"         // !!str, !custom
	Directive  Detail = "directive"   // %YAML
	Documents  Detail = "documents"   // more than one document
	Empty      Detail = "empty"       // nothing, or comments alone
	Tab        Detail = "tab"         // a tab outside quotes and comments
	Encoding   Detail = "encoding"    // not UTF-8, or characters that cannot be seen
	Syntax     Detail = "syntax"      // neither YAML nor JSON, or YAML that is not supported
	TooLarge   Detail = "too large"   // too many bytes, values or levels
	Unreadable Detail = "unreadable"  // the file cannot be opened or read
)

// An Error is one fault of a policy file.
type Error struct {
	File         string // as it was given
	Line, Column int    // from 1, in characters; 0: the file as a whole
	Detail       Detail
	Err          error  // a *policy.Error, or the reason why the file cannot be read
	Excerpt      string // the line, and a caret below the column; empty without a line
}

// Error returns the position and the fault, and below these the line with a caret.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(printable(e.File))
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": " + printable(e.Err.Error()))
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Errors are the faults of a policy file, in the order of the file.
type Errors []*Error

// maxShown is how many faults a message has. A file with more is of another kind altogether.
const maxShown = 20

func (e Errors) Error() string {
	var parts []string
	for _, fault := range e[:min(len(e), maxShown)] {
		parts = append(parts, fault.Error())
	}
	if more := len(e) - maxShown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "\n")
}

// Unwrap returns the faults.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, fault := range e {
		all[i] = fault
	}
	return all
}

// sorted returns the faults in the order of the file, each once: an alias repeats those of its anchor.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	type place struct {
		line, column int
		problem      string
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(e, func(fault *Error) bool {
		at := place{fault.Line, fault.Column, fault.Err.Error()}
		if named, ok := errors.AsType[*policy.Error](fault.Err); ok {
			at.problem = named.Problem // without the key
		}
		defer func() { seen[at] = true }()
		return seen[at]
	})
}
