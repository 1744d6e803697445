package transport

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An authorization answers challenges with its headers, one after the other.
type authorization struct {
	first    string
	answers  []string
	err      error // of Header
	answered error // of Answer
	accepted int
	said     []string // bodies of challenges
	contexts []context.Context
}

func (a *authorization) Header(ctx context.Context) (string, error) {
	a.contexts = append(a.contexts, ctx)
	return a.first, a.err
}

func (a *authorization) Volunteers(context.Context, http.Header) (bool, error) {
	return len(a.answers) > 0, nil
}

func (a *authorization) Answer(ctx context.Context, status int, _ http.Header, body []byte) (string, error) {
	a.contexts = append(a.contexts, ctx)
	a.said = append(a.said, string(body))
	if len(a.answers) == 0 {
		return "", a.answered
	}
	next := a.answers[0]
	a.answers = a.answers[1:]
	return next, nil
}

func (a *authorization) Accepted() { a.accepted++ }

func TestChallenges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule     string
		auth     *authorization
		steps    []step
		want     []string // Authorization headers that were sent
		status   int
		accepted int
	}{
		{
			"a header that is known is sent unasked",
			&authorization{first: "Bearer a"}, []step{respond(200, "")}, []string{"Bearer a"}, 200, 0,
		},
		{
			"a challenge is answered, and the answer accepted",
			&authorization{answers: []string{"Bearer a"}}, []step{respond(401, "one"), respond(200, "")}, []string{"", "Bearer a"}, 200, 1,
		},
		{
			"a refusal that is no challenge accepts the answer",
			&authorization{answers: []string{"Bearer a"}}, []step{respond(401, "one"), respond(404, "")}, []string{"", "Bearer a"}, 404, 1,
		},
		{
			"a 403 may say that credentials have expired",
			&authorization{answers: []string{"Bearer a"}}, []step{respond(403, "one"), respond(200, "")}, []string{"", "Bearer a"}, 200, 1,
		},
		{
			"nothing to offer leaves the refusal, with its body",
			&authorization{}, []step{respond(401, "one")}, []string{""}, 401, 0,
		},
		{
			"every answer may be refused, but not for ever",
			&authorization{answers: []string{"1", "2", "3", "4", "5", "6"}}, []step{respond(401, "one")}, []string{"", "1", "2", "3", "4"}, 401, 0,
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			s := newServer(test.steps...)
			r := get()
			r.Authorization = test.auth
			resp, failure := newClient(s).Do(t.Context(), r)
			status := 0
			if failure != nil {
				status = failure.StatusCode
				if status == 401 && string(failure.Body) != "one" {
					t.Errorf("body %q", failure.Body)
				}
			} else {
				status = resp.StatusCode
				if resp.Attempts != 1 {
					t.Errorf("%d attempts", resp.Attempts)
				}
				resp.Body.Close()
			}
			var got []string
			for _, r := range s.requests() {
				got = append(got, r.Authorization)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Authorization (-want +got):\n%s", diff)
			}
			if status != test.status || test.auth.accepted != test.accepted {
				t.Errorf("status %d, want %d; accepted %d times, want %d", status, test.status, test.auth.accepted, test.accepted)
			}
			for _, said := range test.auth.said {
				if said != "one" {
					t.Errorf("an answer was asked for to the body %q", said)
				}
			}
		})
	}
}

func TestAnAuthorizationIsAskedInTheCallersContext(t *testing.T) {
	t.Parallel()
	auth := &authorization{answers: []string{"Bearer a"}}
	r := get()
	r.Authorization = auth
	ctx := context.WithValue(t.Context(), t, "the caller's")
	resp, failure := newClient(newServer(respond(401, ""), respond(200, ""))).Do(ctx, r)
	if failure != nil {
		t.Fatalf("%+v", failure)
	}
	resp.Body.Close()
	for _, got := range auth.contexts {
		if got != ctx {
			t.Errorf("context %v", got)
		}
	}
	if len(auth.contexts) != 2 {
		t.Errorf("asked %d times", len(auth.contexts))
	}
}

// A transient is an error of a token service.
type transient struct {
	transient bool
	wait      time.Duration
	cause     error
}

func (e *transient) Error() string       { return "no token" }
func (e *transient) Unwrap() error       { return e.cause }
func (e *transient) Transient() bool     { return e.transient }
func (e *transient) Wait() time.Duration { return e.wait }

func TestErrorsOfAnAuthorization(t *testing.T) {
	t.Parallel()
	plain := errors.New("no credentials")
	for _, test := range []struct {
		rule     string
		err      error
		attempts int
		after    time.Duration
		took     time.Duration
	}{
		{"an unknown one is not retried", plain, 1, 0, 0},
		{"a lasting one is not retried", &transient{}, 1, 0, 0},
		{"a transient one is retried", &transient{transient: true}, 4, 0, 3 * time.Second},
		{"a transient one is retried after its wait", &transient{transient: true, wait: 5 * time.Second}, 4, 5 * time.Second, 15 * time.Second},
		{"a wait that is too long is returned", &transient{transient: true, wait: time.Hour}, 1, time.Hour, 0},
		{"a transient one with a lasting cause is not retried", &transient{transient: true, cause: http.ErrSchemeMismatch}, 1, 0, 0},
	} {
		for _, asked := range []bool{false, true} {
			rule := test.rule
			if asked {
				rule += ", after a challenge"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					auth := &authorization{err: test.err}
					if asked {
						auth = &authorization{answered: test.err}
					}
					r := untag() // whatever the request, it was not accepted
					r.Authorization = auth
					start := time.Now()
					f := refuse(t, t.Context(), newClient(newServer(respond(401, ""))), r)
					if took := time.Since(start); took != test.took {
						t.Errorf("it took %v, want %v", took, test.took)
					}
					if f.Attempts != test.attempts || f.RetryAfter != test.after || f.Ambiguous || !errors.Is(f.Err, test.err) || f.Canceled {
						t.Errorf("%+v", f)
					}
				})
			})
		}
	}
}

func TestAnAttemptWithoutAnAuthorizationIsAnonymous(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		s := newServer(respond(status, "no"))
		f := refuse(t, t.Context(), newClient(s), get())
		if f.StatusCode != status || string(f.Body) != "no" || len(s.requests()) != 1 || s.requests()[0].Authorization != "" {
			t.Errorf("%+v", f)
		}
	}
}
