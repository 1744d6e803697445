package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8cb7cc86/regret"
	"github.com/seed-8cb7cc86/regret/prune/plan"
)

// run takes all steps and looks what came of them.
func (r *run) run(ctx context.Context) (*Report, error) {
	if err := r.journal.begin(r.history.torn, r.report.Plan, r.trash != nil, r.report.Started); err != nil {
		return nil, err
	}
	if err := r.sweep(ctx); err != nil {
		return nil, err
	}
	writing, stop := settling(ctx)
	defer stop()
	if r.trash != nil {
		if err := r.trash.prepare(ctx, writing); err != nil {
			return nil, err
		}
	}
	r.settleIntents(writing)
	err := r.takeSteps(ctx, writing)
	if err == nil && r.trash != nil {
		err = r.trash.empty(ctx, writing)
	}
	err = errors.Join(err, r.journal.sync())
	if err == nil {
		err = r.conclude(ctx)
	}
	r.report.Ended = time.Now()
	return r.report, err
}

// settling returns a context for writes, which ends some time after the other: a write that
// is in flight is settled and not abandoned.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(settleTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-writing.Done():
		}
	})
	return writing, func() { stop(); cancel() }
}

// blockSize is how many steps are announced in the journal, and taken, between two looks
// at the clock.
const blockSize = 1000

// takeSteps takes the steps in blocks: each time those that wait for nothing more.
func (r *run) takeSteps(ctx, writing context.Context) error {
	again := make(map[int]bool) // steps that were refused because something refers to the manifest
	for {
		block := r.ready(again)
		if len(block) == 0 {
			if block = r.secondTry(again); len(block) == 0 {
				return nil
			}
		}
		if err := r.sweepIfDue(ctx); err != nil {
			return err
		}
		r.journal.add(entry{Intent: block})
		if err := r.journal.sync(); err != nil {
			return err
		}
		r.each(block, func(i int) {
			result := r.take(ctx, writing, i)
			if result.Kind == regret.ErrReferenced && !again[i] {
				result.Status = NotAttempted // not yet settled
			}
			r.record(result)
		})
		for _, i := range block {
			if result := r.report.Results[i]; result.Kind == regret.ErrReferenced && result.Status == NotAttempted {
				again[i] = true
			}
		}
		if err := r.ended(ctx); err != nil {
			return err
		}
	}
}

// ended returns why no further step is to be taken.
func (r *run) ended(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped != nil {
		return r.stopped
	}
	return context.Cause(ctx)
}

// ready returns the next steps whose predecessors are gone. It settles those that wait for
// something that stays.
func (r *run) ready(again map[int]bool) []int {
	var block []int
	for i, step := range r.steps {
		if len(block) == blockSize {
			break
		}
		if r.report.Results[i].Status != NotAttempted || again[i] || r.trash.postpones(i) {
			continue
		}
		switch blocker, state := r.blocker(step); state {
		case isFree:
			block = append(block, i)
		case isHeld:
			result := r.report.Results[i]
			result.Status, result.Reason = Held, fmt.Sprintf("%s must go before it and is still there", blocker)
			r.record(result)
		}
	}
	return block
}

type blockState int

const (
	isFree blockState = iota
	isWaiting
	isHeld
)

// blocker returns what keeps a step from being taken.
func (r *run) blocker(step plan.Step) (regret.Digest, blockState) {
	state, blocker := isFree, regret.Digest("")
	for _, before := range step.After {
		i, known := r.byDigest[before]
		switch {
		case !known:
		case r.report.Results[i].Status == NotAttempted:
			state, blocker = max(state, isWaiting), before
		case !r.report.Results[i].Status.isGone():
			return before, isHeld
		}
	}
	return blocker, state
}

// secondTry returns the steps that were refused because something still referred to them,
// once everything else is done.
func (r *run) secondTry(again map[int]bool) []int {
	var block []int
	for i := range r.steps {
		if again[i] && r.report.Results[i].Status == NotAttempted {
			block = append(block, i)
		}
	}
	return block
}

// each calls do for each step of a block, several at once.
func (r *run) each(block []int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(r.Concurrency, len(block)) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for _, i := range block {
		next <- i
	}
	close(next)
	wg.Wait()
}

// record records how a step ended.
func (r *run) record(result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Results[result.Step] = result
	if result.Status == NotAttempted {
		return
	}
	if result.Status == Failed {
		if r.failures++; r.failures >= maxFailures && r.stopped == nil {
			r.stopped = fmt.Errorf("%w: %d steps in a row failed, the last with: %w", ErrStopped, r.failures, result.Err)
		}
	} else {
		r.failures = 0
	}
	r.journal.add(entry{Result: &outcome{result.Step, result.Status, result.Reason, result.Kind}})
	if r.OnResult != nil {
		r.OnResult(result)
	}
}

// settleIntents finds out what came of steps that an earlier run was about to take: those
// whose manifest is gone were taken.
func (r *run) settleIntents(ctx context.Context) {
	var block []int
	for i := range r.history.intents {
		if r.report.Results[i].Status == NotAttempted && r.steps[i].Action == plan.Delete {
			block = append(block, i)
		}
	}
	r.each(block, func(i int) {
		_, err := r.Resolve(ctx, r.header.Repository, string(r.steps[i].Digest))
		if errors.Is(err, regret.ErrNotFound) {
			result := r.report.Results[i]
			result.Status, result.Reason, result.Bytes = Deleted, "by an earlier run", r.steps[i].Bytes
			r.record(result)
		}
	})
}
