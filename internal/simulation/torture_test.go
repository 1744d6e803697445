package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

// A scenario is an operation against a registry that behaves deterministically.
type scenario struct {
	kind       opKind
	setup      string
	profile    profile
	firstFault fault // of the first request, unless an injection replaces it
}

// setups returns the profiles of the registries that each operation runs against, by name.
func setups() map[string]profile {
	plain := profile{fixedLatency: true, chunkSize: 48, retries: 3}
	basic, bearer, awkward, own := plain, plain, plain, plain
	basic.auth = basicAuth
	bearer.auth, bearer.tokensListAccess = bearerAuth, true
	awkward.auth, awkward.headStatus, awkward.redirectHops, awkward.rejectsDeleteScope = bearerAuth, 405, 2, true
	awkward.noReferrers = true
	own.auth, own.ownTokenService, own.noDigestHeader = bearerAuth, true, true
	own.narrowsGrants, own.tokensListAccess = true, true
	return map[string]profile{"plain": plain, "basic": basic, "bearer": bearer, "awkward": awkward, "own realm": own}
}

func scenarios() []scenario {
	var all []scenario
	kinds := []opKind{opPing, resolve, getManifest, deleteManifest, untag, checkDelete, putManifest, listTags, listRepos, listRefs}
	for _, name := range []string{"plain", "basic", "bearer", "awkward", "own realm"} {
		p := setups()[name]
		for _, kind := range kinds {
			p.pageCap = 0
			if kind == listTags || kind == listRepos || kind == listRefs {
				p.pageCap = 1
			}
			all = append(all, scenario{kind: kind, setup: name, profile: p})
			if name == "bearer" || name == "plain" {
				all = append(all,
					scenario{kind, name + ", first request throttled", p, fault{kind: busy, status: 503, retryAfter: "2"}},
					scenario{kind, name + ", first response replaced by a 502", p, fault{kind: serverError, status: 502, takesEffect: true}})
			}
		}
	}
	return all
}

const testRepository = "team/app"

// setUp returns a model with the content that every scenario needs, and the operation to run.
func (s scenario) setUp(seed uint64) (*model, *operation) {
	m := newModel(rand.New(rand.NewPCG(seed, 7)), s.profile)
	m.store.create(testRepository)
	m.store.create("team/other")
	image := m.store.newImage("")
	m.store.put(testRepository, "v1", image)
	m.store.put(testRepository, "v2", m.store.newIndex(image))
	m.store.put(testRepository, "v3", image)
	one, two := m.store.newImage(image.digest), m.store.newImage(image.digest)
	m.store.put(testRepository, "", one)
	m.store.put(testRepository, "", two)
	if s.profile.noReferrers {
		m.store.put(testRepository, fallbackTag(image.digest), m.store.newIndex(one, two))
	}
	op := &operation{kind: s.kind, repository: testRepository, reference: "v1"}
	switch s.kind {
	case deleteManifest, listRefs:
		op.reference = image.digest
	case putManifest:
		op.manifest = m.store.newImage("")
	case opPing, checkDelete, listTags, listRepos:
		op.reference = ""
	}
	return m, op
}

// An injection is one fault at one point of a scenario.
type injection struct {
	event       int
	fault       fault
	cancelAt    stage         // for kind canceled: the stage at which the context ends
	cancelAfter time.Duration // for kind canceled and event -1: the time after which the context ends
}

const canceled faultKind = "canceled"

// runWith runs a scenario with the given faults. It returns the problems that the oracle found.
func (s scenario) runWith(t *testing.T, injections ...injection) (problems []string, events []*event, elapsed time.Duration) {
	crash := runInBubble(t, func() {
		m, op := s.setUp(1)
		c, err := m.client()
		if err != nil {
			problems = append(problems, err.Error())
			return
		}
		m.chooseFault = func(*event) fault { return fault{} }
		if s.kind == untag { // so that the client has resolved the tag before
			m.execute(c, &operation{id: -1, kind: resolve, repository: testRepository, reference: "v1"})
			m.events = nil
		}
		s.inject(m, op, injections)
		m.execute(c, op)
		events, elapsed = slices.Clone(op.events), op.ended.Sub(op.began)
		if len(injections) == 0 && s.firstFault.kind == noFault && op.err != nil {
			m.problem("an error without a fault: %v", op.err)
		}
		m.checkRecovery(c)
		problems = append(problems, m.problems...)
	})
	if crash != "" {
		problems = append(problems, crash)
	}
	return problems, events, elapsed
}

// inject configures the model and the operation to fail at the given points.
func (s scenario) inject(m *model, op *operation, injections []injection) {
	m.chooseFault = func(e *event) fault {
		for _, in := range injections {
			if e.n == in.event && in.fault.kind != canceled {
				return in.fault
			}
		}
		if e.n == 0 {
			return s.firstFault
		}
		return fault{}
	}
	reads := map[*event]int{}
	m.onStage = func(e *event, at stage) {
		if at == readingBody {
			reads[e]++
		}
		for _, in := range injections {
			if e.n == in.event && in.fault.kind == canceled && in.cancelAt == at && (at != readingBody || reads[e] == in.fault.chunk+1) {
				op.endContext()
			}
		}
	}
	for _, in := range injections {
		if in.event < 0 {
			op.endsAfter, op.deadline = in.cancelAfter, in.fault.chunk == 1
		}
		op.undetectable = op.undetectable || in.fault.kind == bodyCorrupt && (op.isList() || s.profile.noDigestHeader || s.profile.headStatus != 0)
	}
}

// checkRecovery checks that the client works again once the faults have ended.
func (m *model) checkRecovery(c *regret.Client) {
	m.chooseFault, m.onStage = func(*event) fault { return fault{} }, nil
	wait(2 * time.Minute)
	after := &operation{id: 1, kind: listRepos}
	if m.execute(c, after); after.err != nil {
		m.problem("an operation after the faults: %v", after.err)
	}
}

// allInjections returns every single fault of a scenario: each kind of fault at each request, each
// response and each chunk of a body, and cancellations throughout the time that the scenario takes.
func allInjections(events []*event, elapsed time.Duration) []injection {
	var all []injection
	add := func(e int, faults ...fault) {
		for _, f := range faults {
			all = append(all, injection{event: e, fault: f})
		}
	}
	for i, e := range events {
		for _, after := range []bool{false, true} {
			add(i, fault{kind: closedEarly, takesEffect: after}, fault{kind: reset, takesEffect: after}, fault{kind: hang, takesEffect: after},
				fault{kind: serverError, status: 500, takesEffect: after})
		}
		add(i, fault{kind: dialFails}, fault{kind: twoDigests}, fault{kind: garbage}, fault{kind: repeatedHeader},
			fault{kind: slow, delay: 20 * time.Second}, fault{kind: slow, delay: 10 * time.Minute})
		for _, at := range []stage{sending, responding} {
			all = append(all, injection{event: i, fault: fault{kind: canceled}, cancelAt: at})
		}
		for chunk := range e.chunks {
			add(i, fault{kind: bodyEOF, chunk: chunk}, fault{kind: bodyReset, chunk: chunk}, fault{kind: bodyShort, chunk: chunk},
				fault{kind: bodyCorrupt, chunk: chunk}, fault{kind: bodyStall, chunk: chunk, delay: time.Minute},
				fault{kind: bodyStall, chunk: chunk, delay: time.Second})
			all = append(all, injection{event: i, fault: fault{kind: canceled, chunk: chunk}, cancelAt: readingBody})
		}
	}
	step := max(5*time.Millisecond, elapsed/100)
	for at := step / 2; at < elapsed; at += step {
		for how := range 2 { // by cancellation or by deadline
			all = append(all, injection{event: -1, fault: fault{kind: canceled, chunk: how}, cancelAfter: at})
		}
	}
	return all
}

// TestTorture runs every scenario once with each possible fault, and with random pairs of faults.
func TestTorture(t *testing.T) {
	t.Parallel()
	var singles, pairs atomic.Int64
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range scenarios() {
			t.Run(string(s.kind)+", "+s.setup, func(t *testing.T) {
				t.Parallel()
				problems, events, elapsed := s.runWith(t)
				s.report(t, problems)
				all := sample(allInjections(events, elapsed), sampleEvery)
				for _, in := range all {
					problems, _, _ := s.runWith(t, in)
					s.report(t, problems, in)
				}
				rng := rand.New(rand.NewPCG(uint64(len(all)), 1))
				for range len(all) / 4 {
					a, b := pick(rng, all), pick(rng, all)
					if b.event >= 0 { // the second fault may hit a request that only the first one causes
						b.event += rng.IntN(4)
					}
					problems, _, _ := s.runWith(t, a, b)
					s.report(t, problems, a, b)
				}
				singles.Add(int64(len(all)))
				pairs.Add(int64(len(all) / 4))
			})
		}
	})
	t.Logf("%d scenarios, %d faults injected one by one, %d pairs of them", len(scenarios()), singles.Load(), pairs.Load())
}

// sample returns every n-th element.
func sample[T any](all []T, n int) []T {
	var some []T
	for i := 0; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

func (s scenario) report(t *testing.T, problems []string, injections ...injection) {
	t.Helper()
	if len(problems) > 0 {
		var where []string
		for _, in := range injections {
			where = append(where, fmt.Sprintf("%+v", in))
		}
		t.Errorf("with %s:\n\t%s", strings.Join(where, " and "), strings.Join(problems, "\n\t"))
	}
}
