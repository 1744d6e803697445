package exit

import (
	"context"
	"errors"
	"net/http"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// codes maps the errors of the library to codes; the first that matches decides. What was refused
// for safety comes before what is merely missing, since both may be reported at once. Everything
// else is a failure.
var codes = []struct {
	matches func(error) bool
	code    Code
}{
	{is[*prune.SharedError], Unsafe},
	{is[*prune.NeededError], Unsafe},
	{is[*prune.BrokenError], Unsafe},
	{is[*plan.BrakeError], Unsafe},
	{is[*plan.LimitError], Unsafe},
	{is[*policy.InUseError], Unsafe},
	{is[*policy.Error], Usage},
	{is[*plan.FormatError], Usage},
	{is[*plan.VersionError], Usage},
	{is[*plan.VerifyError], Usage},
	{is[*undo.CorruptError], Usage},
	{isMalformedJournal, Usage},

	{kind(regret.ErrOutcomeUnknown), Unknown},
	{kind(apply.ErrLost), Unknown},
	{kind(regret.ErrStillPresent), Partial},

	{kind(apply.ErrUnexpected), Unsafe},
	{kind(apply.ErrTooOld), Unsafe},
	{kind(apply.ErrInUseExpired), Unsafe},
	{kind(apply.ErrKeepLost), Unsafe},
	{kind(apply.ErrOtherRegistry), Usage},
	{kind(apply.ErrOtherPlan), Usage},
	{kind(apply.ErrNoQuarantine), NotAllowed},
	{kind(undo.ErrOtherRegistry), Usage},
	{kind(undo.ErrOtherPlan), Usage},
	{kind(undo.ErrNoArchive), Usage},
	{kind(undo.ErrUnfinished), Usage},

	{kind(regret.ErrInvalid), Usage},
	{kind(regret.ErrUnauthorized), NotAllowed},
	{kind(regret.ErrForbidden), NotAllowed},
	{kind(regret.ErrDeleteDisabled), NotAllowed},
	{kind(regret.ErrTagDeleteUnsupported), NotAllowed},
	{kind(regret.ErrStillTagged), NotAllowed},
	{kind(regret.ErrReferenced), NotAllowed},
	{kind(regret.ErrImmutable), NotAllowed},
	{kind(regret.ErrReadOnly), NotAllowed},
	{kind(regret.ErrUntrustedRealm), NotAllowed},
	{isMethodNotAllowed, NotAllowed},

	{kind(regret.ErrUnavailable), Failed},
	{kind(regret.ErrRateLimited), Failed},
	{kind(context.Canceled), Failed},
	{kind(context.DeadlineExceeded), Failed},

	{kind(regret.ErrIncompleteList), Unsafe},
	{kind(regret.ErrInvalidEntries), Unsafe},
	{kind(regret.ErrNotFound), NotFound},
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
	for _, c := range codes {
		if c.matches(err) {
			return c.code
		}
	}
	return Failed
}

// kind returns a function that reports whether target is in the tree of an error.
func kind(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
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

// isMethodNotAllowed reports whether a registry does not allow a method here, for whatever reason:
// the response of some does not say whether no deletion is allowed, or only that of a tag.
func isMethodNotAllowed(err error) bool {
	e, ok := errors.AsType[*regret.Error](err)
	return ok && e.StatusCode == http.StatusMethodNotAllowed
}
