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

// A phase is a place in an operation at which its context may end.
type phase struct {
	name   string
	kind   opKind
	set    func(*profile)
	choose func(*event) fault
	here   func(e *event, at stage) bool // the phase has begun
	step   time.Duration                 // between two of the moments within the phase
}

func phases() []phase {
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
		{name: "in the HEAD", kind: resolve, here: at(http.MethodHead, manifests, leaving)},
		{name: "before the header of a GET", kind: getManifest, here: at(http.MethodGet, manifests, handled)},
		{name: "in the body of a GET", kind: getManifest, here: at(http.MethodGet, manifests, streaming)},
		{name: "in a DELETE by digest", kind: deletion, here: at(http.MethodDelete, manifests, leaving)},
		{name: "in a DELETE by tag", kind: untag, here: at(http.MethodDelete, manifests, handled)},
		{name: "in a PUT", kind: putManifest, here: at(http.MethodPut, manifests, leaving)},
		{name: "in the body of a 401", kind: getManifest, set: bearer, here: func(e *event, at stage) bool { return e.status == 401 && at == streaming }},
		{name: "in a token request", kind: resolve, set: bearer, here: at(http.MethodGet, tokens, leaving)},
		{name: "in the body of a token", kind: resolve, set: bearer, here: at(http.MethodGet, tokens, streaming)},
		{name: "before a repetition", kind: getManifest, choose: first(fault{kind: serverError, status: 502}),
			here: at(http.MethodGet, manifests, streaming), step: 2 * time.Millisecond},
		{name: "in a pause that the registry asked for", kind: getManifest, choose: first(fault{kind: busy, status: 503, wait: "7"}),
			here: at(http.MethodGet, manifests, streaming), step: 69 * time.Millisecond},
		{name: "in the verification", kind: untag, choose: first(fault{kind: closedEarly, after: true}), here: at(http.MethodHead, manifests, leaving)},
		{name: "in the second page", kind: listTags, set: func(p *profile) { p.pageCap = 1 },
			here: func(e *event, at stage) bool { return e.n == 1 && at == leaving }},
	}
}

// at is the stage of a request of that kind.
func at(method string, kind routeKind, when stage) func(*event, stage) bool {
	return func(e *event, at stage) bool { return e.method == method && e.route.kind == kind && at == when }
}

// TestCancellation ends the context of an operation in every phase, at many
// moments: the call returns at once, with the context's error.
func TestCancellation(t *testing.T) {
	t.Parallel()
	for _, p := range phases() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for i := range 100 {
				if crash := bubble(t, func() { p.end(t, i) }); crash != "" {
					t.Fatal(crash)
				}
			}
		})
	}
}

// end runs the operation, and ends it at the i-th moment of the phase.
func (p phase) end(t *testing.T, i int) {
	s := scenario{kind: p.kind, profile: profile{steady: true, chunk: 16, repeats: 3}}
	if p.set != nil {
		p.set(&s.profile)
	}
	m, op := s.arrange(uint64(i))
	m.choose = p.choose
	if m.choose == nil {
		m.choose = func(*event) fault { return fault{} }
	}
	reached := false
	m.reach = func(e *event, at stage) {
		if !reached && p.here(e, at) {
			reached = true
			time.AfterFunc(time.Duration(i)*max(p.step, time.Millisecond/100), op.stop)
		}
	}
	c, err := m.client()
	if err != nil {
		t.Error(err)
		return
	}
	m.execute(c, op) // which judges that it returns in time
	switch {
	case !reached:
		t.Errorf("moment %d: the operation never came to this phase", i)
	case !errors.Is(op.err, context.Canceled):
		t.Errorf("moment %d: %v", i, op.err)
	case (p.kind == deletion || p.kind == untag) && !errors.Is(op.err, regret.ErrOutcomeUnknown):
		t.Errorf("moment %d of a deletion: %v", i, op.err)
	}
	for _, problem := range m.problems {
		t.Errorf("moment %d: %s", i, problem)
	}
}

// TestCancelledBeforeTheStart: nothing is sent for a context that has ended.
func TestCancelledBeforeTheStart(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		synctest.Test(t, func(t *testing.T) {
			m, op := s.arrange(1)
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

// TestHeldBack: an operation that waits because another one was asked to,
// returns when its context ends, or at once if it would end before.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		synctest.Test(t, func(t *testing.T) {
			s := scenario{kind: getManifest, profile: profile{steady: true, chunk: 16}}
			m, op := s.arrange(1)
			m.choose = func(e *event) fault {
				if e.n == 0 {
					return fault{kind: busy, status: 429, wait: "7"}
				}
				return fault{}
			}
			c, err := m.client()
			if err != nil {
				t.Fatal(err)
			}
			m.execute(c, &operation{id: -1, kind: opPing})
			op.ends, op.deadline = 50*time.Millisecond+time.Duration(i)*60*time.Millisecond, i%2 == 0
			m.execute(c, op)
			want := error(context.Canceled)
			if op.deadline {
				want = regret.ErrRateLimited
			}
			if len(op.events) > 0 || !errors.Is(op.err, want) || len(m.problems) > 0 {
				t.Errorf("ended after %v: %d requests, %v, %q", op.ends, len(op.events), op.err, m.problems)
			}
		})
	}
}
