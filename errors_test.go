package regret_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8cb7cc86/regret"
)

func TestErrorIs(t *testing.T) {
	t.Parallel()
	e := &regret.Error{Kind: regret.ErrNotFound, Details: []regret.Detail{{Code: "A"}, {Code: "B"}}, Err: http.ErrBodyNotAllowed}
	tests := []struct {
		name   string
		target error
		want   bool
	}{
		{"its kind", regret.ErrNotFound, true},
		{"its first code", regret.Code("A"), true},
		{"its second code", regret.Code("B"), true},
		{"its cause", http.ErrBodyNotAllowed, true},
		{"itself", e, true},
		{"another kind", regret.ErrForbidden, false},
		{"another code", regret.Code("C"), false},
		{"a kind with the text of a code", regret.Kind("A"), false},
		{"a code with the text of a kind", regret.Code(regret.ErrNotFound), false},
		{"the empty kind", regret.Kind(""), false},
		{"the empty code", regret.Code(""), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errors.Is(fmt.Errorf("wrapped: %w", e), tt.target); got != tt.want {
				t.Errorf("errors.Is is %t, want %t", got, tt.want)
			}
		})
	}
	if got := errors.Join(regret.ErrNotFound, regret.CodeDenied).Error(); got != "not found\nDENIED" {
		t.Errorf("the text of a joined kind and code is %q", got)
	}
	if errors.Is(&regret.Error{}, regret.Kind("")) || errors.Is(&regret.Error{Details: []regret.Detail{{}}}, regret.Code("")) {
		t.Error("an empty error matches the empty kind or the empty code")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	tests := []struct {
		name string
		err  regret.Error
		want string
	}{
		{"the text has every field", regret.Error{
			Op: "untag", Repository: repo, Reference: "v1", Method: "DELETE", URL: "https://r/v2/x", StatusCode: 403, Kind: regret.ErrForbidden,
			Details: []regret.Detail{{Code: "DENIED", Message: "no"}, {Code: "B"}, {Message: "c"}}, RetryAfter: 7 * time.Second, Attempts: 2,
			RequestID: "id-1", Hint: "ask", Err: errors.New("cause"),
		}, "regret: untag team/app:v1: permission denied: DELETE https://r/v2/x: 403 Forbidden: DENIED: no: B: c: cause: retry after 7s: after 2 attempts: request id id-1 (ask)"},
		{"a digest follows an @", regret.Error{Op: "resolve", Repository: repo, Reference: someDigest, Kind: regret.ErrNotFound},
			"regret: resolve team/app@" + someDigest + ": not found"},
		{"a repository has no reference", regret.Error{Op: "tags", Repository: repo, Kind: regret.ErrNotFound}, "regret: tags team/app: not found"},
		{"a request without a response has no status", regret.Error{Op: "ping", Method: "GET", URL: "https://r/v2/", Attempts: 1, Err: errors.New("reset")}, "regret: ping: GET https://r/v2/: reset"},
		{"an unknown status has no text", regret.Error{Op: "ping", Method: "GET", URL: "https://r/v2/", StatusCode: 799}, "regret: ping: GET https://r/v2/: 799"},
		{"a long message leaves room for the hint", regret.Error{Op: "ping", Details: []regret.Detail{{Message: long}}, Hint: "do this"},
			"regret: ping: " + long[:996] + "… (do this)"},
		{"a long hint leaves room for the rest", regret.Error{Op: "ping", Kind: regret.ErrForbidden, Hint: long},
			"regret: ping: permission denied (" + long[:508] + "…)"},
		{"an error of the same operation with another kind is not repeated", regret.Error{Op: "tags", Repository: repo, Kind: regret.ErrIncompleteList, Attempts: 4,
			Err: &regret.Error{Op: "tags", Repository: repo, Kind: regret.ErrUnavailable, Attempts: 4}},
			"regret: tags team/app: incomplete list: registry unavailable: after 4 attempts"},
		{"an error of another operation is quoted whole", regret.Error{Op: "untag", Kind: regret.ErrOutcomeUnknown, Err: &regret.Error{Op: "resolve", Kind: regret.ErrUnavailable}},
			"regret: untag: outcome unknown: regret: resolve: registry unavailable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.err.Error()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if len(got) > 1<<10 {
				t.Errorf("text of %d bytes, want at most 1 KiB", len(got))
			}
		})
	}
}
