package exit

import (
	"context"
	"errors"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// byError maps errors of the library to codes; the first that matches decides. Everything else
// is a failure.
var byError = []struct {
	err  error
	code Code
}{
	{regret.ErrOutcomeUnknown, Unknown},
	{apply.ErrLost, Unknown},
	{regret.ErrStillPresent, Partial},

	{apply.ErrUnexpected, Unsafe},
	{apply.ErrTooOld, Unsafe},
	{apply.ErrInUseExpired, Unsafe},
	{apply.ErrKeepLost, Unsafe},
	{apply.ErrOtherRegistry, Usage},
	{apply.ErrOtherPlan, Usage},
	{apply.ErrNoQuarantine, NotAllowed},
	{undo.ErrOtherRegistry, Usage},
	{undo.ErrOtherPlan, Usage},
	{undo.ErrNoArchive, Usage},
	{undo.ErrUnfinished, Usage},

	{regret.ErrInvalid, Usage},
	{regret.ErrUnauthorized, NotAllowed},
	{regret.ErrForbidden, NotAllowed},
	{regret.ErrDeleteDisabled, NotAllowed},
	{regret.ErrTagDeleteUnsupported, NotAllowed},
	{regret.ErrStillTagged, NotAllowed},
	{regret.ErrReferenced, NotAllowed},
	{regret.ErrImmutable, NotAllowed},
	{regret.ErrReadOnly, NotAllowed},
	{regret.ErrUntrustedRealm, NotAllowed},

	{regret.ErrUnavailable, Failed},
	{regret.ErrRateLimited, Failed},
	{context.Canceled, Failed},
	{context.DeadlineExceeded, Failed},

	{regret.ErrIncompleteList, Unsafe},
	{regret.ErrInvalidEntries, Unsafe},
	{regret.ErrNotFound, NotFound},
}

// byType maps types of errors to codes, for errors that byError does not have.
var byType = []struct {
	is   func(error) bool
	code Code
}{
	{is[*plan.BrakeError], Unsafe},
	{is[*plan.LimitError], Unsafe},
	{is[*policy.InUseError], Unsafe},
	{is[*policy.Error], Usage},
	{is[*plan.FormatError], Usage},
	{is[*plan.VersionError], Usage},
	{is[*plan.VerifyError], Usage},
	{is[*undo.CorruptError], Usage},
	{isMalformedJournal, Usage},
	{is[*credentials.Error], NotAllowed},
}

// Of returns what an error means. It is Done for nil.
func Of(err error) Code {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	for _, e := range byError {
		if errors.Is(err, e.err) {
			return e.code
		}
	}
	for _, t := range byType {
		if t.is(err) {
			return t.code
		}
	}
	return Failed
}

// is reports whether an error of type E is in the tree of err.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isMalformedJournal reports whether a journal cannot be understood. One that cannot be written
// is a failure on the way.
func isMalformedJournal(err error) bool {
	e, ok := errors.AsType[*apply.JournalError](err)
	return ok && e.Line > 0
}
