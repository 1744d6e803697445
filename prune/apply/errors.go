package apply

import (
	"errors"
	"fmt"
	"strings"
)

// The reasons to refuse a plan. They are found before anything is sent, except for the last.
var (
	ErrOtherRegistry = errors.New("the plan is for another registry")
	ErrOtherPlan     = errors.New("the journal is that of another plan")
	ErrUnexpected    = errors.New("the plan is not the one that was expected")
	ErrTooOld        = errors.New("the plan is too old")
	ErrInUseExpired  = errors.New("an in-use list of the plan has expired")
	// ErrKeepLost: an image that a keep rule holds is not there any more, so that the plan
	// is not about this repository as it is now. Nothing is deleted.
	ErrKeepLost = errors.New("an image that a keep rule holds is gone")
)

// ErrNoQuarantine: the registry does not remove a tag that was put there, so that images could
// not lose their tags, or not come back. [Quarantine] has put nothing in the trash.
var ErrNoQuarantine = errors.New("the registry allows no quarantine")

// The reasons why a run ended early, or did not end well. Its report says more.
var (
	// ErrStopped: the registry refuses what every step needs, or 20 steps in a row failed.
	ErrStopped = errors.New("stopped")
	// ErrLost: a tag that was to stay is gone.
	ErrLost = errors.New("a tag that was to stay is gone")
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

// lostError names the tags that are lost.
func lostError(lost []Lost) error {
	const shown = 10
	names := make([]string, 0, shown)
	for i := range lost[:min(len(lost), shown)] {
		names = append(names, lost[i].Tag)
	}
	return fmt.Errorf("%w: %s (%d in all); restore them from the archive", ErrLost, strings.Join(names, ", "), len(lost))
}
