package simulation

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A phase is a part of an operation during which its context may end.
type phase struct {
	name        string
	kind        opKind
	setProfile  func(*profile)
	chooseFault func(*event) fault
	matches     func(e *event, at stage) bool // reports whether the phase begins here
	step        time.Duration                 // interval between the times at which the context ends
}

func cancellationPhases() []phase {
	bearer := func(p *profile) { p.auth = bearerAuth }
	first := func(f fault) func(*event) fault {
		return func(e *event) fault {
			if e.n == 0 {
				return f
			}
			return fault{}
		}
	}
	return []phase{
		{name: "before a HEAD arrives", kind: resolve, matches: atStage(http.MethodHead, manifests, sending)},
		{name: "before the response header of a GET", kind: getManifest, matches: atStage(http.MethodGet, manifests, responding)},
		{name: "in the response body of a GET", kind: getManifest, matches: atStage(http.MethodGet, manifests, readingBody)},
		{name: "before a DELETE by digest arrives", kind: deleteManifest, matches: atStage(http.MethodDelete, manifests, sending)},
		{name: "before the response header of a DELETE by tag", kind: untag, matches: atStage(http.MethodDelete, manifests, responding)},
		{name: "before a PUT arrives", kind: putManifest, matches: atStage(http.MethodPut, manifests, sending)},
		{name: "in the body of a 401", kind: getManifest, setProfile: bearer, matches: func(e *event, at stage) bool { return e.status == 401 && at == readingBody }},
		{name: "before a token request arrives", kind: resolve, setProfile: bearer, matches: atStage(http.MethodGet, tokens, sending)},
		{name: "in the body of a token response", kind: resolve, setProfile: bearer, matches: atStage(http.MethodGet, tokens, readingBody)},
		{name: "in the wait before a retry", kind: getManifest, chooseFault: first(fault{kind: serverError, status: 502}),
			matches: atStage(http.MethodGet, manifests, readingBody), step: 2 * time.Millisecond},
		{name: "in the wait of a Retry-After", kind: getManifest, chooseFault: first(fault{kind: busy, status: 503, retryAfter: "7"}),
			matches: atStage(http.MethodGet, manifests, readingBody), step: 69 * time.Millisecond},
		{name: "in the read that verifies a deletion", kind: untag, chooseFault: first(fault{kind: closedEarly, takesEffect: true}), matches: atStage(http.MethodHead, manifests, sending)},
		{name: "in the request for a second page", kind: listTags, setProfile: func(p *profile) { p.pageCap = 1 },
			matches: func(e *event, at stage) bool { return e.n == 1 && at == sending }},
	}
}

// atStage returns a function that matches one stage of the requests of a kind.
func atStage(method string, kind routeKind, when stage) func(*event, stage) bool {
	return func(e *event, at stage) bool { return e.method == method && e.route.kind == kind && at == when }
}

// TestCancellation ends the context of an operation at many times within each phase. The call must
// return at once with the context's error.
func TestCancellation(t *testing.T) {
	t.Parallel()
	for _, p := range cancellationPhases() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for i := range 100 {
				if crash := runInBubble(t, func() { p.cancelAtMoment(t, i) }); crash != "" {
					t.Fatal(crash)
				}
			}
		})
	}
}

// cancelAtMoment runs the operation and cancels its context i steps after the phase begins.
func (p phase) cancelAtMoment(t *testing.T, i int) {
	s := scenario{kind: p.kind, profile: profile{fixedLatency: true, chunkSize: 16, retries: 3}}
	if p.setProfile != nil {
		p.setProfile(&s.profile)
	}
	m, op := s.setUp(uint64(i))
	m.chooseFault = p.chooseFault
	if m.chooseFault == nil {
		m.chooseFault = func(*event) fault { return fault{} }
	}
	reached := false
	m.onStage = func(e *event, at stage) {
		if !reached && p.matches(e, at) {
			reached = true
			time.AfterFunc(time.Duration(i)*max(p.step, time.Millisecond/100), op.endContext)
		}
	}
	c, err := m.client()
	if err != nil {
		t.Error(err)
		return
	}
	m.execute(c, op) // also checks that the operation returns in time
	switch {
	case !reached:
		t.Errorf("step %d: the operation never reached this phase", i)
	case !errors.Is(op.err, context.Canceled):
		t.Errorf("step %d: error is not context.Canceled: %v", i, op.err)
	case (p.kind == deleteManifest || p.kind == untag) && !errors.Is(op.err, regret.ErrOutcomeUnknown):
		t.Errorf("step %d: error of a deletion is not ErrOutcomeUnknown: %v", i, op.err)
	}
	for _, problem := range m.problems {
		t.Errorf("step %d: %s", i, problem)
	}
}

// An operation whose context has already ended sends nothing.
func TestNothingIsSentForAnEndedContext(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		synctest.Test(t, func(t *testing.T) {
			m, op := s.setUp(1)
			c, err := m.client()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			op.perform(context.WithValue(ctx, operationKey{}, op), c)
			if len(m.events) > 0 || !errors.Is(op.err, context.Canceled) {
				t.Errorf("%s: %d requests, %v", op, len(m.events), op.err)
			}
		})
	}
}

// An operation that waits because the registry throttled an earlier one returns when its context is
// cancelled, or at once if the wait would exceed its deadline.
func TestThrottledCallHonorsItsContext(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		synctest.Test(t, func(t *testing.T) {
			s := scenario{kind: getManifest, profile: profile{fixedLatency: true, chunkSize: 16}}
			m, op := s.setUp(1)
			m.chooseFault = func(e *event) fault {
				if e.n == 0 {
					return fault{kind: busy, status: 429, retryAfter: "7"}
				}
				return fault{}
			}
			c, err := m.client()
			if err != nil {
				t.Fatal(err)
			}
			m.execute(c, &operation{id: -1, kind: opPing})
			op.endsAfter, op.deadline = 50*time.Millisecond+time.Duration(i)*60*time.Millisecond, i%2 == 0
			m.execute(c, op)
			want := error(context.Canceled)
			if op.deadline {
				want = regret.ErrRateLimited
			}
			if len(op.events) > 0 || !errors.Is(op.err, want) || len(m.problems) > 0 {
				t.Errorf("ended after %v: %d requests, %v, %q", op.endsAfter, len(op.events), op.err, m.problems)
			}
		})
	}
}
