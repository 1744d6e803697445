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
	seedFlag  = flag.Int64("seed", -1, "run only this seed; with -v, print its trace")
	seedsFlag = flag.Int64("seeds", 0, "number of seeds to run (default REGRET_SEEDS, or 1000, or 125 with -race)")
	fromFlag  = flag.Int64("from", 1, "first seed")
)

// A result summarizes the run of one seed.
type result struct {
	seed                         int64
	operations, requests, faults int
	workers                      int
	problems                     []string
	trace                        []string
}

// simulate runs a seed in virtual time.
func simulate(t *testing.T, seed int64) (r result) {
	crash := runInBubble(t, func() { r = run(seed) })
	if crash != "" {
		r.seed, r.problems = seed, append(r.problems, crash)
	}
	return r
}

// runInBubble runs f in a synctest bubble. It returns a description of a panic, which is also how
// synctest reports a goroutine that f left behind, or "".
func runInBubble(t *testing.T, f func()) (crash string) {
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
	workers := pick(rng, []int{1, 1, 2, 4})
	c, err := m.client()
	if err != nil {
		return result{seed: seed, problems: []string{err.Error()}}
	}
	totalOperations := 20 + rng.IntN(41)
	var workersDone sync.WaitGroup
	performed := make([][]*operation, workers)
	for w := range workers {
		workerRNG := rand.New(rand.NewPCG(uint64(seed), uint64(w)))
		workersDone.Go(func() {
			wait(time.Duration(w) * time.Microsecond)
			for id := range totalOperations / workers {
				op := m.drawOperation(workerRNG, w, id)
				m.execute(c, op)
				performed[w] = append(performed[w], op)
				wait(time.Duration(workerRNG.Int64N(int64(pick(workerRNG, []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute})))))
				m.toggleWritePhases(workerRNG)
			}
		})
	}
	workersDone.Wait()
	r := result{seed: seed, workers: workers, operations: totalOperations / workers * workers, requests: len(m.events), problems: m.problems}
	for _, e := range m.events {
		if e.fault.kind != noFault {
			r.faults++
		}
	}
	r.trace = m.trace(performed)
	return r
}

// wait returns after d of virtual time.
func wait(d time.Duration) { <-time.After(d) }

// populate fills the registry. Where the registry has no referrers API, populate also pushes the
// fallback tags of the referrers tag schema.
func (m *model) populate() {
	if m.profile.contended {
		m.store.populate(1, 1)
	} else {
		m.store.populate(1+m.rng.IntN(3), 6)
	}
	if !m.profile.noReferrers {
		return
	}
	for _, repo := range m.store.repositoryNames() {
		r := m.store.repositories[repo]
		for _, digest := range r.digests() {
			if of := r.referrers(digest); len(of) > 0 {
				m.store.put(repo, fallbackTag(digest), m.store.newIndex(of...))
			}
		}
	}
}

// client returns a client of the model. Its waits between attempts are constant, so that the seed
// is the only source of randomness.
func (m *model) client(opts ...regret.Option) (*regret.Client, error) {
	retries := regret.DefaultRetries()
	retries.Max, retries.WaitMax = m.profile.retries, retries.WaitMin
	return regret.New(registryOrigin, append([]regret.Option{
		regret.WithTransport(m),
		regret.WithBasicAuth(username, password),
		regret.WithTrustedRealm(tokenOrigin),
		regret.WithRetries(retries),
		regret.WithLogger(slog.New(slog.NewJSONHandler(leakWriter{m, "the log"}, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		regret.WithTrace(func(a regret.Attempt) { fmt.Fprintf(leakWriter{m, "the trace"}, "%+v %v", a, a.Err) }),
	}, opts...)...)
}

// A leakWriter reports every secret that is written to it.
type leakWriter struct {
	model  *model
	source string
}

func (l leakWriter) Write(p []byte) (int, error) {
	if leaks(string(p)) {
		l.model.mu.Lock()
		defer l.model.mu.Unlock()
		l.model.problem("%s contains a secret: %s", l.source, p)
	}
	return len(p), nil
}

// execute runs an operation and judges its outcome.
func (m *model) execute(c *regret.Client, op *operation) {
	ctx := context.WithValue(context.Background(), operationKey{}, op)
	ctx, op.cancel = context.WithCancel(ctx)
	defer op.cancel()
	switch {
	case op.endsAfter > 0 && op.deadline:
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, op.endsAfter)
		defer stop()
	case op.endsAfter > 0:
		defer time.AfterFunc(op.endsAfter, op.cancel).Stop()
	}
	m.mu.Lock()
	m.running[op] = true
	op.fromVersion, op.began = m.store.version, time.Now()
	if op.endsAfter > 0 {
		op.contextEndedAt = op.began.Add(op.endsAfter)
	}
	op.expected = slices.Clone(m.seenDigests[name{op.repository, op.reference}])
	m.mu.Unlock()
	op.perform(ctx, c)
	m.mu.Lock()
	delete(m.running, op)
	op.toVersion, op.ended = m.store.version, time.Now()
	if op.kind == putManifest {
		key := name{op.repository, op.reference}
		m.seenDigests[key] = append(m.seenDigests[key], op.manifest.digest)
	}
	m.mu.Unlock()
	m.judge(op)
}

// toggleWritePhases starts or ends a phase in which the registry refuses writes.
func (m *model) toggleWritePhases(rng *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := &m.profile; m.chance(p.writePhases) || p.readOnly || p.deleteDisabled {
		switch rng.IntN(5) {
		case 0:
			p.readOnly = !p.readOnly
		case 1:
			p.deleteDisabled = !p.deleteDisabled
		}
	}
}

// trace describes a run line by line: the requests in order of arrival, then the outcomes of the
// operations. It leaves out the digest that CheckDelete makes up, which differs between two runs.
func (m *model) trace(done [][]*operation) []string {
	lines := []string{fmt.Sprintf("%+v", m.profile)}
	for _, e := range m.events {
		path := e.url.RequestURI()
		if e.op.kind == checkDelete && e.write() {
			path = "(made-up digest)"
		}
		lines = append(lines, fmt.Sprintf("%3d %12v #%d/%d %-14s %-6s %s%s %d changed=%v %s takes-effect=%v current=%.15s response-digest=%.15s",
			e.n, e.at, e.op.id, e.op.worker, e.op.kind, e.method, e.url.Host, path, e.status, e.changed, e.fault.kind, e.fault.takesEffect, e.currentDigest, e.responseDigest))
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

// TestSimulation runs the requested seeds and every seed that ever failed.
func TestSimulation(t *testing.T) {
	seeds := seedsToRun(t)
	if *seedFlag >= 0 {
		seeds = []int64{*seedFlag}
	}
	var next, operations, requests, faults atomic.Int64
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < int64(len(seeds)); i = next.Add(1) - 1 {
					r := simulate(t, seeds[i])
					operations.Add(int64(r.operations))
					requests.Add(int64(r.requests))
					faults.Add(int64(r.faults))
					report(t, r)
					// A second run of a seed must be identical. With several workers it may differ,
					// because the client may pick either of two events that happen at the same time.
					if repeatable := i%10 == 0 && r.workers == 1; repeatable && !slices.Equal(r.trace, simulate(t, seeds[i]).trace) {
						t.Errorf("seed %d: two runs have different traces", r.seed)
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
		t.Errorf("seed %d:\n\t%s\nto reproduce with a trace:\n\tgo test ./internal/simulation -run 'TestSimulation$' -seed=%d -v",
			r.seed, strings.Join(r.problems, "\n\t"), r.seed)
	}
	if *seedFlag >= 0 && testing.Verbose() {
		t.Log(strings.Join(r.trace, "\n"))
	}
}

// seedsToRun returns the seeds of testdata/seeds.txt, then those that the flags or REGRET_SEEDS select.
func seedsToRun(t *testing.T) []int64 {
	count := *seedsFlag
	if text := os.Getenv("REGRET_SEEDS"); count == 0 && text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("REGRET_SEEDS: %v", err)
		}
		count = n
	}
	if count == 0 {
		count = 1000 / sampleEvery
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
		seeds = append(seeds, *fromFlag+i)
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
