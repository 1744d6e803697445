package exit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/cmd/regret/internal/exit"
	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
	"github.com/seed-8cb7cc86/regret/prune/undo"
)

func TestCodesOfErrors(t *testing.T) {
	t.Parallel()
	kind := func(k regret.Kind) error { return &regret.Error{Op: "resolve", Kind: k} }
	for _, test := range []struct {
		rule string
		err  error
		want exit.Code
	}{
		{"no error", nil, exit.Done},
		{"an error of no known kind", io.ErrUnexpectedEOF, exit.Failed},
		{"a registry that is down", kind(regret.ErrUnavailable), exit.Failed},
		{"a rate limit", kind(regret.ErrRateLimited), exit.Failed},
		{"a response that no registry sends", kind(regret.ErrNotRegistry), exit.Failed},
		{"a time-out of the command", context.DeadlineExceeded, exit.Failed},
		{"a file of an archive that cannot be stored", &undo.StoreError{Op: "store", Err: io.ErrShortWrite}, exit.Failed},
		{"a journal that cannot be written", &apply.JournalError{Err: io.ErrShortWrite}, exit.Failed},
		{"a malformed reference", kind(regret.ErrInvalid), exit.Usage},
		{"a policy with a fault", policy.Errors{{Field: "remove", Problem: "is empty"}}, exit.Usage},
		{"a plan that is malformed", &plan.FormatError{Problem: "no JSON"}, exit.Usage},
		{"a plan of another version", &plan.VersionError{Version: "plan/2"}, exit.Usage},
		{"a plan that was edited", &plan.VerifyError{Problem: "wrong"}, exit.Usage},
		{"a plan of another registry", apply.ErrOtherRegistry, exit.Usage},
		{"the archive of another plan", undo.ErrOtherPlan, exit.Usage},
		{"a damaged archive", &undo.CorruptError{Name: "index.json"}, exit.Usage},
		{"a folder that is no archive", undo.ErrNoArchive, exit.Usage},
		{"a journal that cannot be read", &apply.JournalError{Line: 3, Err: io.ErrUnexpectedEOF}, exit.Usage},
		{"what is still there after its deletion", kind(regret.ErrStillPresent), exit.Partial},
		{"missing credentials", kind(regret.ErrUnauthorized), exit.NotAllowed},
		{"a helper of credentials that fails", &credentials.Error{}, exit.NotAllowed},
		{"a missing permission", kind(regret.ErrForbidden), exit.NotAllowed},
		{"disabled deletion", kind(regret.ErrDeleteDisabled), exit.NotAllowed},
		{"a registry that is read-only", kind(regret.ErrReadOnly), exit.NotAllowed},
		{"a registry that cannot delete tagged images", kind(regret.ErrStillTagged), exit.NotAllowed},
		{"a registry without deletion by tag", kind(regret.ErrTagDeleteUnsupported), exit.NotAllowed},
		{"a method that is not allowed, for no known reason", &regret.Error{Op: "untag", StatusCode: 405}, exit.NotAllowed},
		{"a locked image", kind(regret.ErrImmutable), exit.NotAllowed},
		{"a token service that is not trusted", kind(regret.ErrUntrustedRealm), exit.NotAllowed},
		{"a registry that allows no quarantine", apply.ErrNoQuarantine, exit.NotAllowed},
		{"what does not exist", kind(regret.ErrNotFound), exit.NotFound},
		{"a list that is not complete", kind(regret.ErrIncompleteList), exit.Unsafe},
		{"entries that are no tags", kind(regret.ErrInvalidEntries), exit.Unsafe},
		{"a brake", &plan.BrakeError{}, exit.Unsafe},
		{"a repository beyond the limits", &plan.LimitError{}, exit.Unsafe},
		{"an in-use list that is old", &policy.InUseError{Detail: policy.InUseStale}, exit.Unsafe},
		{"an image that a keep rule held and that is gone", apply.ErrKeepLost, exit.Unsafe},
		{"a plan that is too old", apply.ErrTooOld, exit.Unsafe},
		{"another plan than the expected one", apply.ErrUnexpected, exit.Unsafe},
		{"an unknown outcome", kind(regret.ErrOutcomeUnknown), exit.Unknown},
		{"a lost tag", apply.ErrLost, exit.Unknown},
		{"reading that failed because the registry is down", &prune.IncompleteError{Err: kind(regret.ErrUnavailable)}, exit.Failed},
		{"reading that failed because a page is missing", &prune.IncompleteError{Err: kind(regret.ErrIncompleteList)}, exit.Unsafe},
		{"reading that is forbidden", &prune.IncompleteError{Err: kind(regret.ErrForbidden)}, exit.NotAllowed},
		{"a digest with tags that were not named", &prune.SharedError{}, exit.Unsafe},
		{"an image that something else needs", &prune.NeededError{}, exit.Unsafe},
		{"tags that lead to nothing", &prune.BrokenError{}, exit.Unsafe},
		{"named images that are gone", &prune.MissingError{}, exit.NotFound},
		{"one that is gone and one with other tags", errors.Join(&prune.MissingError{}, &prune.SharedError{}), exit.Unsafe},
		{"an error with a code of its own, wrapped", fmt.Errorf("x: %w", exit.With(exit.Unsafe, io.EOF)), exit.Unsafe},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := exit.Of(test.err); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestCodesTogether(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		codes []exit.Code
		want  exit.Code
	}{
		{"nothing was done", nil, exit.Done},
		{"all are done", []exit.Code{exit.Done, exit.Done}, exit.Done},
		{"all alike have their own", []exit.Code{exit.NotFound, exit.NotFound}, exit.NotFound},
		{"one was done and one was not found", []exit.Code{exit.Done, exit.NotFound}, exit.Partial},
		{"one is not allowed and one was not found", []exit.Code{exit.NotAllowed, exit.NotFound}, exit.Partial},
		{"one failed, so that repeating goes on", []exit.Code{exit.Done, exit.Failed, exit.NotFound}, exit.Failed},
		{"one is unknown", []exit.Code{exit.Done, exit.Unknown, exit.Failed}, exit.Unknown},
		{"an interruption comes first", []exit.Code{exit.Unknown, exit.Interrupted}, exit.Interrupted},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := exit.Together(test.codes...); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestAQuietErrorKeepsItsCode(t *testing.T) {
	t.Parallel()
	if err := exit.Quietly(exit.Done); err != nil {
		t.Errorf("done is no error, not %v", err)
	}
	q, ok := errors.AsType[*exit.Quiet](exit.Quietly(exit.Partial))
	if !ok || q.Code != exit.Partial {
		t.Errorf("got %v", q)
	}
}
