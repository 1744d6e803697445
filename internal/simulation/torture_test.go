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

// A scenario is an operation against a registry in which nothing is left to
// chance.
type scenario struct {
	kind    opKind
	habit   string
	profile profile
	stumble fault // of the first request, before anything else is added
}

// habits are the registries that each operation is tortured with.
func habits() map[string]profile {
	plain := profile{steady: true, chunk: 48, repeats: 3}
	basic, bearer, awkward, own := plain, plain, plain, plain
	basic.auth = basicAuth
	bearer.auth, bearer.tellsAccess = bearerAuth, true
	awkward.auth, awkward.headRefused, awkward.redirects, awkward.knowsNoDelete = bearerAuth, 405, 2, true
	awkward.noReferrers = true
	own.auth, own.ownRealm, own.noDigest = bearerAuth, true, true
	own.grantsLess, own.tellsAccess = true, true
	return map[string]profile{"plain": plain, "basic": basic, "bearer": bearer, "awkward": awkward, "own realm": own}
}

func scenarios() []scenario {
	var all []scenario
	kinds := []opKind{opPing, resolve, getManifest, deletion, untag, checkDelete, putManifest, listTags, listRepos, listRefs}
	for _, habit := range []string{"plain", "basic", "bearer", "awkward", "own realm"} {
		p := habits()[habit]
		for _, kind := range kinds {
			p.pageCap = 0
			if kind == listTags || kind == listRepos || kind == listRefs {
				p.pageCap = 1
			}
			all = append(all, scenario{kind: kind, habit: habit, profile: p})
			if habit == "bearer" || habit == "plain" {
				all = append(all,
					scenario{kind, habit + ", busy at first", p, fault{kind: busy, status: 503, wait: "2"}},
					scenario{kind, habit + ", broken at first", p, fault{kind: serverError, status: 502, after: true}})
			}
		}
	}
	return all
}

const place = "team/app"

// arrange sets up what every scenario works with.
func (s scenario) arrange(seed uint64) (*model, *operation) {
	m := newModel(rand.New(rand.NewPCG(seed, 7)), s.profile)
	m.store.create(place)
	m.store.create("team/other")
	image := m.store.image("")
	m.store.put(place, "v1", image)
	m.store.put(place, "v2", m.store.index(image))
	m.store.put(place, "v3", image)
	one, two := m.store.image(image.digest), m.store.image(image.digest)
	m.store.put(place, "", one)
	m.store.put(place, "", two)
	if s.profile.noReferrers {
		m.store.put(place, fallbackTag(image.digest), m.store.index(one, two))
	}
	op := &operation{kind: s.kind, repository: place, reference: "v1"}
	switch s.kind {
	case deletion, listRefs:
		op.reference = image.digest
	case putManifest:
		op.manifest = m.store.image("")
	case opPing, checkDelete, listTags, listRepos:
		op.reference = ""
	}
	return m, op
}

// An injection is one fault at one place.
type injection struct {
	event  int
	fault  fault
	cancel stage         // with kind canceled: when
	at     time.Duration // with kind canceled and event -1: the time
}

const canceled faultKind = "canceled"

// endure runs a scenario with the given faults and returns what is wrong with
// the outcome.
func (s scenario) endure(t *testing.T, injections ...injection) (problems []string, events []*event, took time.Duration) {
	crash := bubble(t, func() {
		m, op := s.arrange(1)
		c, err := m.client()
		if err != nil {
			problems = append(problems, err.Error())
			return
		}
		m.choose = func(*event) fault { return fault{} }
		if s.kind == untag { // so that the client knows what it stood for
			m.execute(c, &operation{id: -1, kind: resolve, repository: place, reference: "v1"})
			m.events = nil
		}
		s.inject(m, op, injections)
		m.execute(c, op)
		events, took = slices.Clone(op.events), op.ended.Sub(op.began)
		if len(injections) == 0 && s.stumble.kind == nothing && op.err != nil {
			m.problem("without any fault: %v", op.err)
		}
		m.aftermath(c)
		problems = append(problems, m.problems...)
	})
	if crash != "" {
		problems = append(problems, crash)
	}
	return problems, events, took
}

// inject makes the model fail where it is told to.
func (s scenario) inject(m *model, op *operation, injections []injection) {
	m.choose = func(e *event) fault {
		for _, in := range injections {
			if e.n == in.event && in.fault.kind != canceled {
				return in.fault
			}
		}
		if e.n == 0 {
			return s.stumble
		}
		return fault{}
	}
	reads := map[*event]int{}
	m.reach = func(e *event, at stage) {
		if at == streaming {
			reads[e]++
		}
		for _, in := range injections {
			if e.n == in.event && in.fault.kind == canceled && in.cancel == at && (at != streaming || reads[e] == in.fault.chunk+1) {
				op.stop()
			}
		}
	}
	for _, in := range injections {
		if in.event < 0 {
			op.ends, op.deadline = in.at, in.fault.chunk == 1
		}
		op.unprovable = op.unprovable || in.fault.kind == bodyCorrupt && (op.list() || s.profile.noDigest || s.profile.headRefused != 0)
	}
}

// aftermath sees to it that a client is as good as new when the trouble is over.
func (m *model) aftermath(c *regret.Client) {
	m.choose, m.reach = func(*event) fault { return fault{} }, nil
	pass(2 * time.Minute)
	after := &operation{id: 1, kind: listRepos}
	if m.execute(c, after); after.err != nil {
		m.problem("afterwards: %v", after.err)
	}
}

// points are all single faults of a scenario: every request, every answer,
// every part of a body and every moment of waiting, with every kind of fault.
func points(events []*event, took time.Duration) []injection {
	var all []injection
	add := func(e int, faults ...fault) {
		for _, f := range faults {
			all = append(all, injection{event: e, fault: f})
		}
	}
	for i, e := range events {
		for _, after := range []bool{false, true} {
			add(i, fault{kind: closedEarly, after: after}, fault{kind: reset, after: after}, fault{kind: hang, after: after},
				fault{kind: serverError, status: 500, after: after})
		}
		add(i, fault{kind: dialFails}, fault{kind: twoDigests}, fault{kind: garbage}, fault{kind: repeatedHeader},
			fault{kind: slow, delay: 20 * time.Second}, fault{kind: slow, delay: 10 * time.Minute})
		for _, at := range []stage{leaving, handled} {
			all = append(all, injection{event: i, fault: fault{kind: canceled}, cancel: at})
		}
		for chunk := range e.chunks {
			add(i, fault{kind: bodyEOF, chunk: chunk}, fault{kind: bodyReset, chunk: chunk}, fault{kind: bodyShort, chunk: chunk},
				fault{kind: bodyCorrupt, chunk: chunk}, fault{kind: bodyStall, chunk: chunk, delay: time.Minute},
				fault{kind: bodyStall, chunk: chunk, delay: time.Second})
			all = append(all, injection{event: i, fault: fault{kind: canceled, chunk: chunk}, cancel: streaming})
		}
	}
	step := max(5*time.Millisecond, took/100)
	for at := step / 2; at < took; at += step {
		for how := range 2 { // canceled, or out of time
			all = append(all, injection{event: -1, fault: fault{kind: canceled, chunk: how}, at: at})
		}
	}
	return all
}

// TestTorture fails every single point of every scenario once in every way, and
// a sample of the pairs.
func TestTorture(t *testing.T) {
	t.Parallel()
	var singles, pairs atomic.Int64
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range scenarios() {
			t.Run(string(s.kind)+", "+s.habit, func(t *testing.T) {
				t.Parallel()
				problems, events, took := s.endure(t)
				s.report(t, problems)
				all := sample(points(events, took), thinned)
				for _, in := range all {
					problems, _, _ := s.endure(t, in)
					s.report(t, problems, in)
				}
				rng := rand.New(rand.NewPCG(uint64(len(all)), 1))
				for range len(all) / 4 {
					a, b := draw(rng, all), draw(rng, all)
					if b.event >= 0 { // it may strike what only the first brought about
						b.event += rng.IntN(4)
					}
					problems, _, _ := s.endure(t, a, b)
					s.report(t, problems, a, b)
				}
				singles.Add(int64(len(all)))
				pairs.Add(int64(len(all) / 4))
			})
		}
	})
	t.Logf("%d scenarios, %d faults injected one by one, %d pairs of them", len(scenarios()), singles.Load(), pairs.Load())
}

// sample takes every n-th.
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
