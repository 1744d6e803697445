package undo

import (
	"errors"
	"fmt"

	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// The reasons why an archive cannot be used. They are found before any request is sent.
var (
	// ErrNoArchive: the store has neither a plan nor an index.
	ErrNoArchive = errors.New("there is no archive")
	// ErrUnfinished: there is a plan, but no index, so that nothing was deleted with the
	// archive. Writing it again, for the same plan, goes on.
	ErrUnfinished = errors.New("the archive is not finished, and nothing was deleted with it")
	// ErrOtherPlan: the archive is that of another plan. Nothing was written.
	ErrOtherPlan = errors.New("the archive is that of another plan")
	// ErrOtherRegistry: the plan is for another registry than the client.
	ErrOtherRegistry = errors.New("the plan is for another registry")
)

// A Problem says what is wrong with a file of an archive.
type Problem string

// What can be wrong.
const (
	ProblemMissing Problem = "is missing"
	ProblemChanged Problem = "was changed"
	ProblemForeign Problem = "does not belong to the archive"
)

// A CorruptError says that a file of an archive is missing, was changed after it was
// written, or does not belong there.
type CorruptError struct {
	Name    string // such as "index.json"
	Problem Problem
	Err     error // how that shows; may be nil
}

func (e *CorruptError) Error() string {
	text := fmt.Sprintf("archive: %s %s", e.Name, e.Problem)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *CorruptError) Unwrap() error { return e.Err }

// checkRegistry refuses a plan for another registry than that of a client.
func checkRegistry(p *plan.Plan, registry string) error {
	if planned := p.Header().Registry; plan.RegistryName(registry) != planned {
		return fmt.Errorf("%w: for %s, not %s", ErrOtherRegistry, planned, registry)
	}
	return nil
}
