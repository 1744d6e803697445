package exit

import (
	"errors"
	"slices"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

// OfReport returns what the report and the error of a run mean that has carried out a plan. The
// report is nil if the run ended before its first step.
func OfReport(r *apply.Report, err error) Code {
	var codes []Code
	if err != nil && !errors.Is(err, apply.ErrStopped) { // the results say why it stopped
		codes = append(codes, Of(err))
	}
	if r == nil {
		return Together(append(codes, Of(err))...)
	}
	changed := false
	for i := range r.Results {
		codes = append(codes, ofResult(&r.Results[i], err)...)
		changed = changed || isChange(r.Results[i].Status)
	}
	isProblem := func(c Code) bool { return c != Done }
	if r.Count(apply.Held) > 0 && !slices.ContainsFunc(codes, isProblem) { // what holds it has said why already
		codes = append(codes, Partial)
	}
	if len(r.Lost) > 0 {
		codes = append(codes, Unknown)
	}
	if len(r.StillPresent) > 0 {
		codes = append(codes, Partial)
	}
	code := Together(codes...)
	if changed && code != Done && code != Interrupted && code != Unknown && code != Failed {
		return Partial
	}
	return code
}

// ofResult returns what the result of one step means; none if it says nothing by itself.
func ofResult(r *apply.Result, err error) []Code {
	switch r.Status {
	case apply.Deleted, apply.Untagged, apply.Quarantined, apply.AlreadyGone:
		return []Code{Done}
	case apply.Unknown:
		return []Code{Unknown}
	case apply.Failed:
		return []Code{Failed}
	case apply.Refused:
		switch r.Kind {
		case "":
			return []Code{Partial}
		case regret.ErrNotFound: // so the registry says of what it serves, instead of deleting it
			return []Code{NotAllowed}
		}
		return []Code{Of(r.Kind)}
	case apply.Stale:
		return []Code{Partial}
	case apply.NotAttempted:
		if err == nil {
			return []Code{Failed}
		}
	}
	return nil
}

// isChange reports whether a step has changed something at the registry.
func isChange(s apply.Status) bool {
	return s == apply.Deleted || s == apply.Untagged || s == apply.Quarantined
}

// OfRestore returns what the report and the error of a run mean that has restored something.
func OfRestore(r *undo.Report, err error) Code {
	code := Of(err)
	isChanged := r != nil && !r.DryRun && slices.ContainsFunc(r.Results, isRestored)
	switch {
	case isChanged && slices.Contains([]Code{Usage, NotAllowed, NotFound, Unsafe}, code):
		return Partial
	case code != Done, r == nil, r.IsComplete():
		return code
	}
	var codes []Code
	for i := range r.Results {
		switch result := &r.Results[i]; {
		case result.Status.IsBack(), result.Status == undo.NotAttempted:
			codes = append(codes, Done)
		case result.Status == undo.Failed:
			return Failed
		case result.Status == undo.Refused && result.Err != nil && r.Count(undo.Restored)+r.Count(undo.Moved) == 0:
			codes = append(codes, Of(result.Err))
		default:
			codes = append(codes, Partial)
		}
	}
	return Together(codes...)
}

// isRestored reports whether something was changed at the registry.
func isRestored(r undo.Result) bool { return r.Status.IsBack() && r.Status != undo.AlreadyThere }
