// Package exit says with which code the command exits: what an error, a report, or several of
// them mean to the shell or job that has started it.
//
// It knows the errors of the library. It knows no command, and writes nothing.
//
// Invariant: codes 2, 4, 5 and 6 mean that nothing was changed. Whatever ends with a change and not
// as asked is 1, if the same command goes on from there, 3, or 7.
package exit

import (
	"slices"
	"strconv"
)

// A Code is the exit code of a process.
type Code int

// The codes.
const (
	Done        Code = 0   // done, or nothing to do
	Failed      Code = 1   // failed on the way; the same command goes on from there
	Usage       Code = 2   // wrong usage, reference, policy or plan file, or no consent
	Partial     Code = 3   // done as far as it goes; the report says what was not done
	NotAllowed  Code = 4   // credentials, or what the registry does not allow
	NotFound    Code = 5   // what was named does not exist
	Unsafe      Code = 6   // refused for safety
	Unknown     Code = 7   // a deletion may have happened or not, or a tag was lost
	Pending     Code = 8   // there is something to do; only with --exit-code
	Interrupted Code = 130 // by a signal; the same command resumes
)

// An Error is an error with a code of its own.
type Error struct {
	Code Code
	Err  error
}

// Error returns the text of the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// With returns err with a code of its own. It returns nil for a nil error.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &Error{code, err}
}

// Together returns the code of a command that did something for several objects. All alike have
// their own. An interruption comes before everything else, and an unknown outcome before the rest.
// If an error that can be repeated is among them, repeating goes on; otherwise something ended
// differently from the rest, which the report says.
func Together(codes ...Code) Code {
	if len(codes) == 0 {
		return Done
	}
	for _, first := range []Code{Interrupted, Unknown, Failed} {
		if slices.Contains(codes, first) {
			return first
		}
	}
	if slices.ContainsFunc(codes, func(c Code) bool { return c != codes[0] }) {
		return Partial
	}
	return codes[0]
}

// A Quiet ends the process with a code when everything has been said already.
type Quiet struct{ Code Code }

// Error returns a text for those who call commands from Go.
func (q *Quiet) Error() string { return "the command ended with code " + strconv.Itoa(int(q.Code)) }

// Quietly returns an error that prints nothing. It returns nil for Done.
func Quietly(code Code) error {
	if code == Done {
		return nil
	}
	return &Quiet{code}
}
