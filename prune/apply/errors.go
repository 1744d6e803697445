package apply

import (
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret"
)

// The reasons to refuse a plan. They are found before anything is sent, except for ErrKeepLost.
var (
	ErrOtherRegistry = errors.New("the plan is for another registry")
	ErrOtherPlan     = errors.New("the journal is that of another plan")
	ErrUnexpected    = errors.New("the plan is not the one that was expected")
	ErrTooOld        = errors.New("the plan is too old")
	// ErrInUseExpired: what is in use by now is not known. It also ends a run that takes so
	// long that a list expires meanwhile.
	ErrInUseExpired = errors.New("an in-use list of the plan has expired")
	// ErrKeepLost: an image that a keep rule holds is not there any more, so that the plan
	// is not about the repository as it is now. It is looked for before anything is deleted,
	// and whenever all tags are looked at again.
	ErrKeepLost = errors.New("an image that a keep rule holds is gone")
)

// ErrNoQuarantine: the registry does not remove a tag that was put there, so that images could
// not lose their tags, or not come back. [Quarantine] has put nothing in the trash.
var ErrNoQuarantine = errors.New("the registry allows no quarantine")

// The reasons why a run ended early, or did not end well. Its report says more.
var (
	// ErrStopped: the registry refuses what every step needs, or 20 steps in a row failed.
	ErrStopped = errors.New("stopped")
	// ErrLost: a tag that was to stay is gone, or something that stays needs what the run
	// deleted.
	ErrLost = errors.New("something that was to stay is gone")
)

// A JournalError says that the journal cannot be read or written. Without a journal nothing
// is deleted.
type JournalError struct {
	Line int // of what cannot be read; 0 if it cannot be written
	Err  error
}

func (e *JournalError) Error() string {
	if e.Line == 0 {
		return "the journal cannot be written: " + e.Err.Error()
	}
	return fmt.Sprintf("the journal cannot be read: line %d: %v", e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *JournalError) Unwrap() error { return e.Err }

// problem returns the error for what a run found at its end.
func (r *Report) problem() error {
	var problems []error
	if len(r.Lost) > 0 {
		names := listNames(len(r.Lost), func(i int) string { return r.Lost[i].Tag })
		problems = append(problems, fmt.Errorf("%w: the tags %s; see the report", ErrLost, names))
	}
	if n := r.oursMissing(); n > 0 {
		problems = append(problems, fmt.Errorf("%w: %s that something needs; see the report, and restore from the archive", ErrLost, count(n, "manifest")))
	}
	if len(r.StillPresent) > 0 {
		names := listNames(len(r.StillPresent), func(i int) string { return r.StillPresent[i].Tag })
		problems = append(problems, fmt.Errorf("%w: the tags %s", regret.ErrStillPresent, names))
	}
	return errors.Join(problems...)
}

// oursMissing counts what something that stays needs and the run has deleted.
func (r *Report) oursMissing() (n int) {
	if r.Survival == nil {
		return 0
	}
	for _, damage := range r.Survival.Missing {
		if damage.Ours {
			n++
		}
	}
	return n
}
