package simulation

import (
	"errors"
	"flag"
	"fmt"
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
	"github.com/seed-8cb7cc86/regret/internal/fakeregistry"
	"github.com/seed-8cb7cc86/regret/prune/apply"
)

var (
	seedFlag  = flag.Int64("seed", -1, "run only this seed; with -v, print its trace")
	seedsFlag = flag.Int64("seeds", 0, "number of seeds to run (default REGRET_SEEDS, or 400, or 50 with -race)")
	fromFlag  = flag.Int64("from", 1, "first seed")
)

// A result is what came of a seed.
type result struct {
	seed     int64
	counts   counts
	problems []string
	trace    []string
}

// simulate runs a seed, and once more without the ends of processes where that must make no difference.
func simulate(t *testing.T, seed int64) result {
	r, s := simulateOnce(t, seed, false)
	if s == nil || len(r.problems) > 0 || s.plan == nil || !s.mustResumeWell() {
		return r
	}
	unbroken, whole := simulateOnce(t, seed, true)
	r.problems = append(r.problems, unbroken.problems...)
	if whole != nil && len(unbroken.problems) == 0 {
		r.problems = append(r.problems, s.compareWith(whole)...)
	}
	return r
}

// mustResumeWell reports whether interrupted runs must end like one that was not interrupted. Where tags
// still serve what was deleted, another run takes it for something that was pushed anew.
func (s *simulation) mustResumeWell() bool {
	return (s.kills || s.fullDisks) && s.isQuiet() && s.faults == 0 && !s.contextsEnd && s.profile.Name != fakeregistry.GoContainerRegistry().Name
}

// simulateOnce runs a seed in virtual time. There is no simulation if it has panicked, or left a
// goroutine behind.
func simulateOnce(t *testing.T, seed int64, unbroken bool) (r result, s *simulation) {
	crash := inBubble(t, func() {
		s = newSimulation(seed, unbroken)
		if s.prepare() {
			s.run()
			s.after = s.state()
			s.restore()
		}
	})
	r.seed = seed
	if s != nil {
		r.counts, r.problems, r.trace = s.counts, s.problems, s.trace
	}
	if crash != "" {
		r.problems = append(r.problems, crash)
		s = nil
	}
	return r, s
}

// inBubble runs f in a synctest bubble. It returns a description of a panic, which is also how
// synctest reports a goroutine that f left behind, or "".
func inBubble(t *testing.T, f func()) (crash string) {
	defer func() {
		if p := recover(); p != nil {
			crash = fmt.Sprintf("panic: %v", p)
		}
	}()
	synctest.Test(t, func(*testing.T) { f() })
	return ""
}

// compareWith compares a run that was interrupted and resumed with one that was not.
func (s *simulation) compareWith(unbroken *simulation) []string {
	last, whole := s.runs[len(s.runs)-1], unbroken.runs[len(unbroken.runs)-1]
	if last.report == nil || whole.report == nil {
		_, failed := errors.AsType[*regret.Error](errors.Join(last.err, whole.err)) // Docker Hub counts what is read
		if !failed && (last.report != nil || whole.report != nil) {
			return []string{fmt.Sprintf("P8: only one run has a report: %v and %v", last.err, whole.err)}
		}
		return nil
	}
	// Where a refusal ends a run, it is a matter of time which of the steps that are taken at once have begun.
	isEarly := s.concurrency > 1 && errors.Is(last.err, apply.ErrStopped) && errors.Is(whole.err, apply.ErrStopped)
	var problems []string
	for i, want := range whole.report.Results {
		got := last.report.Results[i]
		if isEarly && got.Status != want.Status && (got.Status == apply.NotAttempted || want.Status == apply.NotAttempted) {
			return nil
		}
		// What the registry has deleted along with something else may be what an interrupted run
		// was about to delete. Of Quay, which serves what it has deleted, nobody can tell.
		along := want.Status == apply.AlreadyGone || want.Status == apply.Refused && s.keepsServing()
		if want.Status == apply.NotAttempted && got.Status == apply.Unknown && last.err != nil {
			continue // the last run has ended early, without a look at what the interrupted one may have done
		}
		if got.Status != want.Status && !(along && (got.Status == apply.Deleted || got.Status == apply.Untagged)) {
			problems = append(problems, fmt.Sprintf("P8: step %d is %s (%s), but %s (%s) without interruption", i, got.Status, got.Reason, want.Status, want.Reason))
		}
	}
	if got, want := s.lines(s.tidy(s.after)), unbroken.lines(unbroken.tidy(unbroken.after)); !slices.Equal(got, want) {
		problems = append(problems, fmt.Sprintf("P8: the repository has\n\t%q\nbut without interruption\n\t%q", got, want))
	}
	return problems
}

// TestApplySimulation runs the requested seeds and every seed that ever failed.
func TestApplySimulation(t *testing.T) {
	seeds := seedsToRun(t)
	var next atomic.Int64
	var mu sync.Mutex
	var total counts
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < int64(len(seeds)); i = next.Add(1) - 1 {
					r := simulate(t, seeds[i])
					mu.Lock()
					total = total.plus(r.counts)
					mu.Unlock()
					report(t, r)
				}
			})
		}
	})
	t.Logf("%d seeds in %v: %s", len(seeds), time.Since(began).Round(time.Millisecond), total)
}

func report(t *testing.T, r result) {
	if len(r.problems) > 0 {
		t.Errorf("seed %d:\n\t%s\nto reproduce with a trace:\n\tgo test ./prune/internal/simulation -run 'TestApplySimulation$' -seed=%d -v",
			r.seed, strings.Join(r.problems, "\n\t"), r.seed)
	}
	if *seedFlag >= 0 && testing.Verbose() {
		t.Log("\n" + strings.Join(r.trace, "\n"))
	}
}

// seedsToRun returns the seeds of testdata/seeds.txt, then those that the flags or REGRET_SEEDS select.
func seedsToRun(t *testing.T) []int64 {
	if *seedFlag >= 0 {
		return []int64{*seedFlag}
	}
	count := *seedsFlag
	if text := os.Getenv("REGRET_SEEDS"); count == 0 && text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatalf("REGRET_SEEDS: %v", err)
		}
		count = n
	}
	if count == 0 {
		count = 400 / sampleEvery
	}
	content, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	var seeds []int64
	for line := range strings.Lines(string(content)) {
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

func (c counts) plus(o counts) counts {
	return counts{
		c.requests + o.requests, c.writes + o.writes, c.faults + o.faults, c.pushes + o.pushes, c.collections + o.collections, c.windows + o.windows,
		c.runs + o.runs, c.kills + o.kills, c.steps + o.steps, c.restores + o.restores, c.plans + o.plans, c.refusedPlans + o.refusedPlans,
	}
}

func (c counts) String() string {
	return fmt.Sprintf("%d requests, %d of them writes, %d faults; %d requests of other clients, %d tags in windows that no client sees, %d garbage collections; "+
		"%d plans, %d of them refused, %d steps; %d runs, %d of them killed; %d restored",
		c.requests, c.writes, c.faults, c.pushes, c.windows, c.collections, c.plans, c.refusedPlans, c.steps, c.runs, c.kills, c.restores)
}
