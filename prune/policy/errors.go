package policy

import "strings"

// Errors are all faults of a policy, in the order of the document.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults, for [errors.As].
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, fault := range e {
		all[i] = fault
	}
	return all
}

// An Error is one fault of a policy.
type Error struct {
	Rule    string // name of the rule; empty: the document itself
	Field   string // JSON key: "older-than", "limits.max-percent"
	Pointer string // JSON pointer (RFC 6901) to the value: "/keep/0/newest"
	Problem string
}

func (e *Error) Error() string { return e.Rule + e.Field + e.Problem }
