package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Errors are all faults of a policy. [Parse] and [New] return them as an error, in
// which errors.As finds the first [Error].
type Errors []*Error

// Error returns one fault a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, fault := range e {
		all[i] = fault
	}
	return all
}

// An Error is one fault of a policy.
type Error struct {
	// Rule is the name of the rule, or what a rule without a name is called by its
	// content, see [Rule.Name]. It is empty if the fault is not in a rule.
	Rule string
	// Field is the key in question: "older-than", "tags", "limits.max-percent". It is
	// empty if the document as a whole is no policy.
	Field string
	// Pointer is the JSON pointer (RFC 6901) of the value: "/keep/0/newest". If the
	// fault is that something is missing, it points to where that belongs.
	Pointer string
	// Problem says what is wrong, and what to write instead.
	Problem string
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Rule != "" {
		fmt.Fprintf(&b, "rule %s: ", quoteName(e.Rule))
	}
	if e.Field != "" {
		fmt.Fprintf(&b, "%s: ", e.Field)
	}
	b.WriteString(e.Problem)
	return b.String()
}

// quoteName quotes the name of a rule, unless it has quotes of its own, as most
// names have that are made from the content of a rule.
func quoteName(name string) string {
	if strings.Contains(name, `"`) && isPlainText(name) {
		return name
	}
	return strconv.Quote(name)
}

// faults collects the errors of a document.
type faults struct {
	list  Errors
	under map[string]Errors // by the pointers of their values, and of all that these are in
}

// newFaults returns faults that were found before.
func newFaults(found Errors) faults {
	var f faults
	for _, e := range found {
		f.append(e)
	}
	return f
}

// add records a fault of the value that a JSON pointer leads to.
func (f *faults) add(pointer, format string, args ...any) {
	f.append(&Error{Field: fieldOf(pointer), Pointer: pointer, Problem: fmt.Sprintf(format, args...)})
}

func (f *faults) append(e *Error) {
	f.list = append(f.list, e)
	if f.under == nil {
		f.under = make(map[string]Errors)
	}
	for outer := e.Pointer; ; outer = outer[:strings.LastIndexByte(outer, '/')] {
		f.under[outer] = append(f.under[outer], e)
		if outer == "" {
			return
		}
	}
}

// within reports whether there is a fault in the value that a JSON pointer leads to.
func (f *faults) within(pointer string) bool { return len(f.under[pointer]) > 0 }

// name sets the name of the rule in the faults of one.
func (f *faults) name(pointer, rule string) {
	for _, e := range f.under[pointer] {
		e.Rule = rule
	}
}

// sort puts the faults into the order of the document.
func (f *faults) sort(offset func(pointer string) int64) {
	slices.SortStableFunc(f.list, func(a, b *Error) int { return cmp.Compare(offset(a.Pointer), offset(b.Pointer)) })
}

// fieldOf returns the key that a user looks for: "newest" of /keep/0/newest,
// "tags" of /keep/0/tags/1/regexp, "limits.broken" of /limits/broken.
func fieldOf(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i, part := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	switch {
	case len(parts) == 1:
		return ""
	case len(parts) > 3 && (parts[1] == "keep" || parts[1] == "remove"):
		return parts[3]
	case len(parts) > 2 && parts[1] == "limits":
		return "limits." + parts[2]
	}
	return parts[1]
}

// escape makes one part of a JSON pointer from a key.
func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }
