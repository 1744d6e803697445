package simulation

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune"
	"github.com/seed-8cb7cc86/regret/prune/apply"
	"github.com/seed-8cb7cc86/regret/prune/internal/cases"
	"github.com/seed-8cb7cc86/regret/prune/plan"
	"github.com/seed-8cb7cc86/regret/prune/policy"
)

// A simulation is the run of one seed.
type simulation struct {
	*world
	settings
	scenario *cases.Case
	policy   *policy.Policy
	lists    []*policy.InUse
	rules    *rules
	rivals   *rivals
	plan     *planned
	before   state // when the plan was there
	after    state // when the last run has ended
	started  int   // the number of changes then
	disk     *disk
	planner  *regret.Client // of the process that has planned, which may carry out the plan
	handover *handover      // its transport
	newer    []*policy.InUse
	runs     []*outcomeOfRun
}

// newSimulation makes the repository of a seed, and a plan for it. Some seeds have nothing to do.
func newSimulation(seed int64, calm bool) *simulation {
	rng := rand.New(rand.NewPCG(uint64(seed), 0xa991))
	s := &simulation{settings: drawSettings(rng), disk: newDisk()}
	if calm {
		s.kills, s.fullDisks, s.readFaults = false, false, 0
	}
	for try := range 6 {
		s.scenario = drawScenario(rng)
		s.fill(seed, try)
		if p, err := s.makePlan(s.newClient(s.newProcess(0), nil)); err == nil && len(newPlanned(p).steps) > 1 {
			break
		}
	}
	return s
}

// fill makes the registry of the scenario.
func (s *simulation) fill(seed int64, try int) {
	c := s.scenario
	time.Sleep(time.Until(c.Now)) // which is the same for all scenarios
	extra := c.Faults.Entries
	for _, id := range c.Faults.DigestEntries {
		extra = append(extra, string(c.Digest(id)))
	}
	options := s.options(c.Referrers == cases.ReferrersAPI, c.Listing == cases.ListingGoogle, extra)
	s.world = newWorld(seed, c, s.profile.New(options...), s.pinned)
	s.rivals = &rivals{world: s.world}
	s.rules = &rules{world: s.world, profile: s.profile.Name, quarantine: s.quarantine, overwrite: s.overwrite}
	var err error
	if s.policy, err = policy.Parse(c.PolicyJSON()); err != nil {
		panic(err)
	}
	s.lists = nil
	for name, file := range c.Files {
		list, err := policy.ParseInUse(name, strings.NewReader(file.Content), file.Modified)
		if err != nil {
			panic(err)
		}
		s.lists = append(s.lists, list)
	}
	s.say("try %d: %s", try, s.settings.String())
}

// newProcess starts a process in which nothing goes wrong.
func (s *simulation) newProcess(number int) *process {
	return &process{world: s.world, number: number, rules: s.rules, rivals: s.rivals, latency: s.latency, knowledge: newKnowledge(s.concurrency == 1), dead: make(chan struct{})}
}

// newClient returns a client of a process. Its waits between attempts are constant, so that the seed
// is the only source of randomness.
func (s *simulation) newClient(p *process, planned *planned) *client {
	return s.watch(p, s.regretClient(p), planned)
}

// watch returns a client that records what it is told, and what it is about to do.
func (s *simulation) watch(p *process, c *regret.Client, planned *planned) *client {
	w := &client{Client: c, knowledge: p.knowledge, plan: planned}
	if s.faults == 0 && s.writes == 0 {
		w.patience = 100 * s.latency
	}
	return w
}

func (s *simulation) regretClient(transport http.RoundTripper) *regret.Client {
	retries := regret.DefaultRetries()
	retries.Max, retries.WaitMax = s.retries, retries.WaitMin
	c, err := regret.New(cases.Registry, regret.WithTransport(transport), regret.WithRetries(retries))
	if err != nil {
		panic(err)
	}
	return c
}

func (s *simulation) makePlan(c *client) (*plan.Plan, error) {
	o := &prune.ReadOptions{At: s.scenario.Now, InUse: s.lists, Concurrency: s.concurrency}
	if lister, ok := s.scenario.Lister(); ok {
		o.Lister = lister
	}
	return prune.Make(context.Background(), c.Client, s.scenario.Repository, s.policy, o)
}

// prepare plans, with and without faults, and reports whether there is something to carry out.
func (s *simulation) prepare() bool {
	if s.collector != nil {
		// What goes before anything is planned is not to be blamed on the client.
		s.rivals.collector = s.collector
		s.rivals.collect()
	}
	p := s.newProcess(0)
	if s.planInStorm {
		p.pushes = s.pushes
	}
	s.handover = &handover{p}
	s.planner = s.regretClient(s.handover)
	made, err := s.makePlan(s.watch(p, s.planner, nil))
	s.counts.plans++
	if err != nil {
		s.counts.refusedPlans++
		if _, incomplete := errors.AsType[*prune.IncompleteError](err); !incomplete {
			s.problem("planning: %v", err)
		}
		s.say("no plan: %v", err)
		return false
	}
	if s.readFaults > 0 && !s.planInStorm {
		s.planWithFaults(made)
	}
	var paper bytes.Buffer
	if _, err := made.WriteTo(&paper); err != nil {
		panic(err)
	}
	if made, err = plan.Read(&paper); err != nil {
		s.problem("the plan cannot be read: %v", err)
		return false
	}
	s.adopt(made)
	return true
}

// planWithFaults plans while requests fail. There is no plan then, or the same one.
func (s *simulation) planWithFaults(want *plan.Plan) {
	p := s.newProcess(0)
	p.faults = s.readFaults
	got, err := s.makePlan(s.newClient(p, nil))
	s.counts.plans++
	switch _, incomplete := errors.AsType[*prune.IncompleteError](err); {
	case incomplete:
		s.counts.refusedPlans++
	case err != nil:
		s.problem("P10: planning with faults: %v", err)
	case got.Digest() != want.Digest():
		s.problem("P10: planning with faults results in another plan:\n%s\nnot\n%s", got, want)
	}
}

// adopt takes over a plan.
func (s *simulation) adopt(p *plan.Plan) {
	s.plan = newPlanned(p)
	s.rules.plan = s.plan
	s.counts.steps = len(s.plan.steps)
	for _, step := range s.plan.steps {
		if step.Action == plan.Delete {
			s.rivals.doomed = append(s.rivals.doomed, step.Digest)
		}
	}
	s.before, s.started = s.state(), len(s.changes)
	for i, step := range s.plan.steps {
		s.say("step %d: %s %s %s, tags %q, untag %q, overwrite %t, after %q", i, step.Action, step.Role, s.nameOf(step.Digest), step.Tags, step.Untag, step.Overwrite, s.namesOf(step.After))
	}
	for _, line := range s.lines(s.before) {
		s.say("before: %s", line)
	}
	for _, dgst := range slices.Sorted(maps.Keys(s.contents)) {
		if c := s.contents[dgst]; len(c.lists) > 0 || c.subject != "" {
			s.say("before: %s lists %q, refers to %s", c.name, s.namesOf(c.lists), s.nameOf(c.subject))
		}
	}
	if s.newerLists {
		s.renewLists()
	}
}

// renewLists makes newer in-use lists, which name something that the plan deletes.
func (s *simulation) renewLists() {
	rng := s.dice("in use")
	for _, list := range s.plan.Header().InUse {
		if slices.ContainsFunc(s.newer, func(l *policy.InUse) bool { return l.Name() == list.Name }) {
			continue // two rules name it
		}
		old := s.scenario.Files[list.Name]
		content := "# what else is in use\nregistry.example/team/other:v1\n"
		if len(s.rivals.doomed) > 0 && rng.IntN(2) == 0 {
			dgst := pick(rng, s.rivals.doomed...)
			content += string(dgst) + "\n"
			s.rules.inUse = append(s.rules.inUse, dgst)
		}
		newer, err := policy.ParseInUse(list.Name, strings.NewReader(content), old.Modified.Add(30*time.Minute))
		if err != nil {
			panic(err)
		}
		s.newer = append(s.newer, newer)
	}
}

// options returns the options of a run.
func (s *simulation) applyOptions(p *process, k *killer) apply.Options {
	o := apply.Options{Concurrency: s.concurrency, Writes: s.writes, Verify: s.verify, InUse: s.newer, OnResult: func(r apply.Result) {
		p.knowledge.result(r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.say("run %d: step %d: %s %s", p.number, r.Step, r.Status, r.Reason)
	}}
	if s.journal {
		o.Journal = s.disk.openJournal(k)
	}
	return o
}
