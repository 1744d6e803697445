package simulation

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8cb7cc86/regret"
)

var (
	oneSeed   = flag.Int64("seed", -1, "run this seed only, and with -v print its trace")
	someSeeds = flag.Int64("seeds", 0, "how many seeds to run; otherwise REGRET_SEEDS says so, or 1000 (with -race 125)")
	firstSeed = flag.Int64("from", 1, "the first seed")
)

// A result is what one seed came to.
type result struct {
	seed                         int64
	operations, requests, faults int
	workers                      int
	problems                     []string
	trace                        []string
}

// simulate runs a seed in a time of its own.
func simulate(t *testing.T, seed int64) (r result) {
	crash := bubble(t, func() { r = run(seed) })
	if crash != "" {
		r.seed, r.problems = seed, append(r.problems, crash)
	}
	return r
}

// bubble runs f in a time of its own. What is left behind by a client, a
// goroutine or a panic, is what it returns.
func bubble(t *testing.T, f func()) (crash string) {
	defer func() {
		if p := recover(); p != nil {
			crash = fmt.Sprintf("panic: %v", p)
		}
	}()
	synctest.Test(t, func(*testing.T) { f() })
	return ""
}

func run(seed int64) result {
	rng := rand.New(rand.NewPCG(uint64(seed), 0x5eed))
	m := newModel(rng, drawProfile(rng))
	m.populate()
	workers := draw(rng, []int{1, 1, 2, 4})
	c, err := m.client()
	if err != nil {
		return result{seed: seed, problems: []string{err.Error()}}
	}
	total := 20 + rng.IntN(41)
	var all sync.WaitGroup
	done := make([][]*operation, workers)
	for w := range workers {
		own := rand.New(rand.NewPCG(uint64(seed), uint64(w)))
		all.Go(func() {
			pass(time.Duration(w) * time.Microsecond)
			for id := range total / workers {
				op := m.drawOperation(own, w, id)
				m.execute(c, op)
				done[w] = append(done[w], op)
				pass(time.Duration(own.Int64N(int64(draw(own, []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute})))))
				m.turn(own)
			}
		})
	}
	all.Wait()
	r := result{seed: seed, workers: workers, operations: total / workers * workers, requests: len(m.events), problems: m.problems}
	for _, e := range m.events {
		if e.fault.kind != nothing {
			r.faults++
		}
	}
	r.trace = m.trace(done)
	return r
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// populate fills the registry, and where it keeps no referrers, the tags that
// stand in for them.
func (m *model) populate() {
	if m.profile.crowded {
		m.store.populate(1, 1)
	} else {
		m.store.populate(1+m.rng.IntN(3), 6)
	}
	if !m.profile.noReferrers {
		return
	}
	for _, repo := range m.store.names() {
		r := m.store.repositories[repo]
		for _, digest := range r.digests() {
			if of := r.referrers(digest); len(of) > 0 {
				m.store.put(repo, fallbackTag(digest), m.store.index(of...))
			}
		}
	}
}

// client is a client of the model. It waits the same time before every
// repetition: chance is the seed's alone.
func (m *model) client(opts ...regret.Option) (*regret.Client, error) {
	retries := regret.DefaultRetries()
	retries.Max, retries.WaitMax = m.profile.repeats, retries.WaitMin
	return regret.New(registryOrigin, append([]regret.Option{
		regret.WithTransport(m),
		regret.WithBasicAuth(username, password),
		regret.WithTrustedRealm(tokenOrigin),
		regret.WithRetries(retries),
		regret.WithLogger(slog.New(slog.NewJSONHandler(listener{m, "the log"}, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		regret.WithTrace(func(a regret.Attempt) { fmt.Fprintf(listener{m, "the trace"}, "%+v %v", a, a.Err) }),
	}, opts...)...)
}

// A listener reads what is meant for people, and looks for secrets.
type listener struct {
	model *model
	what  string
}

func (l listener) Write(p []byte) (int, error) {
	if leaks(string(p)) {
		l.model.mu.Lock()
		defer l.model.mu.Unlock()
		l.model.problem("a secret in %s: %s", l.what, p)
	}
	return len(p), nil
}

// execute runs an operation and judges it.
func (m *model) execute(c *regret.Client, op *operation) {
	ctx := context.WithValue(context.Background(), operationKey{}, op)
	ctx, op.cancel = context.WithCancel(ctx)
	defer op.cancel()
	switch {
	case op.ends > 0 && op.deadline:
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, op.ends)
		defer stop()
	case op.ends > 0:
		defer time.AfterFunc(op.ends, op.cancel).Stop()
	}
	m.mu.Lock()
	m.running[op] = true
	op.from, op.began = m.store.moment, time.Now()
	if op.ends > 0 {
		op.stopped = op.began.Add(op.ends)
	}
	op.expected = slices.Clone(m.said[name{op.repository, op.reference}])
	m.mu.Unlock()
	op.perform(ctx, c)
	m.mu.Lock()
	delete(m.running, op)
	op.to, op.ended = m.store.moment, time.Now()
	if op.kind == putManifest {
		key := name{op.repository, op.reference}
		m.said[key] = append(m.said[key], op.manifest.digest)
	}
	m.mu.Unlock()
	m.judge(op)
}

// turn begins or ends a phase in which the registry refuses writes.
func (m *model) turn(rng *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := &m.profile; m.chance(p.phases) || p.readOnly || p.deleteDisabled {
		switch rng.IntN(5) {
		case 0:
			p.readOnly = !p.readOnly
		case 1:
			p.deleteDisabled = !p.deleteDisabled
		}
	}
}

// trace tells a run, line by line: every request in the order of arrival, then
// what the operations came to.
func (m *model) trace(done [][]*operation) []string {
	lines := []string{fmt.Sprintf("%+v", m.profile)}
	for _, e := range m.events {
		path := e.url.RequestURI()
		if e.op.kind == checkDelete && e.write() {
			path = "a digest that nobody has"
		}
		lines = append(lines, fmt.Sprintf("%3d %12v #%d/%d %-14s %-6s %s%s %d effect=%v %s after=%v served=%.15s told=%.15s",
			e.n, e.at, e.op.id, e.op.worker, e.op.kind, e.method, e.url.Host, path, e.status, e.effect, e.fault.kind, e.fault.after, e.served, e.told))
	}
	for _, ops := range done {
		for _, op := range ops {
			outcome := strings.ReplaceAll(fmt.Sprint(op.err), "\n", " ")
			if op.kind == checkDelete {
				outcome = fmt.Sprint(op.err != nil)
			}
			lines = append(lines, fmt.Sprintf("%s at %v: %s %s %q %q", op, op.began.Sub(m.began), outcome, op.digest, op.entries, op.notes))
		}
	}
	return lines
}

// TestSimulation runs the seeds that are asked for, and every one that ever
// failed.
func TestSimulation(t *testing.T) {
	seeds := chosen(t)
	if *oneSeed >= 0 {
		seeds = []int64{*oneSeed}
	}
	var next, operations, requests, faults atomic.Int64
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("some", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < int64(len(seeds)); i = next.Add(1) - 1 {
					r := simulate(t, seeds[i])
					operations.Add(int64(r.operations))
					requests.Add(int64(r.requests))
					faults.Add(int64(r.faults))
					report(t, r)
					// A seed takes the same way twice; with several workers almost always, for
					// the client may choose between two that come at the very same time.
					if twice := i%10 == 0 && r.workers == 1; twice && !slices.Equal(r.trace, simulate(t, seeds[i]).trace) {
						t.Errorf("seed %d: the second run is not the first", r.seed)
					}
				}
			})
		}
	})
	t.Logf("%d seeds, %d operations, %d requests, %d faults injected, in %v",
		len(seeds), operations.Load(), requests.Load(), faults.Load(), time.Since(began).Round(time.Millisecond))
}

func report(t *testing.T, r result) {
	if len(r.problems) > 0 {
		t.Errorf("seed %d:\n\t%s\nagain, with its trace:\n\tgo test ./internal/simulation -run 'TestSimulation$' -seed=%d -v",
			r.seed, strings.Join(r.problems, "\n\t"), r.seed)
	}
	if *oneSeed >= 0 && testing.Verbose() {
		t.Log(strings.Join(r.trace, "\n"))
	}
}

// chosen are the seeds to run.
func chosen(t *testing.T) []int64 {
	count := *someSeeds
	if text := os.Getenv("REGRET_SEEDS"); count == 0 && text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("REGRET_SEEDS: %v", err)
		}
		count = n
	}
	if count == 0 {
		count = 1000 / thinned
	}
	var seeds []int64
	for line := range strings.Lines(readFile(t, "testdata/seeds.txt")) {
		if text, _, _ := strings.Cut(line, "#"); strings.TrimSpace(text) != "" {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			seeds = append(seeds, n)
		}
	}
	for i := range count {
		seeds = append(seeds, *firstSeed+i)
	}
	return seeds
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
