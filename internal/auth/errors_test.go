package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule string
		err  auth.Error
		want string
	}{
		{"an error has the text of its cause", auth.Error{Reason: auth.NoResponse, StatusCode: 200, Err: errors.New("no route")}, "no route"},
		{"without a cause it is the status", auth.Error{Reason: auth.TokenRefused, StatusCode: 403}, "the token service answered 403 Forbidden"},
		{"a status without a name is its number", auth.Error{Reason: auth.TokenRefused, StatusCode: 520}, "the token service answered 520"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := tt.err.Unwrap(); got != tt.err.Err {
				t.Errorf("it wraps %v, want %v", got, tt.err.Err)
			}
		})
	}
}

func TestErrorIsTransient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason auth.Reason
		status int
		want   bool
	}{
		{auth.NoResponse, 0, true},
		{auth.NoResponse, 200, true},
		{auth.TokenRefused, 500, true},
		{auth.TokenRefused, 503, true},
		{auth.TokenRefused, 429, true},
		{auth.TokenRefused, 408, true},
		{auth.TokenRefused, 425, true},
		{auth.TokenRefused, 302, false},
		{auth.TokenRefused, 400, false},
		{auth.TokenRefused, 401, false},
		{auth.TokenRefused, 403, false},
		{auth.MalformedChallenge, 401, false},
		{auth.UntrustedRealm, 401, false},
		{auth.SourceFailed, 0, false},
		{auth.TokenMalformed, 200, false},
	} {
		t.Run(fmt.Sprintf("reason %d with status %d: %t", tt.reason, tt.status, tt.want), func(t *testing.T) {
			t.Parallel()
			e := auth.Error{Reason: tt.reason, StatusCode: tt.status, RetryAfter: time.Minute}
			if got := e.Transient(); got != tt.want {
				t.Errorf("transient: %t, want %t", got, tt.want)
			}
			if got := e.Wait(); got != time.Minute {
				t.Errorf("it waits for %v", got)
			}
		})
	}
}

func TestSourceErrorNamesTheRegistryOnce(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such program")
	for _, tt := range []struct {
		rule string
		err  error
		want string
	}{
		{"an error that does not name it", cause, "credentials for registry.example.com: no such program"},
		{"a source's error that does not name it", &credentials.Error{Err: cause}, "credentials for registry.example.com: " + (&credentials.Error{Err: cause}).Error()},
		{"a source's error that names it", &credentials.Error{Registry: host, Helper: "docker-credential-x", Err: cause},
			(&credentials.Error{Registry: host, Helper: "docker-credential-x", Err: cause}).Error()},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil, source(func(int) (credentials.Credential, error) { return credentials.Credential{}, tt.err }))
			z := f.For(pull)
			_, err := z.Answer(t.Context(), http.StatusUnauthorized, basic, nil)
			wantFailure(t, failure{Reason: auth.SourceFailed, Text: tt.want}, failureOf(t, err))
			if !errors.Is(err, cause) {
				t.Errorf("%v does not wrap its cause", err)
			}
		})
	}
}
