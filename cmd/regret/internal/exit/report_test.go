package exit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestCodesOfReports(t *testing.T) {
	t.Parallel()
	result := func(s apply.Status, kind regret.Kind) apply.Result { return apply.Result{Status: s, Kind: kind} }
	deleted, gone := result(apply.Deleted, ""), result(apply.AlreadyGone, "")
	disabled, forbidden := result(apply.Refused, regret.ErrDeleteDisabled), result(apply.Refused, regret.ErrForbidden)
	left := result(apply.NotAttempted, "")
	stopped := fmt.Errorf("%w: deletion is disabled", apply.ErrStopped)
	for _, test := range []struct {
		rule    string
		results []apply.Result
		err     error
		want    exit.Code
	}{
		{"everything was deleted", []apply.Result{deleted, gone}, nil, exit.Done},
		{"quarantine spares some", []apply.Result{result(apply.Quarantined, ""), result(apply.Spared, "")}, nil, exit.Done},
		{"there was nothing to do", nil, nil, exit.Done},
		{"one failed", []apply.Result{deleted, result(apply.Failed, regret.ErrUnavailable)}, nil, exit.Failed},
		{"one is stale", []apply.Result{deleted, result(apply.Stale, "")}, nil, exit.Partial},
		{"all are stale", []apply.Result{result(apply.Stale, "")}, nil, exit.Partial},
		{"one is held", []apply.Result{deleted, result(apply.Held, "")}, nil, exit.Partial},
		{"one was refused", []apply.Result{deleted, result(apply.Refused, regret.ErrReferenced)}, nil, exit.Partial},
		{"one is denied that is served", []apply.Result{result(apply.Refused, regret.ErrNotFound)}, nil, exit.NotAllowed},
		{"one is unknown", []apply.Result{deleted, result(apply.Unknown, regret.ErrOutcomeUnknown)}, nil, exit.Unknown},
		{"deletion is disabled, so that nothing was changed", []apply.Result{disabled, left}, stopped, exit.NotAllowed},
		{"deletion is disabled, which holds the rest", []apply.Result{disabled, result(apply.Held, "")}, stopped, exit.NotAllowed},
		{"all are forbidden", []apply.Result{forbidden, forbidden}, nil, exit.NotAllowed},
		{"the right to delete was lost half-way", []apply.Result{deleted, forbidden, left}, stopped, exit.Partial},
		{"twenty failures ended it", []apply.Result{deleted, result(apply.Failed, regret.ErrUnavailable), left}, apply.ErrStopped, exit.Failed},
		{"a keep rule's image was gone half-way", []apply.Result{deleted, left}, apply.ErrKeepLost, exit.Partial},
		{"the time was over half-way", []apply.Result{deleted, left}, context.DeadlineExceeded, exit.Failed},
		{"a tag was lost", []apply.Result{deleted}, apply.ErrLost, exit.Unknown},
		{"a tag is still there", []apply.Result{deleted}, regret.ErrStillPresent, exit.Partial},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := exit.OfReport(&apply.Report{Results: test.results}, test.err); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	t.Run("a run that ended before its first step", func(t *testing.T) {
		t.Parallel()
		if got := exit.OfReport(nil, apply.ErrKeepLost); got != exit.Unsafe {
			t.Errorf("got %d", got)
		}
	})
}

func TestCodesOfRestoring(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule     string
		statuses []undo.Status
		err      error
		want     exit.Code
	}{
		{"everything is back", []undo.Status{undo.Restored, undo.AlreadyThere}, nil, exit.Done},
		{"one failed", []undo.Status{undo.Restored, undo.Failed}, nil, exit.Failed},
		{"one is lost", []undo.Status{undo.Restored, undo.Lost}, nil, exit.Partial},
		{"a tag points elsewhere", []undo.Status{undo.Restored, undo.Elsewhere}, nil, exit.Partial},
		{"the archive is damaged, which shows half-way", []undo.Status{undo.Restored, undo.NotAttempted}, &undo.CorruptError{}, exit.Partial},
		{"the archive is damaged, which shows at once", []undo.Status{undo.AlreadyThere, undo.NotAttempted}, &undo.CorruptError{}, exit.Usage},
		{"there is no archive", nil, undo.ErrNoArchive, exit.Usage},
		{"the time was over", []undo.Status{undo.NotAttempted}, errors.Join(context.DeadlineExceeded), exit.Failed},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var r undo.Report
			for _, s := range test.statuses {
				r.Results = append(r.Results, undo.Result{Status: s})
			}
			if got := exit.OfRestore(&r, test.err); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
