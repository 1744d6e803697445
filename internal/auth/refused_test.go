package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-8cb7cc86/regret/credentials"
	"github.com/seed-8cb7cc86/regret/internal/auth"
)

func TestVolunteers(t *testing.T) {
	t.Parallel()
	untrusted := challenge(`Bearer realm="https://evil.example.net/"`)
	for _, tt := range []struct {
		rule      string
		source    func(int) (credentials.Credential, error)
		challenge http.Header
		want      bool
		reason    auth.Reason
		asked     int
	}{
		{"with credentials", func(int) (credentials.Credential, error) {
			return credentials.Credential{Username: "ann", Password: "p4ss"}, nil
		}, basic, true, 0, 1},
		{"without credentials the success stands", func(int) (credentials.Credential, error) { return credentials.Credential{}, nil }, basic, false, 0, 1},
		{"without credentials a realm does not matter", func(int) (credentials.Credential, error) { return credentials.Credential{}, nil }, untrusted, false, 0, 1},
		{"a source that fails makes nobody anonymous", func(int) (credentials.Credential, error) { return credentials.Credential{}, errors.New("locked") },
			basic, false, auth.SourceFailed, 1},
		{"credentials for an untrusted realm", func(int) (credentials.Credential, error) {
			return credentials.Credential{Username: "ann", Password: "p4ss"}, nil
		}, untrusted, false, auth.UntrustedRealm, 1},
		{"a scheme that nobody can answer asks no source", func(int) (credentials.Credential, error) { return credentials.Credential{}, errors.New("locked") },
			challenge("Negotiate"), false, 0, 0},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			asked := 0
			f := newFixture(t, numbered(), source(func(n int) (credentials.Credential, error) { asked++; return tt.source(n) }))
			z := f.For(pull)
			got, err := z.Volunteers(t.Context(), tt.challenge)
			if got != tt.want || asked != tt.asked {
				t.Errorf("volunteers: %t, asked %d times", got, asked)
			}
			if tt.reason == 0 && err != nil || tt.reason != 0 && failureOf(t, err).Reason != tt.reason {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAnonymousCallersAreKnown(t *testing.T) {
	t.Parallel()
	f := newFixture(t, numbered(), with(credentials.Credential{}))
	for _, c := range []http.Header{basic, bearer("s")} {
		z := f.For(pull)
		if answer(t, &z, c); !z.Anonymous() {
			t.Errorf("not anonymous after %v", c)
		}
	}
	f = newFixture(t, numbered(), with(credentials.Credential{}))
	f.accepted(t, pull, bearer("s"))
	z := f.For(pull)
	if _, err := z.Header(t.Context()); err != nil || !z.Anonymous() {
		t.Errorf("not anonymous with a token from the cache: %v", err)
	}
}

func TestWhatIsLearnedReplacesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, numbered())
	f.accepted(t, pull, basic)
	f.Learn(bearer(""))
	wantHeader(t, f.header(t, pull), basicHeader)
}

func TestARefusedHeaderIsNotKept(t *testing.T) {
	t.Parallel()
	for _, c := range []http.Header{challenge(), challenge("Basic\x00"), challenge(`Bearer realm="https://evil.example.net/"`)} {
		f := newFixture(t, numbered())
		f.accepted(t, pull, bearer("s"))
		z := f.For(pull)
		if first, err := z.Header(t.Context()); first != "Bearer t0ken1" || err != nil {
			t.Fatalf("%q, %v", first, err)
		}
		_, _ = z.Answer(t.Context(), 401, c, nil) // what matters is the next request
		if next := f.header(t, pull); next == "Bearer t0ken1" {
			t.Errorf("the refused token is sent again after %v", c)
		}
	}
}

func TestOnlyAnExpiredCredentialIsRenewed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"quota expired", "token denied"} {
		f := newFixture(t, numbered(), source(func(n int) (credentials.Credential, error) {
			return credentials.Credential{Username: "ann", Password: fmt.Sprint("pass", n)}, nil
		}))
		f.accepted(t, pull, basic)
		z := f.For(pull)
		if _, err := z.Header(t.Context()); err != nil {
			t.Fatal(err)
		}
		if header, err := z.Answer(t.Context(), 403, nil, []byte(body)); header != "" || err != nil {
			t.Errorf("%s: %q, %v", body, header, err)
		}
	}
}

func TestAnotherAttemptMayAnswerAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, numbered())
	z := f.For(pull)
	answer(t, &z, basic)
	if _, err := z.Header(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantHeader(t, answer(t, &z, basic), basicHeader)
}
